/** Archives of small images as docker and others write them, and broken ones. */
import { busyboxFiles } from "./busybox.ts";
import { digestOf } from "./images.ts";
import { tar, type TarEntry } from "./tar.ts";

const encoder = new TextEncoder();
type Bytes = Uint8Array<ArrayBuffer>;

/** An image as its parts. */
export interface ImageParts {
  config: Bytes;
  /** Uncompressed layers. */
  layers: Bytes[];
  id: string;
  diffIds: string[];
}

export const json = (value: unknown): Bytes => encoder.encode(JSON.stringify(value));

/** Every image needs an operating system and an architecture. */
const PLATFORM = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };

/** busybox with further layers. */
export function busyboxParts(...layers: readonly (readonly TarEntry[])[]): ImageParts {
  return imageParts([busyboxFiles(), ...layers]);
}

export function imageParts(
  layers: readonly (readonly TarEntry[])[],
  settings: Record<string, unknown> = {},
): ImageParts {
  const archives = layers.map((entries) => tar(entries));
  const diffIds = archives.map(digestOf);
  const config = json({
    ...PLATFORM,
    config: { Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: diffIds },
    ...settings,
  });
  return { config, layers: archives, id: digestOf(config), diffIds };
}

/** The members of docker's archive before version 25: a folder a layer; equal layers are links to the first. */
export function oldDockerArchive(parts: ImageParts, names: readonly string[]): TarEntry[] {
  const hex = parts.id.replace("sha256:", "");
  const first = new Map<string, string>();
  const members = parts.layers.flatMap((layer, i): TarEntry[] => {
    const folder = digestOf(encoder.encode(`${i}`)).replace("sha256:", "");
    const diffId = parts.diffIds[i] ?? "";
    const known = first.get(diffId);
    if (known === undefined) first.set(diffId, folder);
    return [
      { path: `${folder}/`, type: "directory" },
      { path: `${folder}/VERSION`, content: "1.0" },
      { path: `${folder}/json`, content: json({ id: folder }) },
      known === undefined
        ? { path: `${folder}/layer.tar`, content: layer }
        : { path: `${folder}/layer.tar`, type: "symlink", target: `../${known}/layer.tar` },
    ];
  });
  const folders = members.filter(({ path }) => path.endsWith("/layer.tar"));
  const entry = { Config: `${hex}.json`, RepoTags: names, Layers: folders.map(({ path }) => path) };
  return [
    ...members,
    { path: `${hex}.json`, content: parts.config },
    { path: "manifest.json", content: json([entry]) },
    { path: "repositories", content: json({}) },
  ];
}

/** The members of an OCI layout; `index` is its list of manifests. */
export function ociLayout(blobs: readonly Bytes[], manifests: readonly unknown[]): TarEntry[] {
  return [
    { path: "oci-layout", content: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", content: json({ schemaVersion: 2, manifests }) },
    ...blobs.map(blobMember),
  ];
}

export function blobMember(content: Bytes): TarEntry {
  return { path: `blobs/sha256/${digestOf(content).replace("sha256:", "")}`, content };
}

/** A manifest of plain layers, as bytes and as an index lists it. */
export function ociManifest(
  parts: ImageParts,
  more: Record<string, unknown> = {},
): { bytes: Bytes; entry: Record<string, unknown> } {
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const descriptor = (type: string, content: Bytes) => ({
    mediaType: `application/vnd.oci.image.${type}`,
    digest: digestOf(content),
    size: content.length,
  });
  const bytes = json({
    schemaVersion: 2,
    mediaType,
    config: descriptor("config.v1+json", parts.config),
    layers: parts.layers.map((layer) => descriptor("layer.v1.tar", layer)),
  });
  return { bytes, entry: { mediaType, digest: digestOf(bytes), size: bytes.length, ...more } };
}
