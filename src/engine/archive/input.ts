/** Reads an archive from a file or a pipe, however slow it is, so that signals are heard meanwhile. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf, TsboxError } from "../../errors.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { address, raw, SyscallError } from "../../ffi/libc.ts";
import { isReadable, waitReadable } from "../../ffi/readiness.ts";

/** What is read. */
export interface ArchiveInput {
  /** For messages: a file name in quotes, or `standard input`. */
  name: string;
  /**
   * The bytes, in pieces that are valid until the next one is asked for.
   * @param idle awaited before the reading has to wait
   */
  pieces(signal: AbortSignal, idle: () => Promise<void>): AsyncGenerator<Uint8Array>;
}

const PIECE = 1024 * 1024;
/** Bytes between two looks at signals. */
const YIELD_EVERY = 16 * 1024 * 1024;
/** Milliseconds of waiting between two looks at signals. */
const WAIT = 20;

/** @param fd stays open */
export function descriptorInput(fd: number, name: string): ArchiveInput {
  return { name, pieces: (signal, idle) => readPieces(fd, name, signal, idle) };
}

/**
 * Has `action` read a file.
 * @param cwd absolute; where a relative `path` begins
 * @throws TsboxError "not-found" or "host" when it cannot be read
 */
export async function withFileInput<T>(
  path: string,
  cwd: string,
  action: (input: ArchiveInput) => Promise<T>,
): Promise<T> {
  const fd = openInput(path, resolve(cwd, path));
  try {
    if (fstatSync(fd).isDirectory()) {
      throw new TsboxError("invalid-argument", `Cannot read "${path}": it is a directory`);
    }
    return await action(descriptorInput(fd, `"${path}"`));
  } finally {
    closeSync(fd);
  }
}

function openInput(path: string, target: string): number {
  try {
    return openSync(target, "r");
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const why = missing ? "no such file" : messageOf(error);
    throw new TsboxError(missing ? "not-found" : "host", `Cannot read "${path}": ${why}`, {
      cause: error,
    });
  }
}

async function* readPieces(
  fd: number,
  name: string,
  signal: AbortSignal,
  idle: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(PIECE);
  for (let sinceYield = 0;;) {
    if (!isReadable(fd)) {
      await idle();
      while (!waitReadable(fd, WAIT)) await breathe(signal);
    }
    const count = raw("read", fd, address(buffer), PIECE);
    if (count === 0) return;
    // EAGAIN: another program left the descriptor non-blocking.
    if (count === -ERRNO.EINTR || count === -ERRNO.EAGAIN) continue;
    if (count < 0) throw new SyscallError(`read ${name}`, "read", -count);
    yield buffer.subarray(0, count);
    sinceYield += count;
    if (sinceYield < YIELD_EVERY && !signal.aborted) continue;
    sinceYield = 0;
    await breathe(signal);
  }
}

async function breathe(signal: AbortSignal): Promise<void> {
  await Bun.sleep(0);
  if (signal.aborted) throw new TsboxError("cancelled", "Cannot read the archive: cancelled");
}
