/** Asks a `docker-credential-NAME` program (the credential helper protocol of docker). */
import { messageOf, TsboxError } from "../errors.ts";
import { readJson } from "../oci/json_reader.ts";

/** What a registry knows the user by. */
export type Credentials =
  | { kind: "password"; username: string; password: string }
  /** To be exchanged for access tokens (OAuth2 refresh token). */
  | { kind: "identity-token"; token: string }
  /** A bearer token as it is. */
  | { kind: "registry-token"; token: string };

/** Milliseconds: a keyring may have to ask the user to unlock it. */
const TIMEOUT = 120_000;
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
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const path = HELPER_NAME.test(name) ? Bun.which(program, { PATH: env["PATH"] ?? "" }) : null;
  if (path === null) {
    throw new TsboxError(
      "unavailable",
      `Cannot get credentials for ${server}: no ${program} in PATH`,
      {
        hint: "install it, or remove it from credsStore and credHelpers of docker's config.json",
      },
    );
  }
  const { output, code } = await run(path, server, env);
  const text = new TextDecoder().decode(output).trim();
  if (code !== 0 && /credentials not found/i.test(text)) return undefined;
  if (code !== 0) {
    throw new TsboxError(
      "unavailable",
      `Cannot get credentials for ${server}: ${program} ended with ${code}`,
    );
  }
  return readAnswer(output, program, server);
}

async function run(
  path: string,
  server: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ output: Uint8Array; code: number }> {
  const child = Bun.spawn([path, "get"], {
    stdin: new TextEncoder().encode(server),
    stdout: "pipe",
    stderr: "ignore",
    env: { ...env },
    timeout: TIMEOUT,
    maxBuffer: MAX_OUTPUT,
  });
  const output = await child.stdout.bytes();
  return { output, code: await child.exited };
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
