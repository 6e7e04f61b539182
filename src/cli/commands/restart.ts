import { restartContainer } from "../../engine/stop.ts";
import type { Command } from "../command.ts";
import { runHost } from "../run/run_host.ts";
import { forEachWord } from "./each_container.ts";
import { STOP_FLAGS, stopOptions } from "./stop_flags.ts";

/** `tsbox restart`. */
export const command: Command = {
  grammar: {
    path: "restart",
    aliases: ["container restart", "restart"],
    summary: "Restart one or more containers",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: STOP_FLAGS,
  },
  run: (line, io, context) => {
    const options = stopOptions(line);
    return forEachWord(line.args, io, async (name) => {
      await restartContainer(context, runHost(io), name, options);
      return name;
    });
  },
};
