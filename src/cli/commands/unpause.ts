import { unpauseContainer } from "../../engine/pause.ts";
import type { Command } from "../command.ts";
import { forEachWord } from "./each_container.ts";

/** `tsbox unpause`. */
export const command: Command = {
  grammar: {
    path: "unpause",
    aliases: ["container unpause", "unpause"],
    summary: "Unpause all processes within one or more containers",
    usage: "CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: [],
  },
  run: (line, io, context) =>
    forEachWord(line.args, io, (name) => {
      unpauseContainer(context, name);
      return name;
    }),
};
