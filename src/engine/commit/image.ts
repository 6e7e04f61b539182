/** The documents of an image that is made of a container. */
import type { ContainerConfig } from "../../build/container_config.ts";
import { TsboxError } from "../../errors.ts";
import { isDigest } from "../../oci/digest.ts";
import { hostPlatform } from "../../oci/platform.ts";
import { type ContainerRecord, timestamp } from "../../storage/container_record.ts";
import { findImage, listImages, type StoredImage } from "../../storage/image_index.ts";
import type { LoadableImage } from "../archive/loadable_image.ts";
import { ownImage } from "../archive/own_image.ts";
import type { SpooledFile } from "../archive/spool.ts";
import { readDocument, storedContents } from "../archive/stored_contents.ts";
import { keySet } from "../inspect_image.ts";

/** What the container has brought. */
export interface NewLayer {
  /** The image it lies on; undefined: it is all there is. */
  parent: StoredImage | undefined;
  /** Undefined: nothing was changed. */
  file: SpooledFile | undefined;
}

/** What the image is to say. */
export interface ImageWish {
  names: string[];
  config: ContainerConfig;
  layer: NewLayer;
  message: string;
  author: string;
}

/** The image of a container. @throws TsboxError "corrupt" when it is gone */
export function parentOf(dataRoot: string, { image, name }: ContainerRecord): StoredImage {
  const found = findImage(dataRoot, image.id);
  if (found !== undefined) return found;
  throw new TsboxError("corrupt", `Cannot commit ${name}: its image ${image.id} is gone`);
}

/** What a container made of the image begins with: as this one was begun. */
export function containerConfig(dataRoot: string, record: ContainerRecord): ContainerConfig {
  const { options, healthcheck, shell, labels, stopSignal } = record;
  const image = record.image.id === "" ? undefined : parentOf(dataRoot, record).config;
  const { entrypoint } = options;
  const Cmd = options.command.length > 0
    ? options.command
    : entrypoint === undefined
    ? image?.cmd
    : undefined;
  const Entrypoint = entrypoint === undefined
    ? image?.entrypoint
    : entrypoint
    ? [entrypoint]
    : undefined;
  const User = options.user ?? image?.user ?? "";
  const WorkingDir = options.workdir ?? image?.workingDir ?? "";
  const ports = [
    ...(record.exposed ?? []),
    ...options.publish.map((port) => `${port.containerPort}/${port.protocol}`),
  ];
  const volumes = image?.volumes ?? [];
  const check = options.healthcheck?.Test[0] === "NONE" ? options.healthcheck : healthcheck;
  return {
    ...(User !== "" && { User }),
    ...(ports.length > 0 && { ExposedPorts: keySet(ports) }),
    Env: environment(image?.env ?? [], options.env, options.unsetEnv),
    ...(Cmd && { Cmd }),
    ...(Entrypoint && { Entrypoint }),
    ...(volumes.length > 0 && { Volumes: keySet(volumes) }),
    ...(WorkingDir !== "" && { WorkingDir }),
    ...(Object.keys(labels).length > 0 && { Labels: labels }),
    ...(stopSignal && { StopSignal: stopSignal }),
    ...(check && { Healthcheck: check }),
    ...(shell && { Shell: shell }),
  };
}

/** The image's variables with the user's in their places. */
function environment(
  image: readonly string[],
  own: readonly string[],
  unset: readonly string[],
): string[] {
  const values = new Map<string, string>();
  for (const pair of [...image, ...own]) values.set(pair.split("=")[0] ?? "", pair);
  for (const name of unset) values.delete(name);
  return [...values.values()];
}

/** The parent's config as it came: what tsbox does not know of it stays. */
interface Document {
  rootfs?: { diff_ids?: string[] };
  history?: unknown[];
  config?: Record<string, unknown>;
}

/** The image, its documents checked. @throws TsboxError "corrupt", "not-found" when the parent has lost a blob */
export function committedImage(
  dataRoot: string,
  record: ContainerRecord,
  { names, config, layer: { parent, file }, message, author }: ImageWish,
): LoadableImage {
  const below = parent && storedContents(dataRoot, parent, listImages(dataRoot));
  const document: Document = parent === undefined ? {} : parentDocument(dataRoot, parent.id);
  const created = timestamp();
  const { options: { command } } = record;
  const entry = {
    created,
    ...(author && { author }),
    ...(command.length > 0 && { created_by: command.join(" ") }),
    ...(message && { comment: message }),
    ...(file === undefined && { empty_layer: true }),
  };
  const { OnBuild, ArgsEscaped } = document.config ?? {};
  const made = {
    ...(parent === undefined ? hostPlatform() : document),
    created,
    ...(author && { author }),
    config: {
      ...(OnBuild !== undefined && { OnBuild }),
      ...(ArgsEscaped !== undefined && { ArgsEscaped }),
      ...config,
    },
    rootfs: {
      type: "layers",
      diff_ids: [...document.rootfs?.diff_ids ?? [], ...(file ? [file.digest] : [])],
    },
    history: [...document.history ?? [], entry],
  };
  return ownImage({ document: made, names, layers: below?.layers ?? [], file });
}

/** Checked when the image came into the store, and its digest now. */
function parentDocument(dataRoot: string, id: string): Document {
  if (!isDigest(id)) throw new TsboxError("corrupt", `Cannot read the image ${id}: not a digest`);
  // What in it is a container's first state (docker's old container_config) is not true any more.
  const { container: _, container_config: _config, id: _id, parent: _parent, ...rest } = JSON.parse(
    new TextDecoder().decode(readDocument(dataRoot, id)),
  );
  return rest;
}
