/**
 * Image references, by the grammar of the distribution project and docker's short forms of it:
 * `alpine` is `docker.io/library/alpine:latest`. On the path of every `run`: keep it light.
 */
import { TsboxError } from "../errors.ts";
import { type Digest, isDigestForm, parseDigest } from "./digest.ts";

/** What an image is called, every part checked: safe in URLs and file names. */
export interface Reference {
  /** Where it lives: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  registry: string;
  /** The path there: `library/alpine`. */
  repository: string;
  /** `latest` when neither tag nor digest was given; undefined when only a digest was. */
  tag?: string;
  /** Goes before `tag` when there are both. */
  digest?: Digest;
  /** Docker says "Using default tag: latest" then. */
  tagIsDefault: boolean;
  /** Registry and repository as docker shows them: `alpine`. */
  familiarName: string;
  /** `alpine:latest`. */
  familiar: string;
  /** Registry and repository in full: `docker.io/library/alpine`. */
  name: string;
  /** `docker.io/library/alpine:latest`: the key to compare and store by. */
  canonical: string;
}

export const DEFAULT_REGISTRY = "docker.io";
const HUB = `${DEFAULT_REGISTRY}/`;
const LEGACY_REGISTRY = "index.docker.io";
const OFFICIAL = "library/";
const DEFAULT_TAG = "latest";

/** Nothing valid is longer: 255 for the path, a host, 128 for the tag and a sha512 digest. */
const MAX_LENGTH = 1024;
const MAX_PATH = 255;

const HOST_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
// Compiled when it is needed: most runs find their image by its plain name.
const registryPattern = () =>
  new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const IMAGE_ID = /^[a-f0-9]{64}$/;

function invalid(detail?: string): TsboxError {
  const message = "invalid reference format";
  return new TsboxError(
    "invalid-argument",
    detail === undefined ? message : `${message}: ${detail}`,
  );
}

/**
 * Reads what the user typed as an image's name.
 * @throws TsboxError("invalid-argument") in docker's words, TsboxError("unsupported") for a digest
 *   of an unknown algorithm
 */
export function parseReference(text: string): Reference {
  if (IMAGE_ID.test(text)) {
    throw new TsboxError(
      "invalid-argument",
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    );
  }
  if (text.length > MAX_LENGTH) throw invalid();
  const [registry, remainder] = splitRegistry(text);
  const [named, digest] = splitAt(remainder, "@");
  const [repository, tag] = splitAt(named, ":");
  checkRepository(repository);
  if (!registryPattern().test(registry) || (tag !== undefined && !TAG.test(tag))) throw invalid();
  if (digest === undefined) return makeReference(registry, repository, tag);
  if (!isDigestForm(digest)) throw invalid();
  return makeReference(registry, repository, tag, parseDigest(digest));
}

/** The same image by content instead of by tag. */
export function withDigest(reference: Reference, digest: Digest): Reference {
  return makeReference(reference.registry, reference.repository, undefined, digest);
}

/** Whether a name begins with a registry, and is none of docker.io by being short. */
export function namesRegistry(text: string): boolean {
  return isRegistryName(text.slice(0, Math.max(text.indexOf("/"), 0)));
}

/** What can be no user's name on docker.io. */
export function isRegistryName(component: string): boolean {
  return /[.:A-Z]/.test(component) || component === "localhost";
}

/**
 * The first component is a registry only when it cannot be a user's name on docker.io: it has a dot,
 * a port or an upper-case letter, or is `localhost`.
 */
function splitRegistry(text: string): [registry: string, remainder: string] {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isRegistry = isRegistryName(first);
  const registry = isRegistry && first !== LEGACY_REGISTRY ? first : DEFAULT_REGISTRY;
  const remainder = isRegistry ? text.slice(slash + 1) : text;
  const official = registry === DEFAULT_REGISTRY && !remainder.includes("/");
  return [registry, official ? OFFICIAL + remainder : remainder];
}

function splitAt(text: string, separator: string): [before: string, after: string | undefined] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function checkRepository(repository: string): void {
  if (repository !== repository.toLowerCase()) {
    throw invalid(`repository name (${repository}) must be lowercase`);
  }
  if (!repository.split("/").every((component) => COMPONENT.test(component))) throw invalid();
  if (repository.length > MAX_PATH) {
    throw new TsboxError(
      "invalid-argument",
      `repository name must not be more than ${MAX_PATH} characters`,
    );
  }
}

function makeReference(
  registry: string,
  repository: string,
  givenTag?: string,
  digest?: Digest,
): Reference {
  const tagIsDefault = givenTag === undefined && digest === undefined;
  const tag = tagIsDefault ? DEFAULT_TAG : givenTag;
  const suffix = (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
  const name = `${registry}/${repository}`;
  const familiarName = familiarNameOf(registry, repository);
  return {
    registry,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
    tagIsDefault,
    familiarName,
    familiar: familiarName + suffix,
    name,
    canonical: name + suffix,
  };
}

/** Shortens as docker does, but never to something that would be read as another image. */
function familiarNameOf(registry: string, repository: string): string {
  const full = `${registry}/${repository}`;
  if (registry !== DEFAULT_REGISTRY) return full;
  const short = repository.startsWith(OFFICIAL) ? repository.slice(OFFICIAL.length) : repository;
  const means = (text: string) => splitRegistry(text).join("/") === full;
  return [short, repository].find(means) ?? full;
}

/**
 * What docker shows for a name that the store has in full (`docker.io/library/alpine:latest` is
 * `alpine:latest`), without reading it anew: lists have thousands.
 */
export function familiarForm(canonical: string): string {
  if (!canonical.startsWith(HUB)) return canonical;
  const slash = canonical.indexOf("/", HUB.length);
  if (slash < 0) return canonical;
  const first = canonical.slice(HUB.length, slash);
  // Only official images have two components of which the first can be left out.
  if (first === "library" && canonical.indexOf("/", slash + 1) < 0) {
    return canonical.slice(slash + 1);
  }
  // No pattern: in a list of a thousand it takes longer than all the rest of this.
  const isHost = first.includes(".") || first.includes(":") || first !== first.toLowerCase() ||
    first === "localhost";
  return isHost ? canonical : canonical.slice(HUB.length);
}
