/** Writes an archive to a descriptor, waiting for whoever reads it. */
import { ERRNO } from "../../ffi/errno.ts";
import { address, raw, SyscallError } from "../../ffi/libc.ts";
import { waitWritable } from "../../ffi/readiness.ts";

/** Bytes that are written at a time. */
const BUFFER = 256 * 1024;
/** Milliseconds of one wait for a reader; there may be any number of them. */
const WAIT = 1000;

/** Nobody reads the archive any more. */
export class ArchiveClosed extends Error {
  override readonly name = "ArchiveClosed";
}

export class ArchiveFile {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER);
  #used = 0;
  /** What was taken so far. */
  bytes = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes bytes, which may be changed then. @throws ArchiveClosed, SyscallError */
  write(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, BUFFER - this.#used);
      this.#buffer.set(bytes.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
      if (this.#used === BUFFER) this.flush();
    }
  }

  /** Takes zeros. */
  zeros(count: number): void {
    const piece = new Uint8Array(Math.min(count, 65536));
    for (let left = count; left > 0; left -= piece.length) {
      this.write(left < piece.length ? piece.subarray(0, left) : piece);
    }
  }

  /** Writes out what is held back. */
  flush(): void {
    const start = address(this.#buffer);
    for (let done = 0; done < this.#used;) {
      const result = raw("write", this.#fd, start + done, this.#used - done);
      if (result >= 0) done += result;
      else if (result === -ERRNO.EPIPE) throw new ArchiveClosed();
      else if (result === -ERRNO.EAGAIN) waitWritable(this.#fd, WAIT);
      else if (result !== -ERRNO.EINTR) {
        throw new SyscallError("write the archive", "write", -result);
      }
    }
    this.#used = 0;
  }
}
