/** An image whose only layer is too large to be held in memory. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Descriptor, digestOf, pushManifest } from "../tests/support/images.ts";
import type { RegistryProcess } from "../tests/support/registry_process.ts";
import { tar } from "../tests/support/tar.ts";
import { writeHugeLayer } from "./large_layers.ts";

/** An image with one layer of 2 GiB; returns its reference. */
export async function pushHugeImage(registry: RegistryProcess, folder: string): Promise<string> {
  const file = join(folder, "huge.tar.gz");
  const pieces = 32;
  const header = tar([{ path: "huge", claimedSize: pieces * 64 * 1024 * 1024 }]).slice(0, 512);
  const layer = await writeHugeLayer(file, header, pieces);
  const repository = "huge";
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
  const descriptor = { mediaType, digest: layer.digest, size: layer.size };
  await upload(registry, repository, descriptor, Bun.file(file));
  rmSync(file);
  const config = new TextEncoder().encode(JSON.stringify({
    os: "linux",
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    config: {},
    rootfs: { type: "layers", diff_ids: [layer.diffId] },
  }));
  const configDescriptor = {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: digestOf(config),
    size: config.length,
  };
  await upload(registry, repository, configDescriptor, new Blob([config]));
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  await pushManifest(registry, repository, "latest", manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config: configDescriptor,
    layers: [descriptor],
  });
  return `${registry.host}/${repository}:latest`;
}

async function upload(
  registry: RegistryProcess,
  repository: string,
  { digest }: Descriptor,
  body: Blob,
): Promise<void> {
  const start = await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const location = new URL(start.headers.get("location") ?? "", registry.url);
  location.searchParams.set("digest", digest);
  const done = await fetch(location, {
    method: "PUT",
    body,
    headers: { "content-type": "application/octet-stream" },
  });
  if (!done.ok) throw new Error(`upload of ${digest}: ${done.status} ${await done.text()}`);
}
