/**
 * Reads images from registries (OCI distribution spec 1.1, "Pull"). Knows no store and prints nothing:
 * what it gives was checked against its descriptor, but for blobs, whose digest the reader computes
 * while it stores them.
 */
import { TsboxError } from "../errors.ts";
import { type Digest, digestAlgorithm, digestOf, isDigest } from "../oci/digest.ts";
import {
  type Descriptor,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  parseManifest,
} from "../oci/manifest.ts";
import { MANIFEST_ACCEPT } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";
import { blobRange } from "./blob_range.ts";
import { readBody } from "./body.ts";
import { Connection, type RegistryClientOptions } from "./connection.ts";
import { refusalError, type Wanted } from "./registry_errors.ts";
import { type OnRetry, RetryBudget, throwIfCancelled, type Timing, withRetries } from "./retry.ts";
import type { HttpAnswer } from "./transport.ts";

export type { RegistryClientOptions } from "./connection.ts";

export interface RequestOptions {
  /** Aborting it ends everything with TsboxError("cancelled"). */
  signal?: AbortSignal | undefined;
  onRetry?: OnRetry | undefined;
}

export interface BlobOptions extends RequestOptions {
  /** Bytes that are there already; default 0. */
  offset?: number;
}

/** A manifest or index as received. */
export interface Resolved {
  /** `mediaType` is the document's own, or the registry's word for it. */
  descriptor: Descriptor;
  bytes: Uint8Array;
}

export class RegistryClient {
  readonly #connection: Connection;
  readonly #timing: Timing;

  constructor(options: RegistryClientOptions) {
    this.#connection = new Connection(options);
    this.#timing = this.#connection.timing;
  }

  /**
   * The manifest or index a reference names; its digest is checked against the reference's or the
   * registry's own word. Decode it with parseManifest(bytes, descriptor.mediaType).
   * @throws TsboxError("not-found" | "unauthorized" | "unavailable") in docker's words,
   *   "corrupt" when the digest is wrong, "limit-exceeded" over 4 MiB, "unsupported" by media type
   */
  resolve(reference: Reference, options: RequestOptions = {}): Promise<Resolved> {
    const wanted = reference.digest ?? reference.tag ?? "latest";
    return this.#whole(reference, options, async () => {
      const answer = await this.#get(reference, `manifests/${wanted}`, options, "manifest");
      const { headers } = answer.response;
      const bytes = await readBody(answer, MAX_MANIFEST_SIZE, this.#timing.stall, "manifest");
      const told = headers.get("docker-content-digest") ?? "";
      const expected = reference.digest ?? (isDigest(told) ? told : undefined);
      const digest = checkedDigest(bytes, expected, reference);
      const { mediaType } = parseManifest(bytes, headers.get("content-type") ?? "");
      return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
    });
  }

  /**
   * The manifest that an index lists, checked against its descriptor.
   * @throws as {@link resolve}
   */
  manifest(
    reference: Reference,
    descriptor: Descriptor,
    options: RequestOptions = {},
  ): Promise<Uint8Array> {
    return this.#small(
      reference,
      descriptor,
      `manifests/${descriptor.digest}`,
      "manifest",
      options,
    );
  }

  /**
   * A small blob in memory, such as an image config, checked against its descriptor.
   * @throws as {@link resolve}; "limit-exceeded" over 8 MiB
   */
  config(
    reference: Reference,
    descriptor: Descriptor,
    options: RequestOptions = {},
  ): Promise<Uint8Array> {
    return this.#small(reference, descriptor, `blobs/${descriptor.digest}`, "blob", options);
  }

  /**
   * The bytes of a blob from `offset` to `descriptor.size`, no more and no fewer, across cut connections.
   * Nothing is read ahead of the consumer; leaving the loop closes the connection.
   * The digest is NOT checked: whoever has the first `offset` bytes must hash them all.
   * @throws TsboxError("unavailable") when tries do not help, "not-found", "unauthorized", "cancelled",
   *   "corrupt" when the registry's blob has another size
   */
  async *blob(
    reference: Reference,
    descriptor: Descriptor,
    options: BlobOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    const budget = new RetryBudget(this.#timing, options.signal, options.onRetry);
    const { size, digest } = descriptor;
    for (let offset = options.offset ?? 0; offset < size;) {
      try {
        const headers = offset > 0 ? { Range: `bytes=${offset}-` } : {};
        const answer = await this.#get(reference, `blobs/${digest}`, options, "blob", headers);
        for await (const chunk of blobRange(answer, offset, size, this.#timing.stall)) {
          offset += chunk.length;
          budget.progress();
          yield chunk;
        }
      } catch (error) {
        await budget.spend(error);
      }
    }
  }

  #small(
    reference: Reference,
    descriptor: Descriptor,
    path: string,
    wanted: Wanted,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    const limit = wanted === "blob" ? MAX_CONFIG_SIZE : MAX_MANIFEST_SIZE;
    return this.#whole(reference, options, async () => {
      const headers: Record<string, string> = wanted === "blob"
        ? {}
        : { Accept: descriptor.mediaType };
      const answer = await this.#get(reference, path, options, wanted, headers);
      const bytes = await readBody(answer, limit, this.#timing.stall, wanted);
      checkedDigest(bytes, descriptor.digest, reference);
      return bytes;
    });
  }

  async #whole<T>(
    reference: Reference,
    options: RequestOptions,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const budget = new RetryBudget(this.#timing, options.signal, options.onRetry);
    try {
      return await withRetries(budget, attempt);
    } catch (error) {
      throw error instanceof TsboxError ? error : unexpected(reference, error);
    }
  }

  /** An answer of status 200 or 206, after whatever authentication it takes. */
  async #get(
    reference: Reference,
    path: string,
    { signal }: RequestOptions,
    wanted: Wanted,
    extra: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    throwIfCancelled(signal);
    const base = await this.#connection.endpoints.find(reference.registry, signal);
    const url = new URL(`${reference.repository}/${path}`, base);
    const accept: Record<string, string> = wanted === "manifest" ? { Accept: MANIFEST_ACCEPT } : {};
    const headers = { ...accept, ...extra };
    const answer = await this.#connection.authorized({ base, reference, signal }, { url, headers });
    const { status } = answer.response;
    if (status === 200 || status === 206 || status === 416) return answer;
    throw await refusalError(answer, reference, wanted, this.#timing);
  }
}

function checkedDigest(
  bytes: Uint8Array,
  expected: Digest | undefined,
  reference: Reference,
): Digest {
  const actual = digestOf(bytes, expected === undefined ? "sha256" : digestAlgorithm(expected));
  if (expected === undefined || actual === expected) return actual;
  throw new TsboxError(
    "corrupt",
    `Cannot pull ${reference.familiar}: content verification failed, ${reference.registry} sent ${actual} instead of ${expected}`,
  );
}

function unexpected(reference: Reference, cause: unknown): TsboxError {
  return new TsboxError(
    "unavailable",
    `Cannot pull ${reference.familiar}: ${String(cause).slice(0, 200)}`,
    {
      cause,
    },
  );
}
