import type { RunOptions } from "../../container/run_options.ts";
import type { EngineContext } from "../../engine/context.ts";
import { run, type RunHost } from "../../engine/run.ts";
import type { Command } from "../command.ts";
import type { CliIo } from "../io.ts";
import type { ParsedLine } from "../parse.ts";
import { reported } from "../report.ts";
import { discardedLimits } from "../run/discarded_limits.ts";
import { runGrammar } from "../run/grammar.ts";
import { makeRunOptions } from "../run/run_options.ts";
import { runHost } from "../run/run_host.ts";
import { UsageError } from "../usage_error.ts";

/** `tsbox run`. */
export const command: Command = {
  grammar: runGrammar,
  run: (line, io, context) => {
    const { flags } = line;
    if (flags.on("detach") && !flags.on("debug-plan")) return detached(line, io, context);
    if (io.starter !== undefined) return leaveTo(io.starter);
    const options = runOptions(line, io, context);
    if (options.tty && options.interactive && !io.isTty(0)) {
      throw new UsageError("the input device is not a TTY", 1);
    }
    const host = runHost(io);
    // Nobody can look at or leave a container that is deleted at its end and has no terminal: it needs no monitor,
    // unless its output shall be kept, or it is limited: control groups are the monitor's.
    const isLogged = flags.has("log-driver") || flags.has("log-opt");
    const isAlone = options.remove && !options.tty && !isLogged;
    if (options.debugPlan || (isAlone && !isLimited(options))) {
      return run(options, context, host);
    }
    return attached(options, context, host);
  },
};

function runOptions(line: ParsedLine, io: CliIo, context: EngineContext): RunOptions {
  const options = makeRunOptions(line, io, context.settings);
  for (const warning of discardedLimits(line, runGrammar)) io.err(`WARNING: ${warning}\n`);
  return options;
}

function isLimited({ resources, cgroupParent }: RunOptions): boolean {
  return resources !== undefined || cgroupParent !== undefined;
}

/** A word of the container's command looked like `-d`: whoever waits for us can do this himself. */
async function leaveTo(starter: number): Promise<number> {
  (await import("../../engine/monitor/starter.ts")).leaveTo(starter);
  return 0;
}

async function detached(line: ParsedLine, io: CliIo, context: EngineContext): Promise<number> {
  const host = runHost(io);
  const { starter } = io;
  if (starter !== undefined) {
    const { runHere } = await import("../../engine/monitor/run_here.ts");
    const told = (id: string) => reported(io, "run", () => host.print(id));
    return await runHere(runOptions(line, io, context), context, host, { starter, told });
  }
  const { idleMonitor, runDetached } = await import("../../engine/run_monitored.ts");
  // It starts while the options are still being read: that takes it longer than us.
  const monitor = idleMonitor(context.env, host.self);
  try {
    const options = runOptions(line, io, context);
    host.print(await runDetached(options, context, host, monitor));
    return 0;
  } finally {
    monitor.dismiss();
  }
}

async function attached(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<number> {
  const { runAttached } = await import("../../engine/run_monitored.ts");
  const { attachStatus } = await import("./attach_status.ts");
  return attachStatus(await runAttached(options, context, host), host);
}
