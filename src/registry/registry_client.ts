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
import { readJson } from "../oci/json_reader.ts";
import { MANIFEST_ACCEPT } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";
import { blobRange } from "./blob_range.ts";
import { readBody } from "./body.ts";
import { Connection, type RegistryClientOptions } from "./connection.ts";
import { endlessTags, MAX_PAGES, nextPage } from "./next_page.ts";
import { NO_POLICY } from "./policy.ts";
import { refusalError, type Wanted } from "./registry_errors.ts";
import { type OnRetry, RetryBudget, throwIfCancelled, type Timing, withRetries } from "./retry.ts";
import { passesOn, type Source, Sources, timingFor, withMirrorFailures } from "./sources.ts";
import type { HttpAnswer } from "./transport.ts";

export type { RegistryClientOptions } from "./connection.ts";

/** Milliseconds until a mirror answers: behind it is somebody who may be faster. */
const MIRROR_TIMEOUT = 15_000;

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
  readonly #sources: Sources;

  constructor(options: RegistryClientOptions) {
    this.#connection = new Connection(options);
    this.#timing = this.#connection.timing;
    this.#sources = new Sources(options.policy ?? NO_POLICY);
  }

  /**
   * The manifest or index a reference names; its digest is checked against the reference's or the
   * registry's own word. Decode it with parseManifest(bytes, descriptor.mediaType).
   * @throws TsboxError("not-found" | "unauthorized" | "unavailable") in docker's words,
   *   "corrupt" when the digest is wrong, "limit-exceeded" over 4 MiB, "unsupported" by media type
   */
  resolve(reference: Reference, options: RequestOptions = {}): Promise<Resolved> {
    const wanted = reference.digest ?? reference.tag ?? "latest";
    return this.#whole(reference, options, async (source) => {
      const answer = await this.#get(source, `manifests/${wanted}`, options, "manifest");
      const { headers } = answer.response;
      const bytes = await readBody(answer, MAX_MANIFEST_SIZE, this.#timing.stall, "manifest");
      const told = headers.get("docker-content-digest") ?? "";
      const expected = reference.digest ?? (isDigest(told) ? told : undefined);
      const digest = checkedDigest(bytes, expected, source.reference);
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
   * All tags of a repository, as the registry orders them. What it says may be anything: parse it.
   * @throws as {@link resolve}; "limit-exceeded" for more than 100 pages or 4 MiB in one of them
   */
  tags(reference: Reference, options: RequestOptions = {}): Promise<string[]> {
    return this.#whole(reference, options, async (source) => {
      const base = await this.#baseOf(source, options);
      const found = new Set<string>();
      let path: string | URL | undefined = "tags/list";
      for (let pages = 0; path !== undefined; pages++) {
        if (pages === MAX_PAGES) throw endlessTags(reference);
        const answer: HttpAnswer = await this.#get(source, path, options, "manifest");
        const bytes = await readBody(answer, MAX_MANIFEST_SIZE, this.#timing.stall, "list of tags");
        const json = readJson(bytes, "list of tags", MAX_MANIFEST_SIZE);
        const tags = json.optionalStrings("tags") ?? [];
        for (const tag of tags) found.add(tag);
        path = tags.length === 0 ? undefined : nextPage(answer, base);
      }
      return [...found];
    });
  }

  /** Whether a mirror may have a part in what comes of this image. */
  isMirrored(reference: Reference): boolean {
    return this.#sources.isMirrored(reference);
  }

  /** Asks the registry itself from now on: what came was wrong, and a mirror may be to blame. */
  leaveMirrors(reference: Reference): void {
    this.#sources.leaveMirrors(reference);
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
    let offset = options.offset ?? 0;
    const failures: { source: Source; error: unknown }[] = [];
    for (const source of this.#sources.of(reference)) {
      const start = offset;
      try {
        for await (const chunk of this.#rest(source, descriptor, offset, options)) {
          offset += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        if (!passesOn(source, error)) throw withMirrorFailures(error, failures);
        failures.push({ source, error });
        // A mirror may lack one blob, or be cut off in one; one that cannot be used at all is left.
        if (offset === start && !isNotFound(error)) this.#sources.leave(source);
      }
    }
  }

  /** What one source gives of a blob from `start` on. */
  async *#rest(
    source: Source,
    { size, digest }: Descriptor,
    start: number,
    options: BlobOptions,
  ): AsyncGenerator<Uint8Array, void, void> {
    const budget = this.#budget(source, options);
    for (let offset = start; offset < size;) {
      try {
        const headers = offset > 0 ? { Range: `bytes=${offset}-` } : {};
        const answer = await this.#get(source, `blobs/${digest}`, options, "blob", headers);
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

  #budget(source: Source, { signal, onRetry }: RequestOptions): RetryBudget {
    return new RetryBudget(timingFor(source, this.#timing), signal, onRetry);
  }

  #small(
    reference: Reference,
    descriptor: Descriptor,
    path: string,
    wanted: Wanted,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    const limit = wanted === "blob" ? MAX_CONFIG_SIZE : MAX_MANIFEST_SIZE;
    return this.#whole(reference, options, async (source) => {
      const headers: Record<string, string> = wanted === "blob"
        ? {}
        : { Accept: descriptor.mediaType };
      const answer = await this.#get(source, path, options, wanted, headers);
      const bytes = await readBody(answer, limit, this.#timing.stall, wanted);
      checkedDigest(bytes, descriptor.digest, source.reference);
      return bytes;
    });
  }

  /** The answer of the first source that has one. */
  async #whole<T>(
    reference: Reference,
    options: RequestOptions,
    attempt: (source: Source) => Promise<T>,
  ): Promise<T> {
    const failures: { source: Source; error: unknown }[] = [];
    for (const source of this.#sources.of(reference)) {
      try {
        return await withRetries(this.#budget(source, options), () => attempt(source));
      } catch (thrown) {
        const error = thrown instanceof TsboxError ? thrown : unexpected(reference, thrown);
        if (!passesOn(source, error)) throw withMirrorFailures(error, failures);
        failures.push({ source, error });
        // Who lacks the manifest need not be asked for what it lists.
        this.#sources.leave(source);
      }
    }
    throw new TsboxError("unavailable", `Cannot pull ${reference.familiar}: no registry was asked`);
  }

  /** Where a source's API begins. */
  async #baseOf({ reference, base }: Source, { signal }: RequestOptions): Promise<URL> {
    return base ?? await this.#connection.endpoints.find(reference.registry, signal);
  }

  /** An answer of status 200 or 206, after whatever authentication it takes. */
  async #get(
    source: Source,
    path: string | URL,
    { signal }: RequestOptions,
    wanted: Wanted,
    extra: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    throwIfCancelled(signal);
    const { reference, base: mirror } = source;
    const base = await this.#baseOf(source, { signal });
    const url = typeof path === "string" ? new URL(`${reference.repository}/${path}`, base) : path;
    const accept: Record<string, string> = wanted === "manifest" ? { Accept: MANIFEST_ACCEPT } : {};
    const answer = await this.#connection.authorized({ base, reference, signal }, {
      url,
      headers: { ...accept, ...extra },
      ...(mirror && { timeout: Math.min(MIRROR_TIMEOUT, this.#timing.response) }),
    });
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

function isNotFound(error: unknown): boolean {
  return error instanceof TsboxError && error.code === "not-found";
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
