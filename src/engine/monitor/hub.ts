/**
 * The monitor's socket: who is attached, who waits, and what they want.
 *
 * It outlives the container's lives; a life connects its streams with it.
 */
import { O, SIGKILL } from "../../ffi/constants.ts";
import { closeFile, openFile, unlink } from "../../ffi/quick_files.ts";
import { setWindowSize } from "../../ffi/terminal.ts";
import type { Running } from "../../rootless/launch.ts";
import { deliver, type Sink } from "../deliver.ts";
import { answerOf } from "../worker_jobs.ts";
import { Client, type ClientHandler } from "./client.ts";
import { type Frame, frame, jsonFrame, jsonOf } from "./frames.ts";
import { ExecService, type ExecSurroundings } from "./exec_service.ts";
import { quickAnswer, quickExec } from "./quick_frames.ts";
import { type ClientRequest, execSocket, type MonitoredExec, monitorSocket } from "./request.ts";

/** What the hub needs of the life that goes on. */
export interface LiveStreams {
  running: Running;
  /** Where input goes; undefined: the container has none. */
  input?: Sink | undefined;
  /** Input ends with the first client that ends it. */
  inputOnce: boolean;
  terminal?: number | undefined;
}

/** What clients can make the monitor do. */
export interface HubOrders {
  /** The user wants the container to be over. */
  stopped(): void;
  /** Resolves when the container runs again. */
  restart(seconds: number | undefined): Promise<void>;
}

/** What the hub leaves to its monitor of what an exec needs. */
export type HubExec = Omit<ExecSurroundings, "sockets">;

/** Connections at once; descriptors are needed for other things, too. */
const MOST_CLIENTS = 500;
/** Commands at once; who asks for another one has to do it. */
const MOST_EXECS = 200;

/** Milliseconds that clients get to read what is left. */
const LINGER = 5000;

/** Milliseconds that a terminal has another size, so that programs draw again. */
const REDRAW = 30;

interface Size {
  rows: number;
  columns: number;
}

export class Hub implements ClientHandler {
  readonly #clients = new Set<Client>();
  readonly #waiting = new Set<Client>();
  readonly #directory: number;
  readonly #server: { stop(closeActive?: boolean): void };
  readonly #orders: HubOrders;
  #life: LiveStreams | undefined;
  #size: Size | undefined;
  #inputs = new Map<Client, Promise<void>>();
  readonly #exec: ExecService;
  readonly #execs = new Set<Promise<void>>();
  #attached: (() => void) | undefined;
  /** Whoever the container belonged to was killed. */
  #abandoned = false;
  #emptied: (() => void) | undefined;

  /**
   * Listens in the container's directory.
   * @param isNew no monitor can have left a socket there
   * @throws Error when the socket cannot be made
   */
  constructor(directory: string, isNew: boolean, orders: HubOrders, exec: HubExec) {
    this.#orders = orders;
    this.#directory = openFile(directory, O.PATH | O.DIRECTORY);
    const unix = monitorSocket(this.#directory);
    const sockets = { monitor: unix, exec: execSocket(this.#directory) };
    this.#exec = new ExecService({ ...exec, sockets });
    if (!isNew) removeOld(unix);
    const clients = new WeakMap<object, Client>();
    this.#server = Bun.listen({
      unix,
      socket: {
        open: (socket) => {
          if (this.#clients.size >= MOST_CLIENTS) return void socket.end();
          const client = new Client(socket, this);
          clients.set(socket, client);
          this.#clients.add(client);
        },
        data: (socket, bytes) => clients.get(socket)?.received(bytes),
        drain: (socket) => clients.get(socket)?.flush(),
        close: (socket) => clients.get(socket)?.gone(),
        end: (socket) => clients.get(socket)?.close(),
        error: (socket) => clients.get(socket)?.close(),
      },
    });
  }

  /** Of the terminal of whoever attached last. */
  get size(): Size | undefined {
    return this.#size;
  }

  /** Resolves when somebody has attached. */
  attached(): Promise<void> {
    return new Promise((resolve) => this.#attached = resolve);
  }

  /** A life begins. */
  connect(life: LiveStreams): void {
    this.#life = life;
    if (this.#abandoned) life.running.signal(SIGKILL);
  }

  /** Output of the container; resolves when those who are attached have room for more. */
  async output(kind: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
    let content: Uint8Array | undefined;
    const slow: Promise<void>[] = [];
    for (const client of this.#clients) {
      if (!client.attached) continue;
      content ??= frame(kind, bytes);
      const room = client.send(content);
      if (room !== undefined) slow.push(room);
    }
    // All at once: each that is stopped has its time, and the container waits for the slowest only.
    if (slow.length > 0) await Promise.all(slow);
  }

  /** A life has ended: those who were attached or waited hear of it and are let go. */
  ended(exitCode: number): void {
    this.#life = undefined;
    const exit = jsonFrame("exit", { exitCode });
    for (const client of this.#clients) {
      if (!client.attached && !this.#waiting.has(client)) continue;
      void client.send(exit);
      client.finish();
    }
  }

  /** Stops listening, and waits until those who were let go have read everything: the owner, and others for a while. */
  async close(): Promise<void> {
    this.#server.stop();
    this.#exec.close();
    // They have ended with the container, and are about to say so.
    await Promise.race([Promise.all(this.#execs), Bun.sleep(LINGER)]);
    for (const client of this.#clients) client.finish();
    const isEmpty = new Promise<void>((resolve) => this.#emptied = resolve);
    const owned = [...this.#clients].some(({ owner }) => owner);
    if (this.#clients.size > 0) {
      await Promise.race([isEmpty, ...(owned ? [] : [Bun.sleep(LINGER)])]);
    }
    removeOld(monitorSocket(this.#directory));
    closeFile(this.#directory);
  }

  frame(client: Client, message: Frame): void {
    switch (message.kind) {
      case "quick-exec":
        return this.#execute(client, quickExec(message), quickAnswer);
      case "request":
        // Only the other end of our own protocol can connect: the directory is the user's alone.
        return this.#request(client, jsonOf(message) as ClientRequest);
      case "input":
        return this.#input(client, message.bytes);
      case "input-end":
        return this.#inputEnd(client);
      case "resize":
        return this.#resize(jsonOf(message) as Size);
      case "signal":
        return this.#life?.running.signal(Number(jsonOf(message)));
      case "detach":
        client.owner = false;
        return client.finish();
      default:
        return client.close();
    }
  }

  closed(client: Client): void {
    this.#clients.delete(client);
    this.#waiting.delete(client);
    if (this.#clients.size === 0) this.#emptied?.();
    if (!client.owner || client.isFinished) return;
    this.#abandoned = true;
    // Its starter was killed, and the container is its own: as if it were one process.
    this.#orders.stopped();
    this.#life?.running.signal(SIGKILL);
  }

  #request(client: Client, request: ClientRequest): void {
    switch (request.op) {
      case "attach":
        client.attached = true;
        client.owner = request.owner;
        if (request.size !== undefined) this.#redraw(request.size);
        void client.send(jsonFrame("answer", {}));
        return this.#attached?.();
      case "follow":
        return;
      case "wait":
        return void this.#waiting.add(client);
      case "stopped":
        this.#orders.stopped();
        void client.send(jsonFrame("answer", {}));
        return client.finish();
      case "restart": {
        const restarted = this.#orders.restart(request.seconds).then(() => null);
        return void answer(client, answerFrame(restarted));
      }
      case "exec":
        return this.#execute(client, request, answerFrame);
      case "warm":
        // Whoever said so is gone; not being able to is no matter.
        return void this.#exec.warm().catch(() => {});
      default:
        return client.close();
    }
  }

  /** Runs a command, unless it is not for us or one too many. @param told makes the frame that says how it went */
  #execute(client: Client, request: MonitoredExec | undefined, told: typeof quickAnswer): void {
    const isDeclined = request === undefined || this.#execs.size >= MOST_EXECS;
    const work = isDeclined ? Promise.resolve("declined" as const) : this.#exec.exec(request);
    const exec = answer(client, told(work)).then(() => {
      this.#execs.delete(exec);
    });
    this.#execs.add(exec);
  }

  /** In the order it came; a client whose input is not taken is not read from. */
  #input(client: Client, bytes: Uint8Array): void {
    const sink = this.#life?.input;
    if (sink === undefined) return;
    client.pause(true);
    const before = this.#inputs.get(client) ?? Promise.resolve();
    const after = before.then(() => deliver(sink, bytes)).then(() => client.pause(false));
    this.#inputs.set(client, after);
  }

  #inputEnd(client: Client): void {
    const life = this.#life;
    if (life === undefined || !life.inputOnce || life.terminal !== undefined) return;
    void (this.#inputs.get(client) ?? Promise.resolve()).then(() => closeSink(life.input));
  }

  #resize(size: Size): void {
    this.#size = size;
    this.#setSize(size);
  }

  #setSize(size: Size): void {
    const terminal = this.#life?.terminal;
    if (terminal === undefined) return;
    try {
      setWindowSize(terminal, size);
    } catch {
      // The life has ended, and its terminal is closed.
    }
  }

  /** Whoever attaches sees what was drawn before: programs draw again when the size changes. */
  #redraw(size: Size): void {
    this.#size = size;
    this.#setSize({ ...size, rows: size.rows + 1 });
    // They look at the size when they hear of it: both at once would be no change.
    setTimeout(() => this.#setSize(this.#size ?? size), REDRAW);
  }
}

async function answerFrame(work: Promise<unknown>): Promise<Uint8Array> {
  return jsonFrame("answer", await work.then((result) => ({ result }), answerOf));
}

/** Tells a client what became of its request, if that is known, and lets it go. */
async function answer(client: Client, result: Promise<Uint8Array | undefined>): Promise<void> {
  const known = await result;
  if (known !== undefined) void client.send(known);
  client.finish();
}

/** Closes a container's input, once. */
export function closeSink(sink: Sink | undefined): void {
  if (sink === undefined || !sink.open) return;
  sink.open = false;
  closeFile(sink.fd);
}

function removeOld(path: string): void {
  try {
    unlink(path);
  } catch {
    // There is none.
  }
}
