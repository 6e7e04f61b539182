/** Copying between the user's standard descriptors and the container's pipes. */
import { closeSync, fstatSync, readSync } from "node:fs";
import { setNonBlocking, setPipeSize } from "../../ffi/pipes.ts";
import { isReadable } from "../../ffi/readiness.ts";
import { isTerminal } from "../../ffi/terminal.ts";
import { deliver, type Sink } from "../deliver.ts";

/** One direction: from the user's input to `ours`, or from `ours` to an output of the user. */
export interface StreamCopy {
  /** Our end of the container's pipe. */
  ours: number;
  user: 0 | 1 | 2;
}

/** Copying that goes on. */
export interface RunningCopies {
  /** Resolves when all output is delivered, to 0 or the errno of the first write that failed. */
  finished: Promise<number>;
  /** The container has ended: input is of no use any more, what is in the pipes is still copied. */
  drain(): void;
}

/** Milliseconds that a pipe kept open by another process (`--pid host`) may be silent at the end. */
const SILENCE = 100;
/** Milliseconds between looks at an input that has nothing to say yet and cannot tell when it will. */
const IDLE = 20;
/** Bytes; also what an ordinary user may make of a pipe. */
const CHUNK = 1 << 20;

/** Starts copying; closes our ends when it is done. */
export function copyStreams(copies: readonly StreamCopy[]): RunningCopies {
  const outputs = copies.filter(({ user }) => user !== 0).map(copyOutput);
  const input = copies.find(({ user }) => user === 0);
  const stopInput = input === undefined ? () => {} : copyInput(input.ours);
  return {
    finished: Promise.all(outputs.map((output) => output.finished)).then((all) =>
      all.find((errno) => errno !== 0) ?? 0
    ),
    drain() {
      stopInput();
      for (const output of outputs) output.drain();
    },
  };
}

/** Lets signals and the other streams have their turn: data that is always there would starve them. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** When the user's descriptor takes no more, the container's writes fail from then on. */
function copyOutput({ ours, user }: StreamCopy): { finished: Promise<number>; drain(): void } {
  const reader = Bun.file(ours).stream().getReader();
  const sink = { fd: user, open: true, ...(fstatSync(user).isFile() ? { piece: CHUNK } : {}) };
  let [delivering, last] = [false, performance.now()];
  const copy = async (): Promise<number> => {
    for (;;) {
      const { value } = await reader.read().catch(() => ({ value: undefined }));
      if (value === undefined) return 0;
      delivering = true;
      const errno = await deliver(sink, value);
      delivering = false;
      if (errno !== 0) return errno;
      last = performance.now();
      await turn();
    }
  };
  const finished = copy().finally(() => {
    void reader.cancel().catch(() => {});
    closeSync(ours);
  });
  const drain = () => {
    last = performance.now();
    const timer = setInterval(() => {
      const silent = !delivering && performance.now() - last > SILENCE;
      if (silent && !isReadable(ours)) void reader.cancel();
    }, SILENCE);
    void finished.finally(() => clearInterval(timer));
  };
  return { finished, drain };
}

/** Returns what stops it. */
function copyInput(ours: number): () => void {
  setNonBlocking(ours);
  setPipeSize(ours, CHUNK);
  const sink: Sink = { fd: ours, open: true, piece: CHUNK };
  const source = isTerminal(0) ? terminalInput() : plainInput(sink);
  void (async () => {
    try {
      for await (const bytes of source) {
        if (await deliver(sink, bytes) !== 0) break;
      }
    } catch {
      // The user's input cannot be read: for the container that is its end.
    } finally {
      sink.open = false;
      closeSync(ours);
    }
  })();
  return () => sink.open = false;
}

/** Lines as they are typed. */
export async function* terminalInput(): AsyncGenerator<Uint8Array> {
  const reader = Bun.stdin.stream().getReader();
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return;
    yield value;
  }
}

/** A file's or device's bytes, read when the container has taken those before. */
export async function* plainInput(sink: { open: boolean }): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK);
  while (sink.open) {
    await turn();
    if (!isReadable(0)) {
      await Bun.sleep(IDLE);
      continue;
    }
    const length = readSync(0, buffer);
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}
