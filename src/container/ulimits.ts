import type { Ulimit } from "./run_options.ts";

const NAMES = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime " +
  "sigpending stack";

/** Docker's `name=soft[:hard]`; `refuse` makes the error. */
export function parseUlimit(spec: string, refuse: (reason: string) => Error): Ulimit {
  const equals = spec.indexOf("=");
  if (equals < 0) throw refuse(`invalid ulimit argument: ${spec}`);
  const name = spec.slice(0, equals);
  if (!NAMES.split(" ").includes(name)) throw refuse(`invalid ulimit type: ${name}`);
  const values = spec.slice(equals + 1).split(":");
  if (values.length > 2) {
    throw refuse(
      `too many limit value arguments - ${
        spec.slice(equals + 1)
      }, can only have up to two, \`soft[:hard]\``,
    );
  }
  const [soft = 0, hard = soft] = values.map((value) => limit(value, refuse));
  checkOrder(soft, hard, refuse);
  return { name, soft, hard };
}

function limit(text: string, refuse: (reason: string) => Error): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || value < -1) {
    throw refuse(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  }
  if (!Number.isSafeInteger(value)) {
    throw refuse(`strconv.ParseInt: parsing "${text}": value out of range`);
  }
  return value;
}

function checkOrder(soft: number, hard: number, refuse: (reason: string) => Error): void {
  const rule = "ulimit soft limit must be less than or equal to hard limit";
  if (hard === -1) return;
  if (soft === -1) throw refuse(`${rule}: soft: -1 (unlimited), hard: ${hard}`);
  if (soft > hard) throw refuse(`${rule}: ${soft} > ${hard}`);
}
