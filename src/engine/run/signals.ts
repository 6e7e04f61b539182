/** Signals that tsbox gets while a container runs attached. */
import { SIGKILL } from "../../ffi/constants.ts";
import { sendSignal } from "../../ffi/process.ts";

/** What docker passes on, without those that concern the receiver alone (CHLD, PIPE, URG, TSTP, TTIN, TTOU). */
const FORWARDED = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGWINCH: 28,
} as const;

type Forwarded = keyof typeof FORWARDED;

/** So many of SIGINT or SIGTERM, and the container is killed: a first process may ignore them. */
const PATIENCE = 3;

/** Seconds a container gets after the user's terminal is gone. */
const HANGUP_GRACE = 10;

/** What is done with signals, and how to stop doing it. */
export interface SignalForwarding {
  stop(): void;
}

/**
 * Passes signals on to the process `pid`, a child of ours that was not waited for.
 * @param proxy false: only the third request to end does anything
 */
export function forwardSignals(
  pid: number,
  proxy: boolean,
  notice: (line: string) => void,
): SignalForwarding {
  let requests = 0;
  const handler = (name: NodeJS.Signals) => {
    const number = FORWARDED[name as Forwarded];
    if (proxy) sendSignal(pid, number);
    if (number === FORWARDED.SIGHUP) {
      setTimeout(() => sendSignal(pid, SIGKILL), HANGUP_GRACE * 1000).unref();
    }
    if (number !== FORWARDED.SIGINT && number !== FORWARDED.SIGTERM) return;
    if (++requests < PATIENCE) return;
    notice(`got ${PATIENCE} SIGTERM/SIGINTs, forcefully exiting`);
    sendSignal(pid, SIGKILL);
  };
  const names = Object.keys(FORWARDED);
  for (const name of names) process.on(name, handler);
  return {
    stop() {
      for (const name of names) process.off(name, handler);
    },
  };
}
