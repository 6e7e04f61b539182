/** Bounds of what a pulled layer may become: the user's, else generous ones. */
import { DEFAULT_LIMITS, type UnpackLimits } from "../../storage/unpack.ts";
import { TsboxError } from "../../errors.ts";

/** @throws TsboxError "invalid-argument" when a variable is set to something else than a whole number */
export function unpackLimits(env: Readonly<Record<string, string | undefined>>): UnpackLimits {
  return {
    bytes: read(env, "TSBOX_MAX_LAYER_BYTES") ?? DEFAULT_LIMITS.bytes,
    entries: read(env, "TSBOX_MAX_LAYER_FILES") ?? DEFAULT_LIMITS.entries,
  };
}

function read(env: Readonly<Record<string, string | undefined>>, name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new TsboxError(
    "invalid-argument",
    `${name} is ${JSON.stringify(text)}, not a whole number`,
  );
}
