/** Copying between the user's standard descriptors and the container's pipes. */
import { closeSync } from "node:fs";

/** One direction: from the user's input to `ours`, or from `ours` to an output of the user. */
export interface StreamCopy {
  /** Our end of the container's pipe. */
  ours: number;
  user: 0 | 1 | 2;
}

/** Copying that goes on. */
export interface RunningCopies {
  /** Resolves when all output is delivered; `closed` when an output takes no more. */
  finished: Promise<"delivered" | "closed">;
  /** The container has ended: input is of no use any more, what is in the pipes is still copied. */
  drain(): void;
}

/** Milliseconds that a pipe kept open by another process (`--pid host`) may be silent at the end. */
const SILENCE = 100;

/** Starts copying; closes our ends when it is done. */
export function copyStreams(copies: readonly StreamCopy[]): RunningCopies {
  const outputs = copies.filter(({ user }) => user !== 0).map(copyOutput);
  const input = copies.find(({ user }) => user === 0);
  const stopInput = input === undefined ? () => {} : copyInput(input.ours);
  return {
    finished: Promise.all(outputs.map((output) => output.finished)).then((all) =>
      all.every(Boolean) ? "delivered" : "closed"
    ),
    drain() {
      stopInput();
      for (const output of outputs) output.drain();
    },
  };
}

/** Resolves to false when the user's descriptor takes no more: the container's writes fail from then on. */
function copyOutput({ ours, user }: StreamCopy): { finished: Promise<boolean>; drain(): void } {
  const reader = Bun.file(ours).stream().getReader();
  const sink = Bun.file(user).writer({ highWaterMark: 1 << 20 });
  let last = Infinity;
  const finished = (async () => {
    try {
      for (;;) {
        const { value } = await reader.read();
        if (value === undefined) return true;
        last = performance.now();
        sink.write(value);
        await sink.flush();
      }
    } catch {
      return false;
    } finally {
      closeSync(ours);
    }
  })();
  const drain = () => {
    last = performance.now();
    const timer = setInterval(() => {
      if (performance.now() - last > SILENCE) void reader.cancel();
    }, SILENCE);
    timer.unref();
    void finished.finally(() => clearInterval(timer));
  };
  return { finished, drain };
}

/** Returns what stops it. */
function copyInput(ours: number): () => void {
  const reader = Bun.stdin.stream().getReader();
  const sink = Bun.file(ours).writer({ highWaterMark: 1 << 16 });
  let stopped = false;
  void (async () => {
    try {
      for (;;) {
        const { value } = await reader.read();
        if (value === undefined || stopped) break;
        sink.write(value);
        await sink.flush();
      }
    } catch {
      // The container closed its input, or the user's cannot be read: an end of input either way.
    } finally {
      await sink.end();
      // The sink worked on a duplicate: ours is the one that still keeps the container's input open.
      closeSync(ours);
    }
  })();
  return () => {
    stopped = true;
    void reader.cancel();
  };
}
