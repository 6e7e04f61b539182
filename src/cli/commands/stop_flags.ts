import { TsboxError } from "../../errors.ts";
import type { StopOptions } from "../../engine/stop.ts";
import type { Flag } from "../flags.ts";
import type { ParsedLine } from "../parse.ts";

/** Of `stop` and `restart`. */
export const STOP_FLAGS: Flag[] = [
  { name: "signal", short: "s", value: "string", help: "Signal to send to the container" },
  {
    name: "timeout",
    short: "t",
    value: "int",
    help: "Seconds to wait before killing the container",
  },
  { name: "time", alias: "timeout", value: "int", help: "" },
];

/** What they say. @throws TsboxError "invalid-argument" */
export function stopOptions({ flags }: ParsedLine): StopOptions {
  const [signal, text] = [flags.last("signal"), flags.last("timeout")];
  if (text !== undefined && !/^-?\d+$/.test(text)) {
    throw new TsboxError(
      "invalid-argument",
      `invalid argument "${text}" for "-t, --timeout" flag: it is no whole number`,
    );
  }
  return { signal, ...(text !== undefined && { seconds: Number(text) }) };
}
