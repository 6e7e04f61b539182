import type { PullEvent } from "../../engine/pull_events.ts";
import { run } from "../../engine/run.ts";
import type { Command } from "../command.ts";
import type { CliIo } from "../io.ts";
import { runGrammar } from "../run/grammar.ts";
import { makeRunOptions } from "../run/run_options.ts";
import { UsageError } from "../usage_error.ts";

/** `tsbox run`. */
export const command: Command = {
  grammar: runGrammar,
  run: (line, io, context) => {
    const options = makeRunOptions(line, io);
    if (options.tty && options.interactive && !io.isTty(0)) {
      throw new UsageError("the input device is not a TTY", 1);
    }
    return run(options, context, {
      get self() {
        return io.self;
      },
      userName: io.env["USER"],
      notice: (text) => io.err(text + "\n"),
      print: (text) => io.out(text + "\n"),
      onPullEvent: pullDisplay(io),
    });
  },
};

/** Shows a pull on standard error. The display is loaded with the first event: most runs pull nothing. */
function pullDisplay(io: CliIo): (event: PullEvent) => void {
  const early: PullEvent[] = [];
  let show: ((event: PullEvent) => void) | undefined;
  return (event) => {
    if (show) return show(event);
    if (early.push(event) > 1) return;
    void import("../pull_output.ts").then(({ showPull }) => {
      const screen = { write: io.err, terminal: io.isTty(2), columns: io.columns };
      show = showPull(screen, false);
      early.forEach(show);
    });
  };
}
