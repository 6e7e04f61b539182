import {
  authenticate,
  isDockerHub,
  login,
  storedLogin,
  type UserPassword,
} from "../../engine/login.ts";
import type { EngineContext } from "../../engine/context.ts";
import { messageOf, TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { printable } from "../format/printable.ts";
import { interruptible } from "../interrupt.ts";
import type { CliIo } from "../io.ts";
import type { ParsedLine } from "../parse.ts";
import { ask, askSecret, readSecretInput } from "../prompt.ts";

/** `tsbox login`. */
export const command: Command = {
  grammar: {
    path: "login",
    aliases: ["login"],
    summary: "Authenticate to a registry",
    usage: "[OPTIONS] [SERVER]",
    args: { min: 0, max: 1 },
    flags: [
      { name: "username", short: "u", value: "string", help: "Username" },
      {
        name: "password",
        short: "p",
        value: "string",
        help: "Password or Personal Access Token (PAT)",
      },
      {
        name: "password-stdin",
        help: "Take the Password or Personal Access Token (PAT) from stdin",
      },
    ],
  },
  run: async (line, io, context) => {
    const [server = ""] = line.args;
    const given = await givenOptions(line, io);
    const isAnonymous = given.username === undefined && given.password === undefined;
    const stored = isAnonymous ? await storedLogin(server, context) : undefined;
    if (stored === undefined || !await worksStill(server, stored, io, context)) {
      const user = await askMissing(server, given, stored?.username, io);
      await logIn(server, user, io, context);
    }
    io.out("Login Succeeded\n");
    return 0;
  },
};

type GivenOptions = Partial<UserPassword>;

async function givenOptions({ flags }: ParsedLine, io: CliIo): Promise<GivenOptions> {
  const [username, password] = [flags.last("username"), flags.last("password")];
  const fromInput = flags.on("password-stdin");
  if (password !== undefined && flags.has("password-stdin")) {
    throw invalid("conflicting options: cannot specify both --password and --password-stdin");
  }
  if (username !== undefined && username.trim() === "") throw invalid("username is empty");
  if (password === "") throw invalid("password is empty");
  if (fromInput && username === undefined) {
    throw invalid("the --password-stdin option requires --username to be set");
  }
  if (password !== undefined) {
    io.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
  }
  const secret = fromInput ? await readSecretInput() : password;
  if (secret === "") throw invalid("password is empty");
  return {
    ...(username !== undefined && { username: username.trim() }),
    ...(secret !== undefined && { password: secret }),
  };
}

function invalid(message: string): TsboxError {
  return new TsboxError("invalid-argument", message);
}

/** Docker tries what it knows before it asks. */
async function worksStill(
  server: string,
  user: UserPassword,
  io: CliIo,
  context: EngineContext,
): Promise<boolean> {
  io.err(
    `Authenticating with existing credentials... [Username: ${printable(user.username)}]\n\n` +
      " Info -> To login with a different account, run 'tsbox logout' followed by 'tsbox login'\n\n\n",
  );
  try {
    await interruptible((signal) => authenticate(server, user, context, signal));
    return true;
  } catch (error) {
    if (!(error instanceof TsboxError) || error.code === "cancelled") throw error;
    const isRefusal = error.code === "unauthorized";
    const reason = `Login did not succeed, error: ${printable(messageOf(error))}`;
    io.err(`${isRefusal ? "Stored credentials invalid or expired" : reason}\n`);
    return false;
  }
}

async function askMissing(
  server: string,
  given: GivenOptions,
  before: string | undefined,
  io: CliIo,
): Promise<UserPassword> {
  const { username, password } = given;
  if (username !== undefined && password !== undefined) return { username, password };
  if (!io.isTty(0)) {
    throw invalid("Cannot perform an interactive login from a non TTY device");
  }
  const hub = isDockerHub(server);
  const name = username ?? await askName(hub, before, io);
  if (name === "") throw invalid("username is empty");
  if (password !== undefined) return { username: name, password };
  if (hub) io.err(TOKEN_ADVICE);
  const secret = await askSecret(io, "Password: ");
  if (secret === "") throw invalid("password is empty");
  return { username: name, password: secret };
}

const TOKEN_ADVICE = "\n Info -> A Personal Access Token (PAT) can be used instead.\n" +
  "         To create a PAT, visit https://app.docker.com/settings\n\n\n";

async function askName(hub: boolean, before: string | undefined, io: CliIo): Promise<string> {
  if (hub) io.out("Log in with your Docker ID or email address.\n\n");
  const question = before === undefined ? "Username: " : `Username (${printable(before)}): `;
  return (await ask(io, question)).trim() || (before ?? "");
}

async function logIn(
  server: string,
  user: UserPassword,
  io: CliIo,
  context: EngineContext,
): Promise<void> {
  const { plainFile } = await interruptible((signal) => login(server, user, context, signal));
  if (plainFile === undefined) return;
  io.err(
    `\nWARNING! Your credentials are stored unencrypted in '${plainFile}'.\n` +
      "Configure a credential helper to remove this warning. See\n" +
      "https://docs.docker.com/go/credential-store/\n\n",
  );
}
