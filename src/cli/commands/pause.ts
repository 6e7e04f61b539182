import { pauseContainer } from "../../engine/pause.ts";
import type { Command } from "../command.ts";
import { forEachWord } from "./each_container.ts";

/** `tsbox pause`. */
export const command: Command = {
  grammar: {
    path: "pause",
    aliases: ["container pause", "pause"],
    summary: "Pause all processes within one or more containers",
    usage: "CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: [],
  },
  run: (line, io, context) =>
    forEachWord(line.args, io, async (name) => {
      await pauseContainer(context, name);
      return name;
    }),
};
