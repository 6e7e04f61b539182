/** A blob of the store as an upload reads it: from any place, and checked on the way. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { messageOf, TsboxError } from "../../errors.ts";
import { readAt } from "../../ffi/file_content.ts";
import { type Digest, digestAlgorithm, DigestHasher } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { BlobSource } from "../../registry/upload_body.ts";
import { blobPath } from "../../storage/content_store.ts";
import { changedBlob } from "../archive/stored_contents.ts";

/** Bytes in memory at a time. */
const PIECE = 256 * 1024;
/** Bytes hashed between two chances for other uploads to go on. */
const YIELD_EVERY = 32 * 1024 * 1024;

export class BlobFile implements BlobSource {
  readonly digest: Digest;
  readonly size: number;
  readonly #dataRoot: string;
  /** Opened with the first reading: what the registry has need not be here. */
  #fd: number | undefined;
  #closed = false;
  /** How far an earlier reading has come: the next chunk goes on there. */
  #mark: { position: number; hasher: DigestHasher };

  constructor(dataRoot: string, { digest, size }: Pick<Descriptor, "digest" | "size">) {
    this.digest = digest;
    this.size = size;
    this.#dataRoot = dataRoot;
    this.#mark = { position: 0, hasher: new DigestHasher(digestAlgorithm(digest)) };
  }

  /**
   * The last byte of the blob is given away only when all of them hash to its digest.
   * @throws TsboxError "corrupt" or "not-found" naming the blob
   */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array, void, void> {
    const hasher = await this.#hashed(start);
    for (let at = start; at < end;) {
      const piece = this.#piece(at, end);
      hasher.update(piece);
      at += piece.length;
      if (at === end) this.#mark = { position: end, hasher: hasher.copy() };
      if (at === this.size && hasher.digest() !== this.digest) throw changedBlob(this.digest);
      yield piece;
    }
  }

  /** Ends all reading; may be called again. */
  close(): void {
    if (!this.#closed && this.#fd !== undefined) closeSync(this.#fd);
    this.#closed = true;
  }

  /** A hasher that was fed all before `start`: what was sent before belongs to the digest, too. */
  async #hashed(start: number): Promise<DigestHasher> {
    const { position, hasher } = this.#mark;
    if (position === start) return hasher.copy();
    const anew = new DigestHasher(digestAlgorithm(this.digest));
    for (let at = 0; at < start;) {
      const piece = this.#piece(at, start);
      anew.update(piece);
      at += piece.length;
      if (at % YIELD_EVERY === 0) await Bun.sleep(0);
    }
    return anew;
  }

  /** The connection keeps the bytes until they are sent: they have memory of their own. */
  #piece(at: number, end: number): Uint8Array {
    // A connection may ask once more when the upload is over, and the descriptor be someone else's.
    if (this.#closed) throw new TsboxError("cancelled", `The blob ${this.digest} is closed`);
    const buffer = new Uint8Array(Math.min(PIECE, end - at));
    this.#fd ??= openBlob(this.#dataRoot, this);
    const count = readAt(this.#fd, buffer, at);
    if (count === 0) throw changedBlob(this.digest);
    return buffer.subarray(0, count);
  }
}

function openBlob(dataRoot: string, { digest, size }: BlobSource): number {
  let fd: number;
  try {
    fd = openSync(blobPath(dataRoot, digest), "r");
  } catch (cause) {
    throw new TsboxError("not-found", `Cannot read the blob ${digest}: ${messageOf(cause)}`, {
      cause,
      hint: "pull or load the image again",
    });
  }
  if (fstatSync(fd).size === size) return fd;
  closeSync(fd);
  throw changedBlob(digest);
}
