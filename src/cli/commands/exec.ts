import { exec } from "../../engine/exec.ts";
import type { Command } from "../command.ts";
import { makeExecOptions } from "../exec/exec_options.ts";
import { execGrammar } from "../exec/grammar.ts";
import { UsageError } from "../usage_error.ts";

/** `tsbox exec`. */
export const command: Command = {
  grammar: execGrammar,
  run: (line, io, context) => {
    const options = makeExecOptions(line, io.env);
    const { detach, tty, interactive } = options;
    if (!detach && tty && interactive && !io.isTty(0)) {
      throw new UsageError("the input device is not a TTY", 1);
    }
    return exec(options, context, {
      get self() {
        return io.self;
      },
      notice: (text) => io.err(text + "\n"),
    });
  },
};
