/** Speaks to a `docker-credential-NAME` program (the credential helper protocol of docker). */
import { messageOf, TsboxError } from "../errors.ts";
import { readJson } from "../oci/json_reader.ts";

/** What a registry knows the user by. */
export type Credentials =
  | { kind: "password"; username: string; password: string }
  /** To be exchanged for access tokens (OAuth2 refresh token). */
  | { kind: "identity-token"; token: string }
  /** A bearer token as it is. */
  | { kind: "registry-token"; token: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds: a keyring may have to ask the user to unlock it. */
const TIMEOUT = 120_000;
/** Milliseconds after its end in which what it wrote is still on its way. */
const LINGER = 500;
/** Bytes of its answer. */
const MAX_OUTPUT = 64 * 1024;

/** It becomes part of a program's name that is looked up in PATH. */
const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The user name by which a helper says that the secret is an identity token. */
const TOKEN_USER = "<token>";

/**
 * The credentials a helper keeps for a server, or undefined when it keeps none.
 * @param server as `docker login` named it
 * @throws TsboxError("unavailable") when the helper is missing or fails; its output is never shown
 */
export async function askHelper(
  name: string,
  server: string,
  env: Environment,
): Promise<Credentials | undefined> {
  const what = `get credentials for ${server}`;
  const { text, output, code, program } = await runHelper(name, "get", server, env, what);
  if (code !== 0 && saysNotFound(text)) return undefined;
  if (code !== 0) {
    throw new TsboxError("unavailable", `Cannot ${what}: ${program} ended with ${code}`);
  }
  return readAnswer(output, program, server);
}

/**
 * Gives a helper the credentials for a server to keep.
 * @throws TsboxError("unavailable") when it is missing or fails
 */
export async function storeWithHelper(
  name: string,
  server: string,
  credentials: Credentials,
  env: Environment,
): Promise<void> {
  const isPassword = credentials.kind === "password";
  const secret = isPassword ? credentials.password : credentials.token;
  const username = isPassword ? credentials.username : TOKEN_USER;
  const request = JSON.stringify({ ServerURL: server, Username: username, Secret: secret });
  const what = `store the credentials for ${server}`;
  const { text, code, program } = await runHelper(name, "store", request, env, what);
  if (code !== 0) throw helperFailed(what, program, code, text, secret);
}

/**
 * Makes a helper forget a server; one that knows nothing of it has nothing to do.
 * @throws TsboxError("unavailable") when it is missing or fails
 */
export async function eraseWithHelper(
  name: string,
  server: string,
  env: Environment,
): Promise<void> {
  const what = `erase the credentials for ${server}`;
  const { text, code, program } = await runHelper(name, "erase", server, env, what);
  if (code !== 0 && !saysNotFound(text)) throw helperFailed(what, program, code, text);
}

/** Helpers say why on their standard output; one that quotes the secret is not quoted. */
function helperFailed(
  what: string,
  program: string,
  code: number,
  text: string,
  secret?: string,
): TsboxError {
  const words = text.split("\n")[0]?.slice(0, 200) ?? "";
  const detail = words === "" || (secret && text.includes(secret)) ? "" : `: ${words}`;
  return new TsboxError("unavailable", `Cannot ${what}: ${program} ended with ${code}${detail}`);
}

function saysNotFound(text: string): boolean {
  return /credentials not found/i.test(text);
}

interface HelperAnswer {
  program: string;
  output: Uint8Array;
  text: string;
  code: number;
}

async function runHelper(
  name: string,
  action: "get" | "store" | "erase",
  input: string,
  env: Environment,
  what: string,
): Promise<HelperAnswer> {
  const program = `docker-credential-${name}`;
  const path = HELPER_NAME.test(name) ? Bun.which(program, { PATH: env["PATH"] ?? "" }) : null;
  if (path === null) {
    throw new TsboxError("unavailable", `Cannot ${what}: no ${program} in PATH`, {
      hint: "install it, or remove it from credsStore and credHelpers of docker's config.json",
    });
  }
  const child = Bun.spawn([path, action], {
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "ignore",
    env: { ...env },
    timeout: TIMEOUT,
    maxBuffer: MAX_OUTPUT,
  });
  const output = await outputOf(child);
  const code = await child.exited;
  return { program, output, text: new TextDecoder().decode(output).trim(), code };
}

/** What it has said when it ends; an agent that it started may keep its output open for ever. */
async function outputOf(child: Bun.Subprocess<Uint8Array, "pipe", "ignore">): Promise<Uint8Array> {
  const reader = child.stdout.getReader();
  const chunks: Uint8Array[] = [];
  const end = child.exited.then(() => Bun.sleep(LINGER)).then(() => ({ value: undefined }));
  for (;;) {
    const { value } = await Promise.race([reader.read(), end]);
    if (value === undefined) break;
    chunks.push(value);
  }
  reader.cancel().catch(() => {});
  return Buffer.concat(chunks);
}

function readAnswer(output: Uint8Array, program: string, server: string): Credentials | undefined {
  try {
    const json = readJson(output, `answer of ${program}`, MAX_OUTPUT);
    const [username, secret] = [json.optionalString("Username"), json.optionalString("Secret")];
    if (!username || !secret) return undefined;
    if (username === TOKEN_USER) return { kind: "identity-token", token: secret };
    return { kind: "password", username, password: secret };
  } catch (cause) {
    // The text of a JSON error may quote the secret.
    const known = cause instanceof TsboxError && !(cause.cause instanceof Error);
    const why = known ? messageOf(cause) : "its answer is not JSON";
    throw new TsboxError(
      "unavailable",
      `Cannot get credentials for ${server} from ${program}: ${why}`,
    );
  }
}
