/** What a container writes, kept in its directory. */
import { O } from "../../ffi/constants.ts";
import { address, raw } from "../../ffi/libc.ts";
import { closeFile, openFile } from "../../ffi/quick_files.ts";

/** Where a monitor puts the container's output. */
export interface ContainerLog {
  write(kind: "stdout" | "stderr", bytes: Uint8Array): Promise<void> | void;
  close(): void;
}

/** Bytes before each piece: the stream (1 or 2), seven bytes of padding, nanoseconds since 1970, the length twice. */
export const LOG_HEADER = 24;

/** Absolute path of the log of a container. */
export function logPath(directory: string): string {
  return `${directory}/container.log`;
}

/** Opens the log to append to. @throws SyscallError */
export function openLog(directory: string): ContainerLog {
  const fd = openFile(logPath(directory), O.WRONLY | O.CREAT | O.APPEND, 0o600);
  return {
    write(kind, bytes) {
      const whole = logEntry(kind, bytes, performance.timeOrigin + performance.now());
      for (let done = 0; done < whole.length;) {
        const rest = whole.subarray(done);
        const count = raw("write", fd, address(rest), rest.length);
        // A full disk must not stop the container: what cannot be kept is lost.
        if (count <= 0) return;
        done += count;
      }
    },
    close: () => closeFile(fd),
  };
}

/** One piece as it is in the file. Pure. @param milliseconds since 1970 */
export function logEntry(
  kind: "stdout" | "stderr",
  bytes: Uint8Array,
  milliseconds: number,
): Uint8Array {
  const whole = new Uint8Array(LOG_HEADER + bytes.length);
  const view = new DataView(whole.buffer);
  view.setUint8(0, kind === "stdout" ? 1 : 2);
  view.setBigUint64(8, BigInt(Math.round(milliseconds * 1000)) * 1000n, true);
  view.setUint32(16, bytes.length, true);
  view.setUint32(20, bytes.length, true);
  whole.set(bytes, LOG_HEADER);
  return whole;
}
