/** A pair of a terminal and its master, made by the kernel, for tests. */
import { constants, openSync } from "node:fs";
import { address, sys } from "../../src/ffi/libc.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const FLAGS = constants.O_RDWR | constants.O_NOCTTY;
const O_CLOEXEC = 0o2000000;

/** The two descriptors, close-on-exec; the master does not block. */
export function openTerminal(): { master: number; slave: number } {
  const master = openSync("/dev/ptmx", FLAGS | constants.O_NONBLOCK);
  const unlock = new Int32Array(new ArrayBuffer(4));
  sys("unlock a terminal", "ioctl", master, TIOCSPTLCK, address(unlock));
  return {
    master,
    slave: sys("open a terminal", "ioctl", master, TIOCGPTPEER, FLAGS | O_CLOEXEC),
  };
}
