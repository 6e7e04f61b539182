/** `login` and `logout`: what registries know the user by, kept where docker and its friends look. */
import { eraseCredentials, storeCredentials } from "../registry/credential_store.ts";
import { CredentialSource, DOCKER_HUB_KEY, serverKeys } from "../registry/credentials.ts";
import { dockerConfigPath } from "../registry/docker_config.ts";
import { checkLogin, loginServer } from "../registry/login.ts";
import { Connection } from "../registry/connection.ts";
import type { EngineContext } from "./context.ts";
import { registryOptions } from "./registry_options.ts";

export interface UserPassword {
  username: string;
  password: string;
}

/**
 * The password log-in that is stored for a server, if any.
 * @throws TsboxError as loginServer and CredentialSource.find
 */
export async function storedLogin(
  server: string,
  { dockerConfigDir, env }: EngineContext,
): Promise<UserPassword | undefined> {
  const { registry } = loginServer(server);
  const found = await new CredentialSource(dockerConfigDir, env).find(registry);
  return found?.kind === "password" ? found : undefined;
}

/** Whether a server is Docker Hub, as no name is. @throws TsboxError("invalid-argument") for no host */
export function isDockerHub(server: string): boolean {
  return loginServer(server).key === DOCKER_HUB_KEY;
}

/**
 * Checks a user at a registry and keeps what it takes to be known there.
 * @param server empty for Docker Hub
 * @returns the file the password stands in for everybody who can read it; undefined when a helper keeps it
 * @throws TsboxError "unauthorized", "unavailable", "invalid-argument" for a server that is no host; nothing
 *   is stored then
 */
export async function login(
  server: string,
  user: UserPassword,
  context: EngineContext,
  signal: AbortSignal,
): Promise<{ plainFile?: string }> {
  const { key } = loginServer(server);
  const identityToken = await authenticate(server, user, context, signal);
  const { dockerConfigDir, env } = context;
  const isPlain = await storeCredentials({ dockerConfigDir, env }, key, { ...user, identityToken });
  // A token can be taken back, and opens nothing but this registry: docker warns of passwords only.
  const warn = isPlain && identityToken === undefined;
  return warn ? { plainFile: dockerConfigPath(dockerConfigDir) } : {};
}

/**
 * Checks a user at a registry and stores nothing.
 * @param server empty for Docker Hub
 * @returns the identity token to keep in place of the password, if the registry gives one
 * @throws TsboxError as {@link login}
 */
export async function authenticate(
  server: string,
  { username, password }: UserPassword,
  context: EngineContext,
  signal: AbortSignal,
): Promise<string | undefined> {
  const connection = new Connection(registryOptions(context));
  const { registry } = loginServer(server);
  return await checkLogin(connection, registry, { kind: "password", username, password }, signal);
}

/**
 * The name of a server in messages, and all names under which its credentials may be kept.
 * @throws TsboxError("invalid-argument") when it is no host
 */
function namesOf(server: string): string[] {
  const { registry, key } = loginServer(server);
  if (key === DOCKER_HUB_KEY) return serverKeys(registry);
  const all = [key, `http://${key}`, `https://${key}`, server];
  return [...new Set(all)];
}

/** What `logout` says that it forgets. @throws TsboxError("invalid-argument") when it is no host */
export function logoutTitle(server: string): string {
  return loginServer(server).key;
}

/**
 * Forgets the credentials of a server; that there are none is no failure.
 * @throws TsboxError "unavailable" when a credential helper fails
 */
export async function logout(
  server: string,
  { dockerConfigDir, env }: EngineContext,
): Promise<void> {
  await eraseCredentials({ dockerConfigDir, env }, namesOf(server));
}
