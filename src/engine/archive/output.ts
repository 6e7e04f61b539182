/** Where an archive is written to: a descriptor that may be slow to take, or a file that appears when it is whole. */
import { closeSync, fstatSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf, TsboxError } from "../../errors.ts";
import { O } from "../../ffi/constants.ts";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { writeAll } from "../../ffi/file_content.ts";
import { syncDirectory } from "../../storage/replace_file.ts";
import { deliver } from "../deliver.ts";

/** Takes an archive piece by piece. */
export interface ArchiveOutput {
  /** For those who write to it themselves. */
  fd: number;
  /** Resolves when it was taken; the bytes may be changed then. */
  write(bytes: Uint8Array): Promise<void>;
  /** The error for when nobody reads it any more. */
  closed(): Error;
}

/** Bytes of a write(2) to what never waits for a reader. */
const LARGE_PIECE = 1024 * 1024;

/**
 * A descriptor of ours, such as standard output.
 * @param closed makes the error for when nobody reads it any more
 */
export function descriptorOutput(fd: number, closed: () => Error): ArchiveOutput {
  const isFile = fstatSync(fd).isFile();
  const sink = { fd, open: true, ...(isFile && { piece: LARGE_PIECE }) };
  return {
    fd,
    closed,
    async write(bytes) {
      const errno = await deliver(sink, bytes);
      if (errno === 0) return;
      if (errno === ERRNO.EPIPE) throw closed();
      const code = errno === ERRNO.ENOSPC ? "no-space" : "host";
      throw new TsboxError(code, `Cannot write the archive: ${errnoName(errno)}`);
    },
  };
}

/**
 * Has `action` write a file that has its name, mode 0600, only when it is complete and on the disk. What had the
 * name is kept until then, and stays when `action` throws.
 * @param cwd absolute; where a relative `path` begins
 * @throws TsboxError "invalid-argument" in docker's words, "host" or "no-space"
 */
export async function writeFileWhole<T>(
  path: string,
  cwd: string,
  action: (output: ArchiveOutput) => Promise<T>,
): Promise<T> {
  const target = resolve(cwd, path);
  checkOutputPath(path, target);
  const temporary = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}`);
  const fd = open(temporary, path);
  try {
    const result = await action(fileOutput(fd, path));
    fsyncSync(fd);
    renameSync(temporary, target);
    syncDirectory(dirname(target));
    return result;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function open(temporary: string, path: string): number {
  try {
    return openSync(temporary, O.WRONLY | O.CREAT | O.EXCL | O.CLOEXEC, 0o600);
  } catch (error) {
    throw new TsboxError("host", `Cannot write "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function fileOutput(fd: number, path: string): ArchiveOutput {
  let written = 0;
  return {
    fd,
    closed: () => new TsboxError("host", `Cannot write "${path}": EPIPE`),
    async write(bytes) {
      writeAll(fd, bytes, () => `write "${path}"`);
      written += bytes.length;
      if (written < YIELD_EVERY) return;
      written = 0;
      await Bun.sleep(0);
    },
  };
}

/** Bytes between two looks at signals. */
const YIELD_EVERY = 16 * 1024 * 1024;

function checkOutputPath(path: string, target: string): void {
  const folder = dirname(target);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw invalidOutput(`directory ${JSON.stringify(dirname(path))} does not exist`);
  }
  const status = statSync(target, { throwIfNoEntry: false });
  if (status === undefined || status.isFile()) return;
  throw invalidOutput(`${JSON.stringify(path)} must be a regular file`);
}

function invalidOutput(why: string): TsboxError {
  return new TsboxError("invalid-argument", `invalid output path: ${why}`);
}
