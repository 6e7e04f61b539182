import { renameContainer } from "../../engine/rename.ts";
import type { Command } from "../command.ts";
import { parseName } from "../run/hosts.ts";

/** `tsbox rename`. */
export const command: Command = {
  grammar: {
    path: "rename",
    aliases: ["container rename", "rename"],
    summary: "Rename a container",
    usage: "CONTAINER NEW_NAME",
    args: { min: 2, max: 2 },
    flags: [],
  },
  run: (line, _io, context) => {
    const [text = "", name = ""] = line.args;
    renameContainer(context, text, parseName(name));
    return Promise.resolve(0);
  },
};
