/** Builds small real images and pushes them to a registry, as the OCI distribution spec says. */
import { type Accounts, busyboxFiles } from "./busybox.ts";
import type { RegistryProcess } from "./registry_process.ts";
import { tar, type TarEntry } from "./tar.ts";

/** The `config` part of an image config, in the names of the OCI image spec. */
export interface ImageSettings {
  Healthcheck?: { Test: string[] } & Record<string, unknown>;
  Entrypoint?: string[];
  Cmd?: string[];
  Env?: string[];
  User?: string;
  WorkingDir?: string;
  Volumes?: Record<string, Record<string, never>>;
  ExposedPorts?: Record<string, Record<string, never>>;
  Labels?: Record<string, string>;
  StopSignal?: string;
}

export type Compression = "gzip" | "zstd" | "none";

export interface ImageOptions {
  config?: ImageSettings;
  /** Layers above the first one, as files; `d/.wh.name` and `d/.wh..wh..opq` are whiteouts. */
  layers?: readonly (readonly TarEntry[])[];
  /** The first layer is busybox with these accounts; `false` leaves it out. */
  busybox?: Accounts | false;
  /** Layers as archives, above all others: for archives that `tar` cannot make. */
  archives?: readonly Uint8Array<ArrayBuffer>[];
  compression?: Compression;
  /** Default: this machine's. */
  platform?: { os: string; architecture: string; variant?: string };
  /** Whose media types; default `oci`. */
  format?: "oci" | "docker";
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export interface PushedImage {
  /** `127.0.0.1:PORT/name:tag` */
  reference: string;
  /** `127.0.0.1:PORT/name@sha256:...` */
  pinned: string;
  manifest: Descriptor;
  /** Its digest is the image id. */
  config: Descriptor;
  layers: Descriptor[];
  diffIds: string[];
  platform: { os: string; architecture: string; variant?: string };
}

const MEDIA_TYPES = {
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
    none: "application/vnd.oci.image.layer.v1.tar",
  },
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    zstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
    none: "application/vnd.docker.image.rootfs.diff.tar",
  },
} as const;

/** `sha256:` and the digest in hexadecimal. */
export function digestOf(bytes: Uint8Array<ArrayBuffer>): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

/** Builds an image and pushes it as `name`, which may end in `:tag`; the default tag is `latest`. */
export async function pushImage(
  registry: RegistryProcess,
  name: string,
  options: ImageOptions = {},
): Promise<PushedImage> {
  const [repository = name, tag = "latest"] = name.split(":");
  const types = MEDIA_TYPES[options.format ?? "oci"];
  const compression = options.compression ?? "gzip";
  const archives = archivesOf(options);
  const layers = await Promise.all(
    archives.map((archive) =>
      pushBlob(registry, repository, compressed(archive, compression), types[compression])
    ),
  );
  const platform = options.platform ?? thisPlatform();
  const diffIds = archives.map(digestOf);
  const configBytes = json({
    created: "2026-01-01T00:00:00Z",
    ...platform,
    config: options.config ?? { Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: diffIds.map(() => ({ created_by: "tsbox tests" })),
  });
  const config = await pushBlob(registry, repository, configBytes, types.config);
  const manifest = await pushManifest(registry, repository, tag, types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config,
    layers,
  });
  const path = `${registry.host}/${repository}`;
  return {
    reference: `${path}:${tag}`,
    pinned: `${path}@${manifest.digest}`,
    manifest,
    config,
    layers,
    diffIds,
    platform,
  };
}

/** Pushes an image index over images that were pushed to the same repository; returns its reference. */
export async function pushIndex(
  registry: RegistryProcess,
  name: string,
  images: readonly PushedImage[],
  format: "oci" | "docker" = "oci",
): Promise<{ reference: string; descriptor: Descriptor }> {
  const [repository = name, tag = "latest"] = name.split(":");
  const mediaType = MEDIA_TYPES[format].index;
  const manifests = images.map(({ manifest, platform }) => ({ ...manifest, platform }));
  const index = { schemaVersion: 2, mediaType, manifests };
  const descriptor = await pushManifest(registry, repository, tag, mediaType, index);
  return { reference: `${registry.host}/${repository}:${tag}`, descriptor };
}

/** Uploads a blob in one piece; its digest is computed here. */
export async function pushBlob(
  registry: RegistryProcess,
  repository: string,
  bytes: Uint8Array<ArrayBuffer>,
  mediaType: string,
): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const started = await request(registry, "POST", `/v2/${repository}/blobs/uploads/`);
  const location = new URL(started.headers.get("location") ?? "", registry.url);
  location.searchParams.set("digest", digest);
  await request(registry, "PUT", `${location.pathname}${location.search}`, bytes, {
    "content-type": "application/octet-stream",
  });
  return { mediaType, digest, size: bytes.length };
}

/** Pushes any object as a manifest, also one that no client should accept. */
export async function pushManifest(
  registry: RegistryProcess,
  repository: string,
  tag: string,
  mediaType: string,
  manifest: unknown,
): Promise<Descriptor> {
  const bytes = json(manifest);
  await request(registry, "PUT", `/v2/${repository}/manifests/${tag}`, bytes, {
    "content-type": mediaType,
  });
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

let plainBusybox: Uint8Array<ArrayBuffer> | undefined;

function archivesOf(options: ImageOptions): Uint8Array<ArrayBuffer>[] {
  const archives = (options.layers ?? []).map((entries) => tar(entries));
  archives.push(...options.archives ?? []);
  if (options.busybox === false) return archives;
  const base = options.busybox
    ? tar(busyboxFiles(options.busybox))
    : plainBusybox ??= tar(busyboxFiles());
  return [base, ...archives];
}

function compressed(archive: Uint8Array<ArrayBuffer>, how: Compression): Uint8Array<ArrayBuffer> {
  if (how === "gzip") return Bun.gzipSync(archive, { level: 1 });
  return how === "zstd" ? new Uint8Array(Bun.zstdCompressSync(archive)) : archive;
}

function thisPlatform(): { os: string; architecture: string } {
  return { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function request(
  registry: RegistryProcess,
  method: string,
  path: string,
  body?: Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const response = await fetch(new URL(path, registry.url), {
    method,
    headers: { ...registry.headers, ...headers },
    ...(body && { body }),
    tls: { rejectUnauthorized: false },
  });
  if (response.ok) return response;
  throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}
