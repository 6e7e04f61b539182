/** The user's side of a container that a monitor runs: streams or a terminal, signals, detaching. */
import { fstatSync } from "node:fs";
import { DEFAULT_DETACH_KEYS, DetachWatch, parseDetachKeys } from "../container/detach_keys.ts";
import { isTerminal, windowSize } from "../ffi/terminal.ts";
import { TsboxError } from "../errors.ts";
import { deliver } from "./deliver.ts";
import { exitCodeOf, type MonitorConnection } from "./monitor/connection.ts";
import { holdRaw } from "./raw_terminal.ts";
import { plainInput, terminalInput } from "./run/copy_streams.ts";
import { userSink } from "./user_sink.ts";
import { ending, forwarding, type SignalHandling } from "./run/signals.ts";

/** How to attach. */
export interface AttachOptions {
  /** The container has a terminal. */
  tty: boolean;
  /** The user's input is for the container. */
  stdin: boolean;
  /** The container belongs to this command: it is killed when this command is. */
  owner: boolean;
  /** Signals that we get are for the container. */
  sigProxy: boolean;
  detachKeys?: string | undefined;
  notice(line: string): void;
}

/** How it ended. */
export type AttachEnd =
  | { kind: "exited"; exitCode: number }
  | { kind: "detached" }
  /** Nobody reads our output any more. */
  | { kind: "output-closed" };

/** Says that we are here; the monitor begins, or goes on, once it has heard. @throws TsboxError when it is gone */
export async function announce(
  connection: MonitorConnection,
  options: AttachOptions,
): Promise<void> {
  const { stdin, owner, tty } = options;
  const size = tty ? windowSize(1) ?? windowSize(0) : undefined;
  await connection.sendJson("request", { op: "attach", stdin, owner, size });
  if (await connection.next() === undefined) throw monitorGone();
}

/** Serves the user until the container's process has ended, or they detach. @throws TsboxError when the monitor dies */
export async function serveUser(
  connection: MonitorConnection,
  options: AttachOptions,
): Promise<AttachEnd> {
  const { tty, stdin } = options;
  const held = tty && stdin && isTerminal(0) ? holdRaw(0) : undefined;
  const unfollow = tty ? followSize(connection) : () => {};
  const signals = signalHandling(options);
  signals?.start();
  signals?.serve({ signal: (number) => void connection.sendJson("signal", number) });
  const open = { open: true };
  const { promise: detached, resolve: detach } = Promise.withResolvers<AttachEnd>();
  if (stdin) void passInput(connection, options, open, () => detach({ kind: "detached" }));
  try {
    return await Promise.race([detached, passOutput(connection)]);
  } finally {
    open.open = false;
    signals?.stop();
    unfollow();
    held?.restore();
    connection.close();
  }
}

/**
 * With a terminal none is passed on, and what ends us ends a container that is ours. A container that is not, and shall
 * get none, goes on without us.
 */
function signalHandling(
  { tty, owner, sigProxy, notice }: AttachOptions,
): SignalHandling | undefined {
  if (!owner && !sigProxy) return undefined;
  if (!tty) return forwarding(sigProxy, notice);
  return owner ? ending() : undefined;
}

async function passOutput(connection: MonitorConnection): Promise<AttachEnd> {
  const sinks = { stdout: userSink(1), stderr: userSink(2) };
  for (;;) {
    const message = await connection.next();
    if (message === undefined) throw monitorGone();
    const { kind, bytes } = message;
    if (kind === "cut") throw tooSlow();
    if (kind === "exit") return { kind: "exited", exitCode: exitCodeOf(message) };
    if (kind !== "stdout" && kind !== "stderr") continue;
    if (await deliver(sinks[kind], bytes) !== 0) return { kind: "output-closed" };
  }
}

async function passInput(
  connection: MonitorConnection,
  { tty, detachKeys }: AttachOptions,
  open: { open: boolean },
  detach: () => void,
): Promise<void> {
  const watch = tty
    ? new DetachWatch(parseDetachKeys(detachKeys ?? DEFAULT_DETACH_KEYS))
    : undefined;
  const plain = fstatSync(0);
  const waits = plain.isFIFO() || plain.isSocket() || isTerminal(0);
  try {
    for await (const bytes of waits ? terminalInput() : plainInput(open)) {
      const { pass, detached } = watch?.take(bytes) ?? { pass: bytes, detached: false };
      if (pass.length > 0) await sendPieces(connection, pass);
      if (!detached) continue;
      await connection.send("detach");
      return detach();
    }
  } catch {
    // Our input cannot be read: for the container that is its end.
  }
  await connection.send("input-end");
}

/** Smaller than the longest frame, so that the monitor can serve others between two. */
const INPUT_PIECE = 1 << 16;

async function sendPieces(connection: MonitorConnection, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += INPUT_PIECE) {
    await connection.send("input", bytes.subarray(at, at + INPUT_PIECE));
  }
}

/** The container's terminal has the size of the user's. Returns what ends that. */
function followSize(connection: MonitorConnection): () => void {
  const follow = () => {
    const size = windowSize(1) ?? windowSize(0);
    if (size !== undefined) void connection.sendJson("resize", size);
  };
  process.on("SIGWINCH", follow).on("SIGCONT", follow);
  return () => process.off("SIGWINCH", follow).off("SIGCONT", follow);
}

function tooSlow(): TsboxError {
  return new TsboxError("limit-exceeded", "Lost the container: its output was not taken in time", {
    hint: "it runs on, and 'tsbox logs' shows what it wrote",
  });
}

function monitorGone(): TsboxError {
  return new TsboxError("host", "Lost the container: its monitor died", {
    hint: "'tsbox ps -a' shows what became of it",
  });
}
