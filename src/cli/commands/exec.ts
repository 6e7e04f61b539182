import type { ExecOptions } from "../../container/exec_options.ts";
import type { EngineContext } from "../../engine/context.ts";
import { execByMonitor, warmMonitor } from "../../engine/exec_by_monitor.ts";
import type { Command } from "../command.ts";
import { makeExecOptions } from "../exec/exec_options.ts";
import { execGrammar } from "../exec/grammar.ts";
import type { CliIo } from "../io.ts";
import { UsageError } from "../usage_error.ts";

/** `tsbox exec`. */
export const command: Command = {
  grammar: execGrammar,
  run: async (line, io, context) => {
    const options = makeExecOptions(line, io.env);
    const { detach, tty, interactive } = options;
    if (!detach && tty && interactive && !io.isTty(0)) {
      throw new UsageError("the input device is not a TTY", 1);
    }
    return execByMonitor(options, context.dataRoot) ?? await execHere(options, context, io);
  },
};

async function execHere(options: ExecOptions, context: EngineContext, io: CliIo): Promise<number> {
  const { exec } = await import("../../engine/exec.ts");
  const { execSession } = await import("../../engine/exec/session.ts");
  const host = {
    get self() {
      return io.self;
    },
    notice: (text: string) => io.err(text + "\n"),
  };
  const status = await exec(options, context, () => execSession(options, host));
  warmMonitor(options, context.dataRoot);
  return status;
}
