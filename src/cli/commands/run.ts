import type { RunOptions } from "../../container/run_options.ts";
import type { EngineContext } from "../../engine/context.ts";
import { run, type RunHost } from "../../engine/run.ts";
import type { Command } from "../command.ts";
import { discardedLimits } from "../run/discarded_limits.ts";
import { runGrammar } from "../run/grammar.ts";
import { makeRunOptions } from "../run/run_options.ts";
import { runHost } from "../run/run_host.ts";
import { UsageError } from "../usage_error.ts";

/** `tsbox run`. */
export const command: Command = {
  grammar: runGrammar,
  run: (line, io, context) => {
    const options = makeRunOptions(line, io, context.settings);
    for (const warning of discardedLimits(line, runGrammar)) io.err(`WARNING: ${warning}\n`);
    if (options.tty && options.interactive && !io.isTty(0)) {
      throw new UsageError("the input device is not a TTY", 1);
    }
    const host = runHost(io);
    // Nobody can look at or leave a container that is deleted at its end and has no terminal: it needs no monitor,
    // unless its output shall be kept, or it is limited: control groups are the monitor's.
    const isLogged = line.flags.has("log-driver") || line.flags.has("log-opt");
    const isAlone = options.remove && !options.detach && !options.tty && !isLogged;
    if (options.debugPlan || (isAlone && !isLimited(options))) {
      return run(options, context, host);
    }
    return monitored(options, context, host);
  },
};

function isLimited({ resources, cgroupParent }: RunOptions): boolean {
  return resources !== undefined || cgroupParent !== undefined;
}

async function monitored(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<number> {
  if (options.detach) {
    const { runDetached } = await import("../../engine/run_monitored.ts");
    host.print(await runDetached(options, context, host));
    return 0;
  }
  const { runAttached } = await import("../../engine/run_monitored.ts");
  const { attachStatus } = await import("./attach_status.ts");
  return attachStatus(await runAttached(options, context, host), host);
}
