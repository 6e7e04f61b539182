/** A terminal from the container's own devpts, as the controlling one of its first process. */
import { AT_FDCWD, MS, O, S_IFREG } from "../../ffi/constants.ts";
import type { Program } from "../../ffi/program.ts";
import { descriptorMessage } from "../../ffi/socket.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;

/** Size of a terminal in characters. */
export interface TerminalSize {
  rows: number;
  columns: number;
}

/** Opens a terminal, sends its master through the channel and makes it 0, 1 and 2. The process leads a session. */
export function opTerminal(program: Program, channel: number, size: TerminalSize): void {
  const { arena } = program;
  const message = descriptorMessage(arena);
  const slave = program.register();
  const flags = O.RDWR | O.NOCTTY | O.CLOEXEC;
  // The only process so far: this devpts is new and its first terminal is number 0.
  const master = message.descriptor;
  program.op("open a terminal", "openat", [AT_FDCWD, arena.text("/dev/pts/ptmx"), flags, 0], {
    into: master,
  });
  program.op("unlock the terminal", "ioctl", [master, TIOCSPTLCK, arena.words([0])]);
  program.op("open the terminal's other side", "ioctl", [master, TIOCGPTPEER, flags], {
    into: slave,
  });
  const winsize = arena.words([size.rows + size.columns * 0x10000]);
  program.op("set the terminal's size", "ioctl", [master, TIOCSWINSZ, winsize]);
  program.op("hand over the terminal", "sendmsg", [channel, message.header, 0]);
  program.op("take the terminal", "ioctl", [slave, TIOCSCTTY, 0]);
  for (const fd of [0, 1, 2]) program.op(`redirect descriptor ${fd}`, "dup3", [slave, fd, 0]);
  opConsole(program);
}

/** /dev/console is the same terminal, as docker has it. */
function opConsole(program: Program): void {
  const { arena } = program;
  const [source, target] = [arena.text("/dev/pts/0"), arena.text("/dev/console")];
  const what = "mount the terminal on /dev/console";
  program.op(what, "mknodat", [AT_FDCWD, target, S_IFREG | 0o600, 0], { ignore: true });
  program.op(what, "mount", [source, target, 0, MS.BIND, 0]);
}
