/** `manifest create|annotate|inspect|push|rm`: lists of images, put together here and pushed. */
import { TsboxError } from "../errors.ts";
import {
  changedPlatform,
  isKnownPlatform,
  type ListedImage,
  type PlatformChange,
} from "../oci/manifest_list.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { RegistryClient } from "../registry/registry_client.ts";
import {
  readManifestList,
  removeManifestList,
  updateManifestList,
} from "../storage/manifest_lists.ts";
import type { EngineContext } from "./context.ts";
import { pushList } from "./manifest_list/push.ts";
import { fetchEntries, findRemote, optionsFor } from "./manifest_list/remote.ts";

export interface RemoteOptions {
  /** Plain HTTP and unverified TLS are allowed for the registries of this command. */
  insecure: boolean;
  signal: AbortSignal;
}

/** What `inspect` found. */
export type Inspected =
  | { kind: "image"; image: ListedImage }
  /** `raw` of the images is there when it was asked for. */
  | { kind: "list"; images: (Omit<ListedImage, "raw"> & { raw?: Uint8Array })[] };

/**
 * Makes a list of images at registries, or with `amend` adds to it. Returns its full name.
 * @throws TsboxError "conflict" when there is such a list, "not-found", "invalid-argument" in docker's words
 */
export async function createManifestList(
  context: EngineContext,
  list: string,
  names: readonly string[],
  { amend, insecure, signal }: RemoteOptions & { amend: boolean },
): Promise<string> {
  const { dataRoot } = context;
  const target = parseReference(list).canonical;
  const refuseExisting = (known: readonly ListedImage[] | undefined) => {
    if (known === undefined || amend) return;
    const message = "refusing to amend an existing manifest list with no --amend flag";
    throw new TsboxError("conflict", message);
  };
  const known = readManifestList(dataRoot, target);
  refuseExisting(known);
  const added: ListedImage[] = [];
  for (const name of names) {
    const reference = parseReference(name);
    const local = known?.find((image) => image.name === reference.canonical);
    added.push(local ?? await remoteImage(context, reference, { insecure, signal }));
  }
  updateManifestList(dataRoot, target, (now) => {
    refuseExisting(now);
    return [...new Map([...now ?? [], ...added].map((image) => [image.name, image])).values()];
  });
  return target;
}

async function remoteImage(
  context: EngineContext,
  reference: Reference,
  { insecure, signal }: RemoteOptions,
): Promise<ListedImage> {
  const client = new RegistryClient(optionsFor(context, reference, insecure));
  const found = await findRemote(client, reference, signal);
  if (found.kind === "image") return found.image;
  throw new TsboxError("invalid-argument", `${reference.canonical} is a manifest list`);
}

/**
 * Says on what platform an image of a list runs.
 * @throws TsboxError "not-found", "invalid-argument" for a platform there is not, in docker's words
 */
export function annotateManifest(
  context: EngineContext,
  list: string,
  name: string,
  change: PlatformChange,
): void {
  const [target, wanted] = [parseReference(list).canonical, parseReference(name).canonical];
  updateManifestList(context.dataRoot, target, (images) => {
    const image = images?.find((one) => one.name === wanted);
    if (images === undefined || image === undefined) {
      throw new TsboxError(
        "not-found",
        `manifest for image ${wanted} does not exist in ${target}`,
      );
    }
    const platform = changedPlatform(image.descriptor.platform, change);
    if (!isKnownPlatform(platform)) {
      throw new TsboxError(
        "invalid-argument",
        `manifest entry for image has unsupported os/arch combination: ${platform.os}/${platform.architecture}`,
      );
    }
    const changed = { ...image, descriptor: { ...image.descriptor, platform } };
    return images.map((one) => one === image ? changed : one);
  });
}

/** An image of a list that is here. @throws TsboxError "not-found" */
export function inspectListed(context: EngineContext, list: string, name: string): Inspected {
  const wanted = parseReference(name).canonical;
  const images = readManifestList(context.dataRoot, parseReference(list).canonical);
  const image = images?.find((one) => one.name === wanted);
  if (image === undefined) throw new TsboxError("not-found", `No such manifest: ${wanted}`);
  return { kind: "image", image };
}

/**
 * A list that is here, else what the registry has under the name.
 * @param whole with the manifests of the images of a list
 * @throws TsboxError "not-found" in docker's words, else as RegistryClient
 */
export async function inspectManifest(
  context: EngineContext,
  name: string,
  { insecure, signal, whole }: RemoteOptions & { whole: boolean },
): Promise<Inspected> {
  const reference = parseReference(name);
  const images = readManifestList(context.dataRoot, reference.canonical);
  if (images !== undefined) return { kind: "list", images };
  const client = new RegistryClient(optionsFor(context, reference, insecure));
  const found = await findRemote(client, reference, signal);
  if (found.kind === "image") return found;
  const { entries } = found;
  if (!whole) return { kind: "list", images: entries };
  return { kind: "list", images: await fetchEntries(client, reference, entries, signal) };
}

/**
 * Pushes a list, with the images that are in other repositories of its registry. Returns its digest.
 * @param onImage told of each of these: `name@digest` and its digest
 * @throws TsboxError "not-found", "conflict", "invalid-argument" in docker's words, else as RegistryUploader
 */
export async function pushManifestList(
  context: EngineContext,
  list: string,
  { insecure, signal, purge, onImage }: RemoteOptions & {
    purge: boolean;
    onImage: (pinned: string, digest: string) => void;
  },
): Promise<string> {
  const { dataRoot } = context;
  const target = parseReference(list);
  const images = readManifestList(dataRoot, target.canonical);
  if (images === undefined) throw noSuchList(target);
  const options = optionsFor(context, target, insecure);
  const digest = await pushList(target, images, options, signal, onImage);
  if (purge) removeManifestList(dataRoot, target.canonical);
  return digest;
}

/** Forgets a list. @throws TsboxError "not-found" in docker's words */
export function forgetManifestList(context: EngineContext, list: string): void {
  const target = parseReference(list);
  if (!removeManifestList(context.dataRoot, target.canonical)) throw noSuchList(target);
}

function noSuchList({ canonical }: Reference): TsboxError {
  return new TsboxError("not-found", `No such manifest: ${canonical}`);
}
