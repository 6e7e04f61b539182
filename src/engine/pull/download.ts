/** One blob from the registry into a file that grows; what is there from an earlier try is kept. */
import { closeSync, fstatSync, ftruncateSync, openSync } from "node:fs";
import { readAt, writeAll } from "../../ffi/file_content.ts";
import { type Digest, digestAlgorithm, DigestHasher } from "../../oci/digest.ts";
import type { LayerDescriptor } from "../../oci/manifest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RegistryClient } from "../../registry/registry_client.ts";
import type { OnRetry } from "../../registry/retry.ts";

export interface Download {
  client: RegistryClient;
  reference: Reference;
  descriptor: LayerDescriptor;
  /** Absolute path of the file, made when missing; the caller has it locked. */
  path: string;
  signal: AbortSignal;
  onRetry: OnRetry;
  /** Told how many bytes the file has, first what was there; throwing ends the download. */
  onBytes: (bytes: number) => void;
}

const READ_SIZE = 256 * 1024;
/** Bytes hashed between two chances for other layers to go on. */
const YIELD_EVERY = 32 * 1024 * 1024;

/**
 * Completes the file to the descriptor's size and returns what it hashes to, which the caller checks.
 * @throws TsboxError as RegistryClient.blob; the bytes so far stay in the file
 */
export async function downloadBlob(download: Download): Promise<Digest> {
  const { client, reference, descriptor, path, signal, onRetry, onBytes } = download;
  const fd = openSync(path, "a+", 0o600);
  try {
    let size = usableBytes(fd, descriptor.size);
    const hasher = new DigestHasher(digestAlgorithm(descriptor.digest));
    await hashFile(fd, size, hasher);
    onBytes(size);
    const chunks = client.blob(reference, descriptor, { offset: size, signal, onRetry });
    for await (const chunk of chunks) {
      hasher.update(chunk);
      writeAll(fd, chunk, `write "${path}"`);
      size += chunk.length;
      onBytes(size);
    }
    return hasher.digest();
  } finally {
    closeSync(fd);
  }
}

function usableBytes(fd: number, wanted: number): number {
  const { size } = fstatSync(fd);
  if (size <= wanted) return size;
  ftruncateSync(fd, 0);
  return 0;
}

async function hashFile(fd: number, size: number, hasher: DigestHasher): Promise<void> {
  const buffer = new Uint8Array(READ_SIZE);
  for (let at = 0; at < size;) {
    const count = readAt(fd, buffer.subarray(0, Math.min(READ_SIZE, size - at)), at);
    if (count === 0) return;
    hasher.update(buffer.subarray(0, count));
    at += count;
    if (at % YIELD_EVERY === 0) await Bun.sleep(0);
  }
}
