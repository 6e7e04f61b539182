import type { CliIo } from "./io.ts";
import { ask } from "./prompt.ts";

/** Docker's question before something is deleted; anything but `y` is no, the end of input too. */
export async function confirm(io: Pick<CliIo, "out">, warning: string): Promise<boolean> {
  const answer = await ask(io, `${warning}\nAre you sure you want to continue? [y/N] `);
  return answer.trim().toLowerCase() === "y";
}
