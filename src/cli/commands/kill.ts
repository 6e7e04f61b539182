import { killContainer } from "../../engine/stop.ts";
import type { Command } from "../command.ts";
import { forEachWord } from "./each_container.ts";

/** `tsbox kill`. */
export const command: Command = {
  grammar: {
    path: "kill",
    aliases: ["container kill", "kill"],
    summary: "Kill one or more running containers",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: [
      { name: "signal", short: "s", value: "string", help: "Signal to send to the container" },
    ],
  },
  run: (line, io, context) =>
    forEachWord(line.args, io, async (name) => {
      await killContainer(context, name, line.flags.last("signal"));
      return name;
    }),
};
