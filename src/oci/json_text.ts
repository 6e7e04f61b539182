/** Writes documents that came from outside. */
import { TsboxError } from "../errors.ts";

/**
 * The JSON of a value that was read from a document of others: reading takes any depth, writing does not.
 * @param what the document in messages, such as `image manifest`
 * @throws TsboxError("limit-exceeded") when it is nested too deeply
 */
export function jsonText(value: unknown, what: string, indent?: string): string {
  try {
    return JSON.stringify(value, null, indent);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TsboxError("limit-exceeded", `The ${what} is nested too deeply`, { cause });
  }
}
