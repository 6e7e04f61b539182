/**
 * Writes images to registries (OCI distribution spec 1.1, "Push"). Knows no store and prints nothing; what
 * it is given to send is checked by whoever gives it.
 */
import { messageOf, TsboxError } from "../errors.ts";
import { digestAlgorithm, digestOf, isDigest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import type { Audience } from "./authenticator.ts";
import { BlobUpload } from "./blob_upload.ts";
import { Connection, type RegistryClientOptions } from "./connection.ts";
import type { RequestOptions } from "./registry_client.ts";
import { refusalError } from "./registry_errors.ts";
import { RetryBudget, throwIfCancelled, withRetries } from "./retry.ts";
import { discard, type HttpAnswer } from "./transport.ts";
import type { BlobSource } from "./upload_body.ts";

export interface BlobUploadOptions extends RequestOptions {
  /** Repositories of the same registry that are known to have the blob, the most likely first. */
  mountFrom?: readonly string[] | undefined;
  /** Told the bytes that were handed to the connection. */
  onBytes?: ((position: number) => void) | undefined;
}

/** How a blob came to be in the repository. */
export type Uploaded =
  | { how: "existed" }
  | { how: "mounted"; from: string }
  | { how: "sent" };

/** More wishes than these take longer than they may save. */
const MAX_MOUNTS = 3;

export class RegistryUploader {
  readonly #connection: Connection;

  constructor(options: RegistryClientOptions) {
    this.#connection = new Connection(options);
  }

  /**
   * Sees to it that the repository has a blob, with as little traffic as it takes.
   * @throws TsboxError("unauthorized"), ("unavailable"), ("cancelled"), and what the source throws
   */
  async blob(
    reference: Reference,
    source: BlobSource,
    options: BlobUploadOptions = {},
  ): Promise<Uploaded> {
    const { signal, onRetry, onBytes = () => {}, mountFrom = [] } = options;
    const budget = new RetryBudget(this.#connection.timing, signal, onRetry);
    return await this.#named(reference, async () => {
      const audience = await withRetries(budget, () => this.#audience(reference, signal));
      const upload = new BlobUpload(this.#connection, audience, source, onBytes);
      if (await withRetries(budget, () => upload.exists())) return { how: "existed" };
      budget.progress();
      const from = await mountedFrom(upload, audience, mountFrom);
      if (from !== undefined) return { how: "mounted", from };
      await upload.send(budget);
      return { how: "sent" };
    });
  }

  /**
   * Whether the repository has a blob, or can take it from another one: then nobody has to send it.
   * @throws TsboxError as {@link blob}
   */
  async has(
    reference: Reference,
    blob: Pick<BlobSource, "digest" | "size">,
    { signal, onRetry, mountFrom = [] }: BlobUploadOptions = {},
  ): Promise<boolean> {
    const budget = new RetryBudget(this.#connection.timing, signal, onRetry);
    return await this.#named(reference, async () => {
      const audience = await withRetries(budget, () => this.#audience(reference, signal));
      const upload = new BlobUpload(this.#connection, audience, unreadable(blob), () => {});
      if (await withRetries(budget, () => upload.exists())) return true;
      const from = await mountedFrom(upload, audience, mountFrom);
      if (from === undefined) await upload.giveUp();
      return from !== undefined;
    });
  }

  /**
   * Stores a manifest or an index under the reference's tag, or under its digest when it has none.
   * @throws TsboxError as {@link blob}; "corrupt" when the registry stored something else
   */
  async manifest(
    reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    options: RequestOptions = {},
  ): Promise<void> {
    const { signal, onRetry } = options;
    const budget = new RetryBudget(this.#connection.timing, signal, onRetry);
    const digest = digestOf(bytes, reference.digest && digestAlgorithm(reference.digest));
    const name = reference.digest ?? reference.tag ?? digest;
    await this.#named(reference, () =>
      withRetries(budget, async () => {
        const audience = await this.#audience(reference, signal);
        const url = new URL(`${reference.repository}/manifests/${name}`, audience.base);
        const answer = await this.#connection.authorized(audience, {
          url,
          method: "PUT",
          headers: { "Content-Type": mediaType },
          body: { length: bytes.length, open: () => bytes },
        });
        if (!answer.response.ok) {
          throw await refusalError(answer, reference, "upload", this.#connection.timing);
        }
        await discard(answer);
        checkStored(answer, digest, reference);
      }));
  }

  async #audience(reference: Reference, signal: AbortSignal | undefined): Promise<Audience> {
    throwIfCancelled(signal);
    const base = await this.#connection.endpoints.find(reference.registry, signal);
    return { base, reference, signal, actions: "pull,push" };
  }

  async #named<T>(reference: Reference, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof TsboxError) throw error;
      throw new TsboxError(
        "unavailable",
        `Cannot push ${reference.familiar}: ${messageOf(error).slice(0, 200)}`,
        { cause: error },
      );
    }
  }
}

/** For questions about a blob that nobody here could send. */
function unreadable({ digest, size }: Pick<BlobSource, "digest" | "size">): BlobSource {
  const read = () => {
    throw new TsboxError("not-found", `Cannot send the blob ${digest}: it is not here`);
  };
  return { digest, size, read };
}

/** The repository the blob was mounted from. Whatever else comes of it, the blob can still be sent. */
async function mountedFrom(
  upload: BlobUpload,
  { reference }: Audience,
  repositories: readonly string[],
): Promise<string | undefined> {
  const sources = repositories.filter((name) => name !== reference.repository).slice(0, MAX_MOUNTS);
  for (const from of sources) {
    try {
      if (await upload.mount(from, sources)) return from;
    } catch (error) {
      if (isCancelled(error)) throw error;
    }
  }
  return undefined;
}

function isCancelled(error: unknown): boolean {
  return error instanceof TsboxError && error.code === "cancelled";
}

function checkStored(answer: HttpAnswer, digest: string, reference: Reference): void {
  const told = answer.response.headers.get("docker-content-digest") ?? "";
  if (!isDigest(told) || digestAlgorithm(told) !== digest.split(":")[0] || told === digest) return;
  throw new TsboxError(
    "corrupt",
    `Cannot push ${reference.familiar}: ${reference.registry} stored ${told} instead of ${digest}`,
  );
}
