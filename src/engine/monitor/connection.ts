/** A command's connection to the monitor of a running container. */
import { O } from "../../ffi/constants.ts";
import { closeFile, openFile } from "../../ffi/quick_files.ts";
import { TsboxError } from "../../errors.ts";
import { type Frame, frame, type FrameKind, FrameReader, jsonFrame, jsonOf } from "./frames.ts";
import { type ClientRequest, monitorSocket } from "./request.ts";
import { changeRecord } from "../../storage/container_record.ts";
import { resultOf } from "../worker_jobs.ts";

/** An open connection. */
export interface MonitorConnection {
  /** The next frame; undefined when the monitor has closed. */
  next(): Promise<Frame | undefined>;
  /** Sends; resolves when there is room for more. */
  send(kind: FrameKind, bytes?: Uint8Array): Promise<void>;
  sendJson(kind: FrameKind, value: unknown): Promise<void>;
  close(): void;
}

/** Bytes that may wait here before the monitor has to, and how few may be left when more are taken. */
const [HIGH_WATER, LOW_WATER] = [512 << 10, 128 << 10];

/**
 * Connects with the monitor of the container in `directory`.
 * @returns undefined when there is none: the container is over, or runs attached to its own command
 */
export async function connectMonitor(directory: string): Promise<MonitorConnection | undefined> {
  let fd: number;
  try {
    fd = openFile(directory, O.PATH | O.DIRECTORY);
  } catch {
    return undefined;
  }
  try {
    return await connect(monitorSocket(fd));
  } catch {
    return undefined;
  } finally {
    closeFile(fd);
  }
}

async function connect(unix: string): Promise<MonitorConnection> {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  let [over, paused, waiting] = [false, false, 0];
  let wake = () => {};
  let room = () => {};
  const end = () => {
    over = true;
    wake();
    room();
  };
  const socket = await Bun.connect({
    unix,
    socket: {
      data(_, bytes) {
        for (const message of reader.push(bytes)) {
          frames.push(message);
          waiting += message.bytes.length;
        }
        if (waiting > HIGH_WATER && !paused) {
          paused = true;
          socket.pause();
        }
        wake();
      },
      drain: () => room(),
      close: end,
      end,
      error: end,
    },
  });
  const write = async (bytes: Uint8Array) => {
    for (let rest = bytes; !over;) {
      rest = rest.subarray(Math.max(0, socket.write(rest)));
      if (rest.length === 0) return;
      await new Promise<void>((resolve) => room = resolve);
    }
  };
  let sending = Promise.resolve();
  const send = (bytes: Uint8Array) => sending = sending.then(() => write(bytes));
  return {
    async next() {
      while (frames.length === 0 && !over) await new Promise<void>((resolve) => wake = resolve);
      const first = frames.shift();
      waiting -= first?.bytes.length ?? 0;
      // Before all is used up: who only looks on must not seem to be asleep.
      if (paused && waiting <= LOW_WATER) {
        paused = false;
        socket.resume();
      }
      return first;
    },
    send: (kind, bytes) => send(frame(kind, bytes)),
    sendJson: (kind, value) => send(jsonFrame(kind, value)),
    close: () => void socket.end(),
  };
}

/**
 * Asks a monitor something and waits for its answer: undefined when there is no monitor, or it died meanwhile.
 * @param patience milliseconds after which there is none; for what a monitor that is awake answers at once
 */
export async function askMonitor(
  directory: string,
  request: ClientRequest,
  patience = Infinity,
): Promise<Frame | undefined> {
  const connection = await connectMonitor(directory);
  if (connection === undefined) return undefined;
  try {
    await connection.sendJson("request", request);
    if (patience === Infinity) return await connection.next();
    return await Promise.race([connection.next(), Bun.sleep(patience).then(() => undefined)]);
  } finally {
    connection.close();
  }
}

/** Milliseconds that a monitor gets for an answer it has at once. */
const PATIENCE = 3000;

/** Tells the monitor that its container shall not be started again. False when there is none that has heard it. */
export async function askStopped(directory: string): Promise<boolean> {
  if (await askMonitor(directory, { op: "stopped" }, PATIENCE) !== undefined) return true;
  // It is asleep, or somebody has deleted its socket: it looks here before it starts the next life.
  changeRecord(directory, (record) => {
    const lasts = record.options.restart !== undefined && !record.options.remove;
    return lasts ? { ...record, stoppedByUser: true } : record;
  });
  return false;
}

/** Has the monitor restart its container. False when there is no monitor. @throws TsboxError why it does not run again */
export async function askRestart(directory: string, seconds: number | undefined): Promise<boolean> {
  const answer = await askMonitor(directory, { op: "restart", seconds });
  if (answer === undefined) return false;
  resultOf(new TextDecoder().decode(answer.bytes));
  return true;
}

/** The exit code in an exit frame. */
export function exitCodeOf(message: Frame): number {
  const value = jsonOf(message);
  if (typeof value === "object" && value !== null && "exitCode" in value) {
    return Number(value.exitCode);
  }
  throw new TsboxError("host", "The monitor did not tell how the container ended");
}
