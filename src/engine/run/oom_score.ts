/** Whether the kernel will take `--oom-score-adj`. */
import { readTextIfAny } from "../../ffi/quick_files.ts";
import { TsboxError } from "../../errors.ts";

/** Making a process less likely to be killed than ourselves takes a privilege. @throws TsboxError "host" */
export function refuseLowerScore(score: number): void {
  const own = Number(readTextIfAny("/proc/self/oom_score_adj") ?? 0);
  if (score >= own) return;
  const message = `Cannot set --oom-score-adj ${score}: tsbox itself has ${own}, and the kernel ` +
    "lets nobody but root lower it";
  throw new TsboxError("host", message, { hint: `use a value from ${own} to 1000` });
}
