import { beginStop } from "../../engine/stop.ts";
import { sweepContainers } from "../../engine/sweep_containers.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { errorText } from "../report.ts";
import { STOP_FLAGS, stopOptions } from "./stop_flags.ts";

/** `tsbox stop`. */
export const command: Command = {
  grammar: {
    path: "stop",
    aliases: ["container stop", "stop"],
    summary: "Stop one or more running containers",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: STOP_FLAGS,
  },
  run: async (line, io, context) => {
    const options = stopOptions(line);
    const stopping: { name: string; wait(): void }[] = [];
    let status = 0;
    // All are asked first, so that they end side by side.
    for (const name of line.args) {
      try {
        stopping.push({ name, wait: await beginStop(context, name, options) });
      } catch (thrown) {
        if (!(thrown instanceof TsboxError)) throw thrown;
        io.err(errorText(thrown));
        status = 1;
      }
    }
    for (const { name, wait } of stopping) {
      wait();
      io.out(`${name}\n`);
    }
    await sweepContainers(context, io.self);
    return status;
  },
};
