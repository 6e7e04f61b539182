/** Holding the user's terminal in another mode, and giving it back whatever happens. */
import {
  isInBackground,
  rawMode,
  setTerminalMode,
  silentMode,
  type TerminalMode,
  terminalMode,
} from "../ffi/terminal.ts";

/** Signals that end a process which does not handle them. */
const DEADLY = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"] as const;

/** The user's terminal while it is ours. */
export interface HeldTerminal {
  /** Gives it back as it was found; a second call does nothing. Never throws. */
  restore(): void;
}

/** Sets a mode unless the terminal is another job's by now; a terminal that is gone needs nothing. */
function apply(fd: number, mode: TerminalMode): void {
  if (isInBackground(fd)) return;
  try {
    setTerminalMode(fd, mode);
  } catch {
    // Hung up: there is nobody left to be annoyed.
  }
}

/** Raw mode: every key is for a container. @throws SyscallError when `fd` is not a terminal */
export function holdRaw(fd: number): HeldTerminal {
  return hold(fd, rawMode);
}

/** What is typed is not shown. @throws SyscallError when `fd` is not a terminal */
export function holdSilent(fd: number): HeldTerminal {
  return hold(fd, silentMode);
}

/**
 * Puts a terminal into a mode until `restore`, the end of the process, or a signal that ends it.
 *
 * A signal that others listen to as well is theirs to act on (`run` forwards it to the container, and
 * the terminal is needed on); with no other listener we restore, and then die of it as if unhandled.
 * @throws SyscallError when `fd` is not a terminal
 */
function hold(fd: number, change: (mode: TerminalMode) => TerminalMode): HeldTerminal {
  const found = terminalMode(fd);
  const wanted = change(found);
  let held = true;
  const oursAlone = (signal: string) => process.listenerCount(signal) === 1;
  // After a stop the shell has set its own mode: ask for ours again.
  const resume = () => apply(fd, wanted);
  const stop = () => {
    if (!oursAlone("SIGTSTP")) return;
    apply(fd, found);
    process.kill(process.pid, "SIGSTOP");
  };
  const die = (signal: NodeJS.Signals) => {
    if (!oursAlone(signal)) return;
    restore();
    process.kill(process.pid, signal);
  };
  const restore = () => {
    if (!held) return;
    held = false;
    apply(fd, found);
    process.off("exit", restore).off("SIGCONT", resume).off("SIGTSTP", stop);
    for (const signal of DEADLY) process.off(signal, die);
  };
  process.on("exit", restore).on("SIGCONT", resume).on("SIGTSTP", stop);
  for (const signal of DEADLY) process.on(signal, die);
  setTerminalMode(fd, wanted);
  return { restore };
}
