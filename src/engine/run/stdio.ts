/**
 * Standard descriptors of a container without a terminal.
 *
 * Pipes, local stream sockets and /dev/null are handed over as they are: nothing is faster or more exact.
 * Anything else (the user's terminal, files, pipes with a name) would give the container more than a stream:
 * it could reopen a file for writing by /proc/self/fd, change the terminal's modes, or a file's owner. Those
 * get a pipe, and we copy.
 */
import { O, S_IFCHR, S_IFMT } from "../../ffi/constants.ts";
import { pipe } from "../../ffi/process.ts";
import { closeFile, openFile, openFileStatus } from "../../ffi/quick_files.ts";
import { isBareStream } from "../../ffi/stream_kind.ts";

/** Descriptors for the container, and the copying that goes with them. */
export interface ContainerStdio {
  /** For 0, 1 and 2 of the container. */
  descriptors: readonly [number, number, number];
  /** Not everything is handed over: there is something to copy. */
  copying: boolean;
  /**
   * To be called when the container has been started: closes our copies of its ends and starts copying.
   * Resolves to 0 when all is delivered, or to the errno of the first write that failed.
   */
  started(): Promise<number>;
  /** Closes everything, unless the container was started. */
  abandoned(): void;
  /** The container's process has ended: what it wrote is still delivered, its input stops. */
  drain(): void;
}

interface Copy {
  /** Our end. */
  ours: number;
  /** What the user gave us. */
  user: 0 | 1 | 2;
}

/** A stream and nothing more: safe to share with an untrusted process. */
function isPlainStream(fd: number): boolean {
  const status = openFileStatus(fd);
  // Closed by whoever started us: a pipe nobody writes to or reads from is the nearest thing.
  if (status === undefined) return false;
  if ((status.mode & S_IFMT) === S_IFCHR) return isNull(status.node);
  return isBareStream(fd);
}

function isNull({ major, minor }: { major: number; minor: number }): boolean {
  return major === 1 && minor === 3;
}

/** Whether {@link containerStdio} would hand all streams over as they are. */
export function areHandedOver(interactive: boolean): boolean {
  return (!interactive || isPlainStream(0)) && isPlainStream(1) && isPlainStream(2);
}

/** Prepares descriptors; the container reads ours only when `interactive`. */
export function containerStdio(interactive: boolean): ContainerStdio {
  const toClose: number[] = [];
  const copies: Copy[] = [];
  const input = (): number => {
    if (!interactive) return kept(toClose, openFile("/dev/null", O.RDONLY));
    if (isPlainStream(0)) return 0;
    const { read, write } = pipe();
    copies.push({ ours: write, user: 0 });
    return kept(toClose, read);
  };
  const output = (user: 1 | 2): number => {
    if (isPlainStream(user)) return user;
    const { read, write } = pipe();
    copies.push({ ours: read, user });
    return kept(toClose, write);
  };
  const descriptors = [input(), output(1), output(2)] as const;
  let drain = () => {};
  let given = false;
  return {
    descriptors,
    copying: copies.length > 0,
    async started() {
      given = true;
      for (const fd of toClose) closeFile(fd);
      if (copies.length === 0) return 0;
      const { copyStreams } = await import("./copy_streams.ts");
      const running = copyStreams(copies);
      drain = running.drain;
      return await running.finished;
    },
    abandoned() {
      if (given) return;
      given = true;
      for (const fd of [...toClose, ...copies.map(({ ours }) => ours)]) closeFile(fd);
    },
    drain: () => drain(),
  };
}

function kept(list: number[], fd: number): number {
  list.push(fd);
  return fd;
}
