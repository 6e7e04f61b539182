/**
 * `tsbox exec CONTAINER COMMAND...` in a script: no flags, no settings, and a monitor that does it. What loads and reads
 * a command line takes as long as all the rest of that.
 */
import { plainExec } from "../container/exec_options.ts";
import { defaultDataRoot } from "../engine/context.ts";
import { execByMonitor } from "../engine/exec_by_monitor.ts";
import { nothingIsSet } from "../engine/settings/find_settings.ts";

/**
 * Runs the command and returns the exit status; undefined when this is not such a command line, and nothing was done.
 * @param words behind `exec`
 */
export async function quickExec(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number | undefined> {
  const [container = "", ...command] = words;
  const home = env["HOME"];
  if (container.startsWith("-") || command.length === 0 || !home?.startsWith("/")) return undefined;
  if (!nothingIsSet(env)) return undefined;
  try {
    return execByMonitor(plainExec(container, command), defaultDataRoot(env, home));
  } catch (thrown) {
    const { report } = await import("./report.ts");
    const { writeAll } = await import("./writer.ts");
    return report({ err: (text) => writeAll(2, text) }, "exec", thrown);
  }
}
