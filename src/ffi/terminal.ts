/** Terminals: modes and window size, by ioctl_tty(2). */
import { address, raw, sys } from "./libc.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGPGRP = 0x540f;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;

/** The kernel's struct termios: four 32-bit flag words, the line discipline, 19 control characters. */
const TERMIOS_SIZE = 36;
const IFLAG = 0;
const OFLAG = 4;
const CFLAG = 8;
const LFLAG = 12;
const CONTROL_CHARACTERS = 17;
const VTIME = 5;
const VMIN = 6;

// IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON
const COOKED_INPUT = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
const OPOST = 0o1;
// CSIZE, PARENB
const ODD_BYTES = 0o60 | 0o400;
const CS8 = 0o60;
// ISIG, ICANON, ECHO, ECHONL, IEXTEN
const ECHO = 0o10;
const COOKED_LOCAL = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000;

/** The settings of a terminal, as the kernel gave them. */
export type TerminalMode = Uint8Array<ArrayBuffer>;

/** In character cells. */
export interface WindowSize {
  rows: number;
  columns: number;
}

/** A buffer whose address stays: its ArrayBuffer exists from the start (bun-facts K1). */
function buffer(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size));
}

/** Whether a descriptor is a terminal. */
export function isTerminal(fd: number): boolean {
  return raw("ioctl", fd, TCGETS, address(buffer(TERMIOS_SIZE))) === 0;
}

/** @throws SyscallError ENOTTY */
export function terminalMode(fd: number): TerminalMode {
  const mode = buffer(TERMIOS_SIZE);
  sys("read the terminal's mode", "ioctl", fd, TCGETS, address(mode));
  return mode;
}

/**
 * Sets the mode at once: nothing typed ahead is lost, and output that is held back cannot block us.
 * @throws SyscallError
 */
export function setTerminalMode(fd: number, mode: TerminalMode): void {
  sys("set the terminal's mode", "ioctl", fd, TCSETS, address(mode));
}

/** The mode in which bytes pass as they are, as cfmakeraw(3) makes it. */
export function rawMode(mode: TerminalMode): TerminalMode {
  const made = mode.slice();
  const words = new DataView(made.buffer);
  const change = (at: number, clear: number, set = 0) =>
    words.setUint32(at, (words.getUint32(at, true) & ~clear) | set, true);
  change(IFLAG, COOKED_INPUT);
  change(OFLAG, OPOST);
  change(CFLAG, ODD_BYTES, CS8);
  change(LFLAG, COOKED_LOCAL);
  made[CONTROL_CHARACTERS + VMIN] = 1;
  made[CONTROL_CHARACTERS + VTIME] = 0;
  return made;
}

/** The mode in which what is typed is not shown, for passwords. */
export function silentMode(mode: TerminalMode): TerminalMode {
  const made = mode.slice();
  const words = new DataView(made.buffer);
  words.setUint32(LFLAG, words.getUint32(LFLAG, true) & ~ECHO, true);
  return made;
}

/** The size; undefined when it is not a terminal or has none (serial lines). */
export function windowSize(fd: number): WindowSize | undefined {
  const size = buffer(8);
  if (raw("ioctl", fd, TIOCGWINSZ, address(size)) < 0) return undefined;
  const [rows = 0, columns = 0] = new Uint16Array(size.buffer);
  return rows === 0 || columns === 0 ? undefined : { rows, columns };
}

/** Sets the size; the kernel sends SIGWINCH to the foreground processes. @throws SyscallError */
export function setWindowSize(fd: number, { rows, columns }: WindowSize): void {
  const size = buffer(8);
  new Uint16Array(size.buffer).set([rows, columns]);
  sys("set the terminal's size", "ioctl", fd, TIOCSWINSZ, address(size));
}

/**
 * Whether the terminal is in the hands of another job: changing its mode then would disturb the shell
 * that is using it, and would stop us (SIGTTOU). False when it is not our controlling terminal.
 */
export function isInBackground(fd: number): boolean {
  const group = buffer(4);
  if (raw("ioctl", fd, TIOCGPGRP, address(group)) < 0) return false;
  return new Int32Array(group.buffer)[0] !== raw("getpgid", 0);
}
