import { TsboxError } from "../../errors.ts";
import type { CliIo } from "../io.ts";
import { errorText } from "../report.ts";

/**
 * Does the same for each of the words, as docker does: an error of one does not keep the others from their turn.
 * Prints what `action` returns, and every error; returns the exit status.
 */
export async function forEachWord(
  words: readonly string[],
  io: CliIo,
  action: (word: string) => Promise<string> | string,
): Promise<number> {
  let status = 0;
  for (const word of words) {
    try {
      io.out(`${await action(word)}\n`);
    } catch (thrown) {
      if (!(thrown instanceof TsboxError)) throw thrown;
      io.err(errorText(thrown));
      status = 1;
    }
  }
  return status;
}
