/** A terminal from the container's own devpts, as the controlling one of its first process. */
import { AT_FDCWD, MS, O, RESOLVE, S_IFREG } from "../../ffi/constants.ts";
import type { Program } from "../../ffi/program.ts";
import { descriptorMessage } from "../../ffi/socket.ts";
import { opOpen } from "./paths.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;

/** Size of a terminal in characters. */
export interface TerminalSize {
  rows: number;
  columns: number;
}

/** The terminal of a container's first process; /dev/console is the same one. */
export function opTerminal(program: Program, channel: number, size: TerminalSize): void {
  opOwnTerminal(program, channel, size);
  // The only process so far: this devpts is new and its first terminal is number 0.
  opConsole(program);
}

/**
 * Opens a terminal, sends its master through the channel and makes it 0, 1 and 2. The process leads a session.
 *
 * A running container may have put anything at the path. No link is followed, and what is no master of a
 * terminal does not know the calls that follow.
 */
export function opOwnTerminal(program: Program, channel: number, size: TerminalSize): void {
  const { arena } = program;
  const message = descriptorMessage(arena);
  const slave = program.register();
  const flags = O.RDWR | O.NOCTTY | O.CLOEXEC;
  const master = message.descriptor;
  const open = { flags, resolve: RESOLVE.NO_SYMLINKS, into: master };
  opOpen(program, "open a terminal", "/dev/pts/ptmx", open);
  program.op("unlock the terminal", "ioctl", [master, TIOCSPTLCK, arena.words([0])]);
  program.op("open the terminal's other side", "ioctl", [master, TIOCGPTPEER, flags], {
    into: slave,
  });
  const winsize = arena.words([size.rows + size.columns * 0x10000]);
  program.op("set the terminal's size", "ioctl", [master, TIOCSWINSZ, winsize]);
  program.op("hand over the terminal", "sendmsg", [channel, message.header, 0]);
  program.op("take the terminal", "ioctl", [slave, TIOCSCTTY, 0]);
  for (const fd of [0, 1, 2]) program.op(`redirect descriptor ${fd}`, "dup3", [slave, fd, 0]);
}

/** /dev/console is the same terminal, as docker has it. */
function opConsole(program: Program): void {
  const { arena } = program;
  const [source, target] = [arena.text("/dev/pts/0"), arena.text("/dev/console")];
  const what = "mount the terminal on /dev/console";
  program.op(what, "mknodat", [AT_FDCWD, target, S_IFREG | 0o600, 0], { ignore: true });
  program.op(what, "mount", [source, target, 0, MS.BIND, 0]);
}
