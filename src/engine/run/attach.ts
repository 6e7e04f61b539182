/** What connects a container with the user: a terminal, or three streams, and signals. */
import type { RunOptions } from "../../container/run_options.ts";
import { errnoName } from "../../ffi/errno.ts";
import { isTerminal, windowSize } from "../../ffi/terminal.ts";
import type { Running } from "../../rootless/launch.ts";
import { TsboxError } from "../../errors.ts";
import type { RunHost } from "./host.ts";
import { ending, forwarding, type HeldWait } from "./signals.ts";
import { containerStdio } from "./stdio.ts";

/** The user's side of a container that is being run. */
export interface Session {
  /** Standard descriptors for the container. */
  descriptors: readonly [number, number, number];
  /** The container gets a terminal of this size in their place. */
  terminal?: { rows: number; columns: number } | undefined;
  /** What can wait until the kernel has work, too: the container's file systems are being made. */
  prepare?(): Promise<void>;
  /**
   * The container is about to run: from now on signals are for it.
   * @param isAlone whether there is nothing to do for it until it has ended
   */
  starting(isAlone: () => boolean): void;
  /** Closes everything, unless the container was started. */
  abandon(): void;
  /** Serves the container until it has ended; resolves to whether all that it wrote is delivered. */
  run(running: Running): Promise<boolean>;
}

/** Docker's size where nobody has a terminal. */
const DEFAULT_SIZE = { rows: 24, columns: 80 };

/** Prepares the user's side. @throws TsboxError "invalid-argument" for `-it` without a terminal */
export function attach(options: RunOptions, host: RunHost): Session {
  return options.tty ? terminalSession(options) : streamSession(options, host);
}

function streamSession(options: RunOptions, host: RunHost): Session {
  const stdio = containerStdio(options.interactive);
  const signals = forwarding(options.sigProxy, host.notice);
  let wait: HeldWait | undefined;
  return {
    descriptors: stdio.descriptors,
    starting(isAlone) {
      wait = !stdio.copying && isAlone() ? signals.hold() : undefined;
      if (wait === undefined) signals.start();
    },
    abandon() {
      signals.stop();
      stdio.abandoned();
    },
    async run(running) {
      if (wait === undefined) signals.serve(running);
      const delivered = stdio.started();
      wait?.(running);
      await running.ended;
      stdio.drain();
      const errno = await delivered;
      signals.stop();
      if (errno !== 0) {
        host.notice(`tsbox: Cannot write the container's output: ${errnoName(errno)}`);
      }
      return errno === 0;
    },
  };
}

function terminalSession(options: RunOptions): Session {
  if (options.interactive && !isTerminal(0)) {
    throw new TsboxError(
      "invalid-argument",
      "cannot attach stdin to a TTY-enabled container because stdin is not a terminal",
    );
  }
  const terminal = (isTerminal(1) ? windowSize(1) : undefined) ?? DEFAULT_SIZE;
  const signals = ending();
  return {
    descriptors: [0, 1, 2],
    terminal,
    starting: () => signals.start(),
    abandon: () => signals.stop(),
    async run(running) {
      signals.serve(running);
      if (running.terminal === undefined) throw new TsboxError("host", "Cannot get the terminal");
      const { relayTerminal } = await import("../terminal_relay.ts");
      const relay = relayTerminal({
        master: running.terminal,
        ...(options.interactive ? { stdin: 0 } : {}),
        stdout: 1,
      });
      try {
        await running.ended;
        relay.drain();
        return await relay.finished === "delivered";
      } finally {
        relay.restore();
        signals.stop();
      }
    },
  };
}
