/** The monitor's side of one life of a container: its pipes or its terminal, copied to the log and to clients. */
import type { RunOptions } from "../../container/run_options.ts";
import { O } from "../../ffi/constants.ts";
import { setNonBlocking, setPipeSize } from "../../ffi/pipes.ts";
import { pipe } from "../../ffi/process.ts";
import { closeFile, openFile } from "../../ffi/quick_files.ts";
import { isReadable, setNonBlocking as setTerminalNonBlocking } from "../../ffi/readiness.ts";
import type { Running } from "../../rootless/launch.ts";
import type { Sink } from "../deliver.ts";
import type { Session } from "../run/attach.ts";
import { closeSink, type Hub } from "./hub.ts";
import type { ContainerLog } from "./container_log.ts";

/** Docker's size where nobody has a terminal. */
const SIZE = { rows: 24, columns: 80 };
/** Bytes; also what an ordinary user may make of a pipe. */
const PIPE_SIZE = 1 << 20;
/** Milliseconds without output after which an ended container, whose pipes others keep open, has nothing more to say. */
const SILENCE = 50;

/** Where the streams of a life lead. */
export interface Ends {
  hub: Hub;
  log: ContainerLog;
}

/** What a life is connected with. */
export interface LifeSurroundings {
  /** Of the terminal of whoever attached last. */
  size: { rows: number; columns: number } | undefined;
  /** Opened where they are not open yet. */
  ends(): Promise<Ends>;
  /** Told once the container's process runs. */
  started(running: Running): void;
}

interface Output {
  fd: number;
  kind: "stdout" | "stderr";
}

/** The session of a monitored container. */
export function monitoredLife(options: RunOptions, around: LifeSurroundings): Session {
  const theirs: number[] = [];
  const outputs: Output[] = [];
  let input: Sink | undefined;
  let ends: Ends | undefined;
  if (!options.tty) {
    theirs.push(inputEnd(options, (sink) => input = sink));
    for (const kind of ["stdout", "stderr"] as const) {
      const { read, write } = pipe();
      setPipeSize(read, PIPE_SIZE);
      outputs.push({ fd: read, kind });
      theirs.push(write);
    }
  }
  const closeTheirs = () => {
    for (const fd of theirs.splice(0)) closeFile(fd);
  };
  const [stdin = 0, stdout = 1, stderr = 2] = theirs;
  return {
    descriptors: [stdin, stdout, stderr],
    ...(options.tty ? { terminal: around.size ?? SIZE } : {}),
    prepare: async () => void (ends = await around.ends()),
    starting: () => {},
    abandon() {
      closeTheirs();
      for (const { fd } of outputs.splice(0)) closeFile(fd);
      closeSink(input);
    },
    async run(running) {
      const { terminal } = running;
      const { hub, log } = ends ??= await around.ends();
      // First: somebody waits for this word, and nothing of what follows does before we are done with all of it.
      around.started(running);
      closeTheirs();
      if (terminal !== undefined) {
        setTerminalNonBlocking(terminal);
        outputs.push({ fd: terminal, kind: "stdout" });
        if (options.interactive) input = { fd: terminal, open: true };
      }
      const inputOnce = options.interactive && !options.detach;
      hub.connect({ running, input, inputOnce, terminal });
      const copies = outputs.splice(0).map((output) => copyOutput(output, { hub, log }));
      await running.ended;
      for (const copy of copies) copy.drain();
      await Promise.all(copies.map((copy) => copy.finished));
      log.end();
      if (terminal === undefined) closeSink(input);
      else if (input !== undefined) input.open = false;
      return true;
    },
  };
}

function inputEnd({ interactive }: RunOptions, made: (sink: Sink) => void): number {
  if (!interactive) return openFile("/dev/null", O.RDONLY);
  const { read, write } = pipe();
  setNonBlocking(write);
  setPipeSize(write, PIPE_SIZE);
  made({ fd: write, open: true, piece: PIPE_SIZE });
  return read;
}

/** Copies until the other side is closed by all who have it, or after the end is silent. */
function copyOutput({ fd, kind }: Output, { hub, log }: Ends) {
  const reader = Bun.file(fd).stream().getReader();
  let [busy, last] = [false, performance.now()];
  const copy = async () => {
    for (;;) {
      // EIO is how a terminal says that nobody has it open any more.
      const { value } = await reader.read().catch(() => ({ value: undefined }));
      if (value === undefined) return;
      busy = true;
      await log.write(kind, value);
      await hub.output(kind, value);
      busy = false;
      last = performance.now();
    }
  };
  const finished = copy().finally(() => {
    void reader.cancel().catch(() => {});
    closeFile(fd);
  });
  const drain = () => {
    const timer = setInterval(() => {
      const silent = !busy && performance.now() - last > SILENCE;
      if (silent && !isReadable(fd)) void reader.cancel();
    }, SILENCE);
    void finished.finally(() => clearInterval(timer));
  };
  return { finished, drain };
}
