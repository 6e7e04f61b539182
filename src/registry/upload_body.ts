/** Where the bytes of an upload come from, and how they become the body of a request. */
import type { Digest } from "../oci/digest.ts";
import type { UploadBody } from "./transport.ts";

/** A blob that can be read from any place, as often as it takes. */
export interface BlobSource {
  digest: Digest;
  /** Bytes. */
  size: number;
  /**
   * The bytes from `start` to `end`, exclusive. Whoever provides them checks their digest before the last
   * of them is given away.
   * @throws TsboxError, which ends the upload
   */
  read(start: number, end: number): AsyncGenerator<Uint8Array, void, void>;
}

/** A small blob in memory, whose digest was checked. */
export function bytesSource(digest: Digest, bytes: Uint8Array): BlobSource {
  return {
    digest,
    size: bytes.length,
    async *read(start, end) {
      yield bytes.subarray(start, end);
    },
  };
}

/**
 * A part of a blob as a request's body. Nothing is read before the connection takes it.
 * @param finish milliseconds to wait for the answer once all bytes are sent
 * @param onBytes told the place in the blob up to which bytes were handed over
 */
export function blobBody(
  source: BlobSource,
  start: number,
  end: number,
  finish: number,
  onBytes: (position: number) => void,
): UploadBody {
  return {
    length: end - start,
    open(alive) {
      const chunks = source.read(start, end);
      let position = start;
      const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
        alive();
        const { value, done } = await chunks.next();
        if (done) {
          alive(finish);
          return controller.close();
        }
        position += value.length;
        controller.enqueue(value);
        onBytes(position);
      };
      const cancel = async () => void await chunks.return();
      return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
    },
  };
}
