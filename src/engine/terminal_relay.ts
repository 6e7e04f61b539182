/** `run -t`: the user's terminal on one side, the master of the container's on the other. */
import { closeSync } from "node:fs";
import { DetachWatch } from "../container/detach_keys.ts";
import { isReadable, setNonBlocking } from "../ffi/readiness.ts";
import { isTerminal, setWindowSize, windowSize } from "../ffi/terminal.ts";
import { deliver, type Sink } from "./deliver.ts";
import { holdRaw } from "./raw_terminal.ts";

/** What is connected with what. */
export interface TerminalRequest {
  /** Master of the container's terminal; from here on the relay's, which closes it. */
  master: number;
  /** Where the user types; undefined (`-t` without `-i`): nothing is forwarded and no mode is changed. */
  stdin?: number;
  stdout: number;
  /** Keys after which the user is gone, see {@link TerminalRelay.detached}; none: all pass as they are. */
  detachKeys?: Uint8Array;
}

/** How a relay ended: all output is delivered, or there is nobody who could take it (`| head`). */
export type RelayEnd = "delivered" | "output-closed";

/** A running relay. */
export interface TerminalRelay {
  /** Resolves once the container's terminal is closed on its side and the user's is restored. Never rejects. */
  finished: Promise<RelayEnd>;
  /**
   * To be called when the container's process has ended: what it wrote is still delivered, but
   * processes that outlive it (`--pid host`) and keep the terminal open are not waited for.
   */
  drain(): void;
  /** Resolves when the detach keys were typed. Nothing was closed then: {@link leave} is to be called. */
  detached: Promise<void>;
  /** Ends the relay, but for the master: that is the caller's again. */
  leave(): void;
  /** Gives the user's terminal back at once; also done at the end, on signals and at exit. */
  restore(): void;
}

/** Milliseconds without output after which an ended container has nothing more to say. */
const SILENCE = 20;

interface Source {
  read(): Promise<{ value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** The bytes of a descriptor by the event loop: no thread waits, an unread source is not read from. */
function open(fd: number): Source {
  // A terminal as standard input is reopened by Bun: our own non-blocking flag never reaches the shell.
  return (fd === 0 ? Bun.stdin : Bun.file(fd)).stream().getReader();
}

/** What is typed, up to the detach keys. @param detach told of these */
function watched(source: Source, keys: Uint8Array, detach: () => void): Source {
  const watch = new DetachWatch(keys);
  let over = false;
  return {
    async read() {
      const { value } = over ? { value: undefined } : await source.read();
      if (value === undefined) return { value };
      const { pass, detached } = watch.take(value);
      over = detached;
      if (detached) detach();
      return { value: pass };
    },
    cancel: () => source.cancel(),
  };
}

/**
 * Copies until the source ends, or the sink takes no more (false).
 * @param idle told since when nothing came; never (Infinity) while something is being delivered
 */
async function copy(source: Source, sink: Sink, idle: (since: number) => void): Promise<boolean> {
  for (;;) {
    // EIO is how a master tells that the last process closed its terminal.
    const { value } = await source.read().catch(() => ({ value: undefined }));
    if (value === undefined) return true;
    idle(Infinity);
    // While a paste waits for the container to read, its output flows on, or both would wait for each other.
    if (await deliver(sink, value) !== 0) return false;
    idle(performance.now());
  }
}

/** Keeps the size of the container's terminal that of the user's; returns how to stop it. */
function followSize(request: TerminalRequest): () => void {
  const { stdin, stdout, master } = request;
  const follow = () => {
    const size = windowSize(stdout) ?? (stdin === undefined ? undefined : windowSize(stdin));
    if (size !== undefined) setWindowSize(master, size);
  };
  follow();
  process.on("SIGWINCH", follow).on("SIGCONT", follow);
  return () => process.off("SIGWINCH", follow).off("SIGCONT", follow);
}

/** Ends `output` when it has been silent for a while. */
async function endWhenSilent(
  master: Sink,
  output: Source,
  idleSince: () => number,
): Promise<void> {
  const busy = () => isReadable(master.fd) || performance.now() - idleSince() < SILENCE;
  while (master.open && busy()) await Bun.sleep(SILENCE);
  await output.cancel().catch(() => {});
}

/**
 * Starts relaying. The user's terminal is in raw mode until the end; if `stdin` is none, it is left alone.
 * @throws SyscallError when `master` is not a terminal
 */
export function relayTerminal(request: TerminalRequest): TerminalRelay {
  const { master, stdin, stdout } = request;
  setNonBlocking(master);
  const unfollow = followSize(request);
  const held = stdin !== undefined && isTerminal(stdin) ? holdRaw(stdin) : undefined;
  const restore = () => held?.restore();
  const output = open(master);
  const { promise: detached, resolve: detach } = Promise.withResolvers<void>();
  const typed = stdin === undefined ? undefined : open(stdin);
  const { detachKeys } = request;
  const input = typed && detachKeys ? watched(typed, detachKeys, detach) : typed;
  const toContainer = { fd: master, open: true };
  let idleSince = performance.now();
  if (input !== undefined) void copy(input, toContainer, () => {});
  let left = false;
  const end = () => {
    toContainer.open = false;
    unfollow();
    restore();
    void input?.cancel().catch(() => {});
  };
  const finish = (delivered: boolean): RelayEnd => {
    if (!left) {
      end();
      closeSync(master);
    }
    return delivered ? "delivered" : "output-closed";
  };
  return {
    finished: copy(output, { fd: stdout, open: true }, (since) => idleSince = since).then(finish),
    drain: () => void (toContainer.open && endWhenSilent(toContainer, output, () => idleSince)),
    detached,
    leave: () => {
      left = true;
      end();
      void output.cancel().catch(() => {});
    },
    restore,
  };
}
