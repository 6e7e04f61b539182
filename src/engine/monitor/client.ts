/** A client on a monitor's socket, seen from the monitor. */
import type { Socket } from "bun";
import { type Frame, frame, FrameReader } from "./frames.ts";

/** Bytes that may wait for a client who only looks on; while there are more, the container waits with it. */
const BACKLOG = 8 << 20;
/** What it has to take meanwhile, in bytes and in milliseconds, or it is cut off. */
const PACE = { bytes: 256 << 10, within: 1000 } as const;

/** What the monitor does with a client's frames. */
export interface ClientHandler {
  frame(client: Client, frame: Frame): void;
  closed(client: Client): void;
}

export class Client {
  readonly #socket: Socket<unknown>;
  readonly #reader = new FrameReader();
  readonly #handler: ClientHandler;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #waiting: (() => void)[] = [];
  /** Those who wait for the backlog to be small enough. */
  #crowding: (() => void)[] = [];
  #taken = 0;
  #ending = false;
  open = true;
  /** Set by its request. */
  attached = false;
  /** The container belongs to it, and waits for it. */
  owner = false;

  constructor(socket: Socket<unknown>, handler: ClientHandler) {
    this.#socket = socket;
    this.#handler = handler;
  }

  received(bytes: Uint8Array): void {
    try {
      for (const frame of this.#reader.push(bytes)) this.#handler.frame(this, frame);
    } catch {
      // Not one of ours: nothing that it may say means anything.
      this.close();
    }
  }

  /** Sends a frame; resolves when there is room for more: for the owner, when it has taken all. */
  send(bytes: Uint8Array): Promise<void> | undefined {
    if (!this.open || this.#ending) return undefined;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.flush();
    if (this.#queued === 0) return undefined;
    if (this.owner) return new Promise((resolve) => this.#waiting.push(resolve));
    return this.#queued > BACKLOG ? this.#makeRoom() : undefined;
  }

  /** Waits for a client that keeps pace, and cuts off one that does not. */
  async #makeRoom(): Promise<void> {
    while (this.#isCrowded) {
      const goal = this.#taken + PACE.bytes;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#crowding.push(resolve);
        timer = setTimeout(resolve, PACE.within);
      });
      clearTimeout(timer);
      if (this.#isCrowded && this.#taken < goal) this.#cutOff();
    }
  }

  get #isCrowded(): boolean {
    return this.open && !this.#ending && this.#queued > BACKLOG;
  }

  /** Forgets what waits, but for the frame that is half sent, and lets the client know when it reads again. */
  #cutOff(): void {
    const last = frame("cut");
    this.#queue = [...this.#queue.slice(0, 1), last];
    this.#queued = (this.#queue[0]?.length ?? 0) + last.length;
    this.finish();
  }

  /** Writes as much as the socket takes. */
  flush(): void {
    for (let first = this.#queue[0]; first !== undefined && this.open; first = this.#queue[0]) {
      const taken = Math.max(0, this.#socket.write(first));
      this.#queued -= taken;
      this.#taken += taken;
      if (taken < first.length) {
        this.#queue[0] = first.subarray(taken);
        if (!this.#isCrowded) release(this.#crowding);
        return;
      }
      this.#queue.shift();
    }
    this.#wake();
    if (this.#ending) this.close();
  }

  /** It was let go: its end is no surprise. */
  get isFinished(): boolean {
    return this.#ending;
  }

  /** Lets the client go when everything was sent. */
  finish(): void {
    this.#ending = true;
    if (this.#queued === 0) this.close();
  }

  /** Reads no more from the client, or does so again. */
  pause(paused: boolean): void {
    if (!this.open) return;
    if (paused) this.#socket.pause();
    else this.#socket.resume();
  }

  close(): void {
    if (!this.open) return;
    this.#socket.end();
    this.gone();
  }

  /** The connection is over. */
  gone(): void {
    if (!this.open) return;
    this.open = false;
    this.#queue = [];
    this.#queued = 0;
    this.#wake();
    this.#handler.closed(this);
  }

  #wake(): void {
    release(this.#waiting);
    release(this.#crowding);
  }
}

function release(waiting: (() => void)[]): void {
  for (const resolve of waiting.splice(0)) resolve();
}
