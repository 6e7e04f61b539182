/** Settings that speak of registries. Pure. */
import { isHostRule, isInsecureRule, isMirror } from "../../registry/policy.ts";
import { isRegistryName } from "../../oci/reference.ts";
import { fieldsOf, list, object } from "./kinds.ts";
import { Misfit } from "./misfit.ts";
import { nearest } from "./nearest.ts";

/** What is said of one registry. */
export interface RegistrySettings {
  readonly mirrors?: readonly string[];
  readonly insecure?: boolean;
  readonly blocked?: boolean;
}

const HOST = "a registry's host or host:port";

const host = (text: string) => isHostRule(text.toLowerCase()) ? text.toLowerCase() : undefined;

/** Hosts, perhaps with a port. */
export const HOSTS = list("list of hosts", HOST, host);

/** At least one host that can stand in front of an image's name. */
export const SEARCHED = {
  ...HOSTS,
  fromJson: (value: unknown) => searchable(HOSTS.fromJson(value)),
  fromWords: (words: readonly string[]) => searchable(HOSTS.fromWords(words)),
};

function searchable(hosts: readonly string[]): readonly string[] {
  if (hosts.length === 0) throw new Misfit(hosts, "a list with at least one host");
  // `lan/app` would be the image of a user of docker.io.
  const bad = hosts.find((name) => !isRegistryName(name));
  if (bad === undefined) return hosts;
  throw new Misfit(bad, "a host with a dot or a port, or localhost", `[${hosts.indexOf(bad)}]`);
}

/** Hosts and blocks of addresses. */
export const INSECURE = list(
  "list of hosts and address blocks",
  `${HOST}, or a block of addresses such as 10.0.0.0/8`,
  (text) => isInsecureRule(text.toLowerCase()) ? text.toLowerCase() : undefined,
);

/** URLs of mirrors, written without a path. */
export const MIRRORS = list(
  "list of URLs",
  "an http or https URL without path, user and query",
  (text) => isMirror(text) ? new URL(text).origin : undefined,
);

const FIELDS = ["mirrors", "insecure", "blocked"];

/** Registries by their name. */
export const REGISTRIES = object(
  "object",
  (fields): Readonly<Record<string, RegistrySettings>> => {
    const entries = [...fields].map(([name, value]): [string, RegistrySettings] => {
      const at = `.${JSON.stringify(name)}`;
      const registry = host(name);
      if (registry === undefined) throw new Misfit(name, HOST, at);
      return [registry, registrySettings(fieldsOf(value, at), at)];
    });
    return Object.fromEntries(entries);
  },
);

function registrySettings(fields: ReadonlyMap<string, unknown>, at: string): RegistrySettings {
  const unknown = [...fields.keys()].find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    const expected = `${FIELDS.join(", ")}${didYouMean(unknown)}`;
    throw new Misfit(unknown, `one of ${expected}`, at);
  }
  const mirrors = fields.get("mirrors");
  const insecure = flag(fields, "insecure", at);
  const blocked = flag(fields, "blocked", at);
  return {
    ...(mirrors !== undefined && { mirrors: within(`${at}.mirrors`, mirrors) }),
    ...(insecure !== undefined && { insecure }),
    ...(blocked !== undefined && { blocked }),
  };
}

function didYouMean(name: string): string {
  const known = nearest(name, FIELDS);
  return known === undefined ? "" : ` (did you mean ${known}?)`;
}

function flag(
  fields: ReadonlyMap<string, unknown>,
  name: string,
  at: string,
): boolean | undefined {
  const value = fields.get(name);
  if (value === undefined || typeof value === "boolean") return value;
  throw new Misfit(value, "true or false", `${at}.${name}`);
}

function within(at: string, value: unknown): readonly string[] {
  try {
    return MIRRORS.fromJson(value);
  } catch (error) {
    if (!(error instanceof Misfit) || !Array.isArray(value)) {
      throw new Misfit(value, "a list", at);
    }
    const bad: unknown = value[Number(error.at.slice(1, -1))];
    throw new Misfit(bad, error.expected, `${at}${error.at}`);
  }
}
