/** The user's credentials, read from docker's `config.json` and its credential helpers, only when asked for. */
import { TsboxError } from "../errors.ts";
import type { JsonReader } from "../oci/json_reader.ts";
import { askHelper, type Credentials } from "./credential_helper.ts";
import { readDockerConfig } from "./docker_config.ts";

/** What `docker login` without a server writes. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** The names under which a registry's credentials may be kept; the first is the one to write. */
export function serverKeys(registry: string): string[] {
  return registry === "docker.io" ? [DOCKER_HUB_KEY, "index.docker.io", "docker.io"] : [registry];
}

function ownHelper(config: JsonReader, key: string): string | undefined {
  return config.optionalObject("credHelpers")?.optionalString(key);
}

/** The helper that keeps a server's credentials, or undefined for the file itself. */
export function helperOf(config: JsonReader | undefined, key: string): string | undefined {
  return config && (ownHelper(config, key) || config.optionalString("credsStore") || undefined);
}

export class CredentialSource {
  readonly #dir: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #found = new Map<string, Promise<Credentials | undefined>>();

  constructor(dockerConfigDir: string, env: Readonly<Record<string, string | undefined>>) {
    this.#dir = dockerConfigDir;
    this.#env = env;
  }

  /**
   * The credentials for one registry; a helper is asked once.
   * @param registry as in a reference: `docker.io`, `localhost:5000`
   * @throws TsboxError("invalid-argument") for an unreadable config.json, "unavailable" for a failing helper
   */
  find(registry: string): Promise<Credentials | undefined> {
    const known = this.#found.get(registry) ?? this.#find(registry);
    this.#found.set(registry, known);
    return known;
  }

  async #find(registry: string): Promise<Credentials | undefined> {
    const config = readDockerConfig(this.#dir);
    if (config === undefined) return undefined;
    const keys = serverKeys(registry);
    for (const key of keys) {
      const helper = ownHelper(config, key);
      if (helper) return await askHelper(helper, key, this.#env);
    }
    const store = config.optionalString("credsStore");
    if (store) return await askHelper(store, keys[0] ?? registry, this.#env);
    return fromAuths(config.optionalObject("auths"), keys);
  }
}

/** Old dockers wrote URLs where new ones write hosts. */
function fromAuths(auths: JsonReader | undefined, keys: string[]): Credentials | undefined {
  if (auths === undefined) return undefined;
  const hostOf = (key: string) => key.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  const key = keys.find((key) => auths.has(key)) ??
    auths.keys().find((key) => keys.includes(hostOf(key)));
  return key === undefined ? undefined : readAuth(auths.object(key), key);
}

function readAuth(entry: JsonReader, key: string): Credentials | undefined {
  const identity = entry.optionalString("identitytoken");
  if (identity) return { kind: "identity-token", token: identity };
  const registryToken = entry.optionalString("registrytoken");
  if (registryToken) return { kind: "registry-token", token: registryToken };
  const encoded = entry.optionalString("auth");
  if (encoded) return decodeAuth(encoded, key);
  const [username, password] = [entry.optionalString("username"), entry.optionalString("password")];
  return username && password ? { kind: "password", username, password } : undefined;
}

function decodeAuth(encoded: string, key: string): Credentials {
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon <= 0) {
    throw new TsboxError(
      "invalid-argument",
      `Cannot use the credentials for ${key}: "auth" is not user:password`,
      {
        hint: "use tsbox login again",
      },
    );
  }
  // Docker once padded passwords with NUL.
  const password = text.slice(colon + 1).replace(/^\0+|\0+$/g, "");
  return { kind: "password", username: text.slice(0, colon), password };
}
