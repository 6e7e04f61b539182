/** Manifests as a registry has them. */
import { TsboxError } from "../../errors.ts";
import { readJson } from "../../oci/json_reader.ts";
import { MAX_MANIFEST_SIZE, parseManifest } from "../../oci/manifest.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import {
  type ListedImage,
  type ListedPlatform,
  platformOfConfig,
} from "../../oci/manifest_list.ts";
import { parseReference, type Reference, withDigest } from "../../oci/reference.ts";
import type { RegistryClientOptions } from "../../registry/connection.ts";
import { RegistryClient, type Resolved } from "../../registry/registry_client.ts";
import type { EngineContext } from "../context.ts";
import { registryOptions } from "../registry_options.ts";

/** What a name stands for. */
export type Found =
  | { kind: "image"; image: ListedImage }
  | { kind: "list"; entries: Omit<ListedImage, "raw">[] };

/** @param insecure whether plain HTTP and unverified TLS are allowed for the reference's registry */
export function optionsFor(
  context: EngineContext,
  { registry }: Reference,
  insecure: boolean,
): RegistryClientOptions {
  const options = registryOptions(context);
  if (!insecure || options.policy === undefined) return options;
  const hosts = [...options.policy.insecure, registry.toLowerCase()];
  return { ...options, policy: { ...options.policy, insecure: hosts } };
}

/**
 * Looks a name up at its registry; nothing is read from an index but itself.
 * @throws TsboxError "not-found" in docker's words, else as RegistryClient
 */
export async function findRemote(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal,
): Promise<Found> {
  const top = await resolved(client, reference, signal);
  const parsed = parseManifest(top.bytes, top.descriptor.mediaType);
  if (parsed.kind === "index") return { kind: "list", entries: entriesOf(top.bytes, reference) };
  const platform = platformOfConfig(await client.config(reference, parsed.config, { signal }));
  const { mediaType, digest, size } = top.descriptor;
  const descriptor = { mediaType, digest, size, platform };
  return { kind: "image", image: { name: reference.canonical, descriptor, raw: top.bytes } };
}

async function resolved(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal,
): Promise<Resolved> {
  try {
    return await client.resolve(reference, { signal });
  } catch (cause) {
    if (!(cause instanceof TsboxError) || cause.code !== "not-found") throw cause;
    throw new TsboxError("not-found", `no such manifest: ${reference.canonical}`, { cause });
  }
}

/** The list's own words about platforms, which the reader of images would write anew. */
function entriesOf(bytes: Uint8Array, reference: Reference): Omit<ListedImage, "raw">[] {
  return readJson(bytes, "image index", MAX_MANIFEST_SIZE).objects("manifests").map((json) => {
    const digest = checkedDigest(json.string("digest"));
    const platform = json.optionalObject("platform");
    const described: ListedPlatform = platform === undefined
      ? { architecture: "", os: "" }
      : platformIn(platform);
    return {
      name: `${reference.canonical.replace(/@.*/, "")}@${digest}`,
      descriptor: {
        mediaType: json.string("mediaType"),
        digest,
        size: json.size("size"),
        platform: described,
      },
    };
  });
}

function platformIn(json: ReturnType<typeof readJson>): ListedPlatform {
  const [version, variant] = [json.optionalString("os.version"), json.optionalString("variant")];
  const features = json.optionalStrings("os.features") ?? [];
  return {
    architecture: json.optionalString("architecture") ?? "",
    os: json.optionalString("os") ?? "",
    ...(version && { "os.version": version }),
    ...(features.length > 0 && { "os.features": features }),
    ...(variant && { variant }),
  };
}

function checkedDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new TsboxError("corrupt", "Cannot use the index: it lists what is no digest");
}

/** The manifests of a list's entries, each checked. @throws TsboxError as RegistryClient */
export async function fetchEntries(
  client: RegistryClient,
  reference: Reference,
  entries: readonly Omit<ListedImage, "raw">[],
  signal: AbortSignal,
): Promise<ListedImage[]> {
  const images: ListedImage[] = [];
  for (const entry of entries) {
    const { descriptor } = entry;
    const pinned = withDigest(parseReference(reference.name), descriptor.digest);
    const raw = await client.manifest(pinned, descriptor, { signal });
    // The digest says nothing of what it is: it is shown as JSON.
    readJson(raw, "image manifest", MAX_MANIFEST_SIZE);
    images.push({ ...entry, raw });
  }
  return images;
}
