/** Signals that tsbox gets while a container runs attached. */
import { SIGKILL } from "../../ffi/constants.ts";
import { type HeldSignals, holdSignals } from "../../ffi/held_signals.ts";
import { openProcess } from "../../ffi/process.ts";
import { closeFile } from "../../ffi/quick_files.ts";
import type { Running } from "../../rootless/launch.ts";

/** What docker passes on, without those that concern the receiver alone (CHLD, PIPE, URG, TSTP, TTIN, TTOU). */
const NUMBERS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGWINCH: 28,
} as const;

type Taken = keyof typeof NUMBERS;

/** So many of SIGINT or SIGTERM, and the container is killed: a first process may ignore them. */
const PATIENCE = 3;

/** Milliseconds a container gets after the user's terminal is gone. */
const HANGUP_GRACE = 10_000;

/** What is done with signals. */
export interface SignalHandling {
  /** Takes signals in, which would end us: a container that has just been started must not be left alone. */
  start(): void;
  /** Has them handled, also those that came since the start. */
  serve(container: SignalTarget): void;
  /** In place of {@link start} and {@link serve}, for a wait without the event loop; undefined: not possible now. */
  hold(): HeldWait | undefined;
  /** There is nobody left to pass signals on to; what is to be cleaned up is cleaned up in peace. */
  stop(): void;
}

/** Blocks until the container has ended, and handles signals meanwhile, also those that came before. */
export type HeldWait = (container: Running) => void;

/** What takes signals: a container of ours, or one that a monitor runs. */
export type SignalTarget = Pick<Running, "signal">;

/** Answers after how many milliseconds the container is to be killed, if at all. */
type React = (signal: number, container: SignalTarget) => number | undefined;

function handling(names: readonly Taken[], react: React): SignalHandling {
  const early: number[] = [];
  const handle = (signal: number, container: SignalTarget) => {
    const grace = react(signal, container);
    if (grace === 0) container.signal(SIGKILL);
    else if (grace !== undefined) setTimeout(() => container.signal(SIGKILL), grace).unref();
  };
  let take = (signal: number): void => void early.push(signal);
  const handler = (name: NodeJS.Signals) => take(NUMBERS[name as Taken]);
  return {
    start() {
      for (const name of names) process.on(name, handler);
    },
    serve(container) {
      take = (signal) => handle(signal, container);
      early.splice(0).forEach(take);
    },
    // The handlers stay, without a task: we are about to end, and taking them off takes its time.
    stop() {
      take = () => {};
    },
    hold() {
      const held = holdSignals(names.map((name) => NUMBERS[name]));
      return held && ((container) => waitHolding(held, container, react));
    },
  };
}

function waitHolding(held: HeldSignals, container: Running, react: React): void {
  const process = openProcess(container.pid);
  let deadline = Infinity;
  for (;;) {
    const what = held.next(process, deadline - performance.now());
    if (what === "ended") break;
    const grace = what === "late" ? 0 : react(what, container);
    if (grace !== undefined) deadline = performance.now() + grace;
    if (grace !== 0) continue;
    container.signal(SIGKILL);
    deadline = Infinity;
  }
  closeFile(process);
  container.reap();
}

/** Passes signals on. @param proxy false: only the third request to end does anything */
export function forwarding(proxy: boolean, notice: (line: string) => void): SignalHandling {
  let requests = 0;
  return handling(Object.keys(NUMBERS) as Taken[], (signal, container) => {
    if (proxy) container.signal(signal);
    if (signal === NUMBERS.SIGHUP) return HANGUP_GRACE;
    if (signal !== NUMBERS.SIGINT && signal !== NUMBERS.SIGTERM) return undefined;
    if (++requests < PATIENCE) return undefined;
    notice(`got ${PATIENCE} SIGTERM/SIGINTs, forcefully exiting`);
    return 0;
  });
}

/** With a terminal docker passes none on, and what ends docker's client ends a container of ours. */
export function ending(): SignalHandling {
  const names: Taken[] = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"];
  return handling(names, () => 0);
}
