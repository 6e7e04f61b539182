import type { PullEvent } from "../../engine/pull_events.ts";
import type { RunHost } from "../../engine/run/host.ts";
import type { CliIo } from "../io.ts";

/** The command line's side of starting a container. */
export function runHost(io: CliIo): RunHost {
  return {
    get self() {
      return io.self;
    },
    userName: io.env["USER"],
    notice: (text) => io.err(text + "\n"),
    print: (text) => io.out(text + "\n"),
    onPullEvent: pullDisplay(io),
  };
}

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
