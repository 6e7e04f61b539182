import { waitContainer } from "../../engine/wait.ts";
import type { Command } from "../command.ts";
import { forEachWord } from "./each_container.ts";

/** `tsbox wait`. */
export const command: Command = {
  grammar: {
    path: "wait",
    aliases: ["container wait", "wait"],
    summary: "Block until one or more containers stop, then print their exit codes",
    usage: "CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: [],
  },
  run: (line, io, context) =>
    forEachWord(line.args, io, async (name) => String(await waitContainer(context, name))),
};
