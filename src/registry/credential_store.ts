/** Writes and forgets the user's credentials, where docker keeps them: config.json or a helper program. */
import { messageOf, TsboxError } from "../errors.ts";
import { type Credentials, eraseWithHelper, storeWithHelper } from "./credential_helper.ts";
import { helperOf } from "./credentials.ts";
import {
  changeDockerConfig,
  type DockerConfig,
  readDockerConfig,
  section,
} from "./docker_config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Whose credentials, and where they are kept. */
export interface CredentialPlace {
  /** Absolute: where docker's config.json is. */
  dockerConfigDir: string;
  /** PATH of credential helpers. */
  env: Environment;
}

/** What is known of a user after a log-in. */
export interface LoginRecord {
  username: string;
  password: string;
  /** Kept in place of the password when there is one. */
  identityToken: string | undefined;
}

/**
 * Keeps a log-in under the name `server`.
 * @returns true when it is in config.json for every program of the user to read, false with a helper
 * @throws TsboxError("unavailable") for a failing helper, "host" or "invalid-argument" for the file
 */
export async function storeCredentials(
  place: CredentialPlace,
  server: string,
  record: LoginRecord,
): Promise<boolean> {
  const helper = helperOf(readDockerConfig(place.dockerConfigDir), server);
  if (helper !== undefined) {
    await storeWithHelper(helper, server, secretOf(record), place.env);
  }
  // With a helper an empty entry says that there is a log-in, as docker writes it.
  const entry = helper === undefined ? fileEntry(record) : {};
  changeDockerConfig(place.dockerConfigDir, (config) => ({
    ...config,
    auths: { ...section(config, "auths"), [server]: entry },
  }));
  return helper === undefined;
}

function secretOf({ username, password, identityToken }: LoginRecord): Credentials {
  return identityToken === undefined
    ? { kind: "password", username, password }
    : { kind: "identity-token", token: identityToken };
}

function fileEntry({ username, password, identityToken }: LoginRecord): Record<string, string> {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  if (identityToken === undefined) return { auth: encode(`${username}:${password}`) };
  return { auth: encode(`${username}:`), identitytoken: identityToken };
}

/**
 * Forgets what is kept under any of the names; having nothing to forget is no failure.
 * @throws TsboxError("unavailable") when a helper fails; everything else is forgotten then all the same
 */
export async function eraseCredentials(
  place: CredentialPlace,
  servers: readonly string[],
): Promise<void> {
  const config = readDockerConfig(place.dockerConfigDir);
  if (config === undefined) return;
  changeDockerConfig(place.dockerConfigDir, (config) => withoutAuths(config, servers));
  const failures: string[] = [];
  for (const server of servers) {
    const helper = helperOf(config, server);
    if (helper === undefined) continue;
    await eraseWithHelper(helper, server, place.env).catch((error: unknown) =>
      failures.push(messageOf(error))
    );
  }
  if (failures[0] === undefined) return;
  throw new TsboxError("unavailable", failures[0]);
}

function withoutAuths(
  config: DockerConfig,
  servers: readonly string[],
): DockerConfig | undefined {
  const auths = section(config, "auths");
  const left = Object.entries(auths).filter(([server]) => !servers.includes(server));
  if (left.length === Object.keys(auths).length) return undefined;
  const { auths: _, ...others } = config;
  return left.length === 0 ? others : { ...others, auths: Object.fromEntries(left) };
}
