/** A connection with the user's session bus (D-Bus specification 0.43: "Authentication Protocol", "Message Bus"). */
import { TsboxError } from "../../errors.ts";
import {
  type Call,
  decodeMessage,
  encodeCall,
  MESSAGE,
  type Message,
  messageLength,
} from "./dbus_wire.ts";

const BUS = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
} as const;

/** Bytes that may wait unread, of which no message can have more. */
const MAX_WAITING = 1 << 20;
/** Bytes of a line of the authentication. */
const MAX_LINE = 16384;

/** An open connection. */
export interface SessionBus {
  /** Calls a method; the answer. @throws TsboxError "unavailable" with what the other side said */
  call(call: Call): Promise<Message>;
  /** Hears every signal from now on. */
  listen(heard: (message: Message) => void): void;
  /** Rejects when the connection is over. */
  over: Promise<never>;
  close(): void;
}

/**
 * Connects, authenticates and says hello.
 * @param milliseconds for all that is done with the connection: then everything that is awaited fails
 * @throws TsboxError "unavailable"
 */
export async function openSessionBus(
  path: string,
  uid: number,
  milliseconds: number,
): Promise<SessionBus> {
  const link = new Link(uid);
  await link.open(path, milliseconds);
  const bus: SessionBus = {
    call: (call) => link.call(call),
    listen: (heard) => link.listen(heard),
    over: link.over,
    close: () => link.close(),
  };
  try {
    await bus.call({ ...BUS, member: "Hello" });
    return bus;
  } catch (error) {
    bus.close();
    throw error;
  }
}

/** The call that makes the bus send us signals. */
export function addMatch(rule: string): Call {
  return { ...BUS, member: "AddMatch", signature: "s", body: (writer) => writer.text(rule) };
}

interface Waiting {
  resolve(message: Message): void;
  reject(error: Error): void;
}

class Link {
  readonly #uid: number;
  readonly #answers = new Map<number, Waiting>();
  readonly #end = Promise.withResolvers<never>();
  #heard: (message: Message) => void = () => {};
  #socket: { write(bytes: Uint8Array): number; end(): void } | undefined;
  #authenticated = Promise.withResolvers<void>();
  #ready = false;
  #input: Uint8Array = new Uint8Array(0);
  #output: Uint8Array[] = [];
  #serial = 0;
  #failure: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(uid: number) {
    this.#uid = uid;
    // Not everybody waits for both.
    this.#authenticated.promise.catch(() => {});
    this.#end.promise.catch(() => {});
  }

  get over(): Promise<never> {
    return this.#end.promise;
  }

  listen(heard: (message: Message) => void): void {
    this.#heard = heard;
  }

  async open(unix: string, milliseconds: number): Promise<void> {
    this.#timer = setTimeout(() => this.#fail("it does not answer"), milliseconds);
    try {
      this.#socket = await Bun.connect({
        unix,
        socket: {
          data: (_, bytes) => this.#received(bytes),
          drain: () => this.#flush(),
          close: () => this.#fail("it closed the connection"),
          end: () => this.#fail("it closed the connection"),
          error: (_, error) => this.#fail(error.message),
        },
      });
    } catch {
      this.#fail("nobody listens there");
      throw this.#failure;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const identity = new TextEncoder().encode(String(this.#uid)).toHex();
    this.#send(new TextEncoder().encode(`\0AUTH EXTERNAL ${identity}\r\n`));
    await this.#authenticated.promise;
  }

  call(call: Call): Promise<Message> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const serial = ++this.#serial;
    const answer = new Promise<Message>((resolve, reject) => {
      this.#answers.set(serial, { resolve, reject });
    });
    this.#send(encodeCall(call, serial));
    return answer;
  }

  close(): void {
    this.#fail("we closed the connection");
  }

  #send(bytes: Uint8Array): void {
    this.#output.push(bytes);
    this.#flush();
  }

  #flush(): void {
    for (let first = this.#output[0]; first !== undefined; first = this.#output[0]) {
      const taken = Math.max(0, this.#socket?.write(first) ?? 0);
      if (taken < first.length) {
        this.#output[0] = first.subarray(taken);
        return;
      }
      this.#output.shift();
    }
  }

  #received(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    const all = new Uint8Array(this.#input.length + bytes.length);
    all.set(this.#input);
    all.set(bytes, this.#input.length);
    this.#input = all;
    try {
      if (!this.#ready) this.#readLine();
      if (this.#ready) this.#readMessages();
    } catch (error) {
      this.#fail(error instanceof TsboxError ? error.message : "it sent nonsense");
    }
    if (this.#input.length > MAX_WAITING) this.#fail("it sent too much");
  }

  #readLine(): void {
    const end = this.#input.indexOf(10);
    if (end < 0) {
      if (this.#input.length > MAX_LINE) this.#fail("it sent nonsense");
      return;
    }
    const line = new TextDecoder().decode(this.#input.subarray(0, end));
    this.#input = this.#input.subarray(end + 1);
    if (!line.startsWith("OK ")) return this.#fail("it does not let us in");
    this.#ready = true;
    this.#send(new TextEncoder().encode("BEGIN\r\n"));
    this.#authenticated.resolve();
  }

  #readMessages(): void {
    for (;;) {
      const length = messageLength(this.#input);
      if (length === undefined || this.#input.length < length) return;
      const message = decodeMessage(this.#input.subarray(0, length));
      this.#input = this.#input.subarray(length);
      this.#deliver(message);
    }
  }

  #deliver(message: Message): void {
    if (message.kind === MESSAGE.signal) return this.#heard(message);
    // Should it turn out to be nonsense, whoever waits for it still has to be told.
    const refused = message.kind === MESSAGE.error ? refusal(message) : undefined;
    const waiting = this.#answers.get(message.replySerial);
    this.#answers.delete(message.replySerial);
    if (refused !== undefined) waiting?.reject(refused);
    else if (message.kind === MESSAGE.answer) waiting?.resolve(message);
  }

  #fail(reason: string): void {
    if (this.#failure !== undefined) return;
    clearTimeout(this.#timer);
    const error = this.#failure = new TsboxError(
      "unavailable",
      `Cannot use the session bus: ${reason}`,
    );
    this.#authenticated.reject(error);
    for (const { reject } of this.#answers.values()) reject(error);
    this.#end.reject(error);
    this.#answers.clear();
    this.#socket?.end();
  }
}

function refusal({ errorName, signature, body }: Message): TsboxError {
  const text = signature.startsWith("s") ? body.text() : errorName;
  return new TsboxError("unavailable", `systemd refused: ${text.slice(0, 500)}`);
}
