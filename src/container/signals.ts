import { TsboxError } from "../errors.ts";

/** Linux signals by number, the same on x86-64 and arm64; index 0 is unused. */
const NAMES =
  " HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD " +
  "CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/**
 * The number of `SIGTERM`, `term`, `15` or `RTMIN+3`. Throws TsboxError("invalid-argument") with
 * docker's words for anything else.
 */
export function parseSignal(text: string): number {
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper.slice("SIG".length) : upper;
  const known = name === "" ? 0 : NAMES.split(" ").indexOf(name);
  const number = known < 0 && /^\d+$/.test(name) ? Number(name) : known;
  if (number > 0 && number <= SIGRTMAX) return number;
  const realTime = realTimeSignal(name);
  if (realTime !== undefined) return realTime;
  throw new TsboxError("invalid-argument", `invalid signal: ${text}`);
}

function realTimeSignal(name: string): number | undefined {
  const match = /^RT(?:MIN(?:\+(\d+))?|MAX(?:-(\d+))?)$/.exec(name);
  if (!match) return undefined;
  const number = name.startsWith("RTMIN")
    ? SIGRTMIN + Number(match[1] ?? 0)
    : SIGRTMAX - Number(match[2] ?? 0);
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
}
