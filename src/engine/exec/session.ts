/** What connects a process started by `exec` with the user: nothing, three streams, or a terminal. */
import type { ExecOptions } from "../../container/exec_options.ts";
import { O } from "../../ffi/constants.ts";
import { errnoName } from "../../ffi/errno.ts";
import { exitStatus } from "../../ffi/process.ts";
import { closeFile, openFile } from "../../ffi/quick_files.ts";
import { isTerminal, type WindowSize, windowSize } from "../../ffi/terminal.ts";
import type { ExecProcess } from "../../rootless/exec.ts";
import { TsboxError } from "../../errors.ts";
import { containerStdio } from "../run/stdio.ts";
import type { TerminalRelay } from "../terminal_relay.ts";
import type { ExecHost } from "./host.ts";

/** The user's side of a process that is to be started. */
export interface ExecSession {
  /** For 0, 1 and 2 of the process. */
  descriptors: readonly [number, number, number];
  /** The process gets a terminal of this size in their place. */
  terminal?: WindowSize | undefined;
  /** Serves the process; resolves to what `exec` answers. */
  run(process: ExecProcess): Promise<number>;
  /** Closes everything, unless the process was started. */
  abandon(): void;
}

/** Docker's size where nobody has a terminal. */
const DEFAULT_SIZE = { rows: 24, columns: 80 };
/** Exit status when the command succeeded, but what it wrote could not be written where the user wants it. */
const LOST_OUTPUT = 125;

/** Prepares the user's side. */
export function execSession(options: ExecOptions, host: ExecHost): ExecSession {
  if (options.detach) return detachedSession(options, host);
  return options.tty ? terminalSession(options, host) : streamSession(options, host);
}

function detachedSession({ tty }: ExecOptions, host: ExecHost): ExecSession {
  const nothing = openFile("/dev/null", O.RDWR);
  return {
    descriptors: [nothing, nothing, nothing],
    terminal: tty ? DEFAULT_SIZE : undefined,
    async run({ terminal }) {
      closeFile(nothing);
      if (terminal === undefined) return 0;
      const { holdTerminal } = await import("./hold_terminal.ts");
      holdTerminal(terminal, host.self);
      return 0;
    },
    abandon: () => closeFile(nothing),
  };
}

function streamSession({ interactive }: ExecOptions, host: ExecHost): ExecSession {
  const stdio = containerStdio(interactive);
  return {
    descriptors: stdio.descriptors,
    async run(process) {
      const delivered = stdio.started();
      // Nothing to do but to wait: without the event loop, whose start takes its time.
      if (!stdio.copying) return exitStatus(process.wait());
      const status = exitStatus(await process.ended());
      stdio.drain();
      const errno = await delivered;
      if (errno === 0) return status;
      host.notice(`tsbox: Cannot write the command's output: ${errnoName(errno)}`);
      return status === 0 ? LOST_OUTPUT : status;
    },
    abandon: stdio.abandoned,
  };
}

function terminalSession(options: ExecOptions, host: ExecHost): ExecSession {
  const { interactive } = options;
  const terminal = (isTerminal(1) ? windowSize(1) : undefined) ?? DEFAULT_SIZE;
  return {
    descriptors: [0, 1, 2],
    terminal,
    abandon: () => {},
    async run(process) {
      const { terminal: master } = process;
      if (master === undefined) throw new TsboxError("host", "Cannot get the terminal");
      const { relayTerminal } = await import("../terminal_relay.ts");
      const relay = relayTerminal({
        master,
        ...(interactive ? { stdin: 0, detachKeys: await detachKeys(options) } : {}),
        stdout: 1,
      });
      try {
        const ending = await Promise.race([process.ended(), relay.detached]);
        if (ending === undefined) return await leave(relay, master, host);
        relay.drain();
        await relay.finished;
        return exitStatus(ending);
      } finally {
        relay.restore();
      }
    },
  };
}

async function detachKeys({ detachKeys: chosen }: ExecOptions): Promise<Uint8Array> {
  const { DEFAULT_DETACH_KEYS, parseDetachKeys } = await import("../../container/detach_keys.ts");
  return parseDetachKeys(chosen ?? DEFAULT_DETACH_KEYS);
}

/** The user goes, the command stays. */
async function leave(relay: TerminalRelay, master: number, host: ExecHost): Promise<number> {
  const { holdTerminal } = await import("./hold_terminal.ts");
  relay.leave();
  holdTerminal(master, host.self);
  host.notice("read escape sequence");
  return 0;
}
