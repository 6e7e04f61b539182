/** Signals that tsbox gets while a container runs attached. */
import { SIGKILL } from "../../ffi/constants.ts";
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

/** Seconds a container gets after the user's terminal is gone. */
const HANGUP_GRACE = 10;

/** What is done with signals. */
export interface SignalHandling {
  /** Takes signals in, which would end us: a container that has just been started must not be left alone. */
  start(): void;
  /** Has them handled, also those that came since the start. */
  serve(container: SignalTarget): void;
  /** There is nobody left to pass signals on to; what is to be cleaned up is cleaned up in peace. */
  stop(): void;
}

/** What takes signals: a container of ours, or one that a monitor runs. */
export type SignalTarget = Pick<Running, "signal">;

type React = (signal: number, container: SignalTarget) => void;

function handling(names: readonly Taken[], react: React): SignalHandling {
  const early: number[] = [];
  let take = (signal: number): void => void early.push(signal);
  const handler = (name: NodeJS.Signals) => take(NUMBERS[name as Taken]);
  return {
    start() {
      for (const name of names) process.on(name, handler);
    },
    serve(container) {
      take = (signal) => react(signal, container);
      early.splice(0).forEach(take);
    },
    // The handlers stay, without a task: we are about to end, and taking them off takes its time.
    stop() {
      take = () => {};
    },
  };
}

/** Passes signals on. @param proxy false: only the third request to end does anything */
export function forwarding(proxy: boolean, notice: (line: string) => void): SignalHandling {
  let requests = 0;
  return handling(Object.keys(NUMBERS) as Taken[], (signal, container) => {
    if (proxy) container.signal(signal);
    if (signal === NUMBERS.SIGHUP) {
      setTimeout(() => container.signal(SIGKILL), HANGUP_GRACE * 1000).unref();
    }
    if (signal !== NUMBERS.SIGINT && signal !== NUMBERS.SIGTERM) return;
    if (++requests < PATIENCE) return;
    notice(`got ${PATIENCE} SIGTERM/SIGINTs, forcefully exiting`);
    container.signal(SIGKILL);
  });
}

/** With a terminal docker passes none on, and what ends docker's client ends a container of ours. */
export function ending(): SignalHandling {
  const names: Taken[] = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"];
  return handling(names, (_, container) => container.signal(SIGKILL));
}
