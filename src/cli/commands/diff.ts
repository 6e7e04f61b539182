import { CHANGE_KINDS, diffContainer } from "../../engine/diff.ts";
import type { Command } from "../command.ts";
import { printable } from "../format/printable.ts";

/** `tsbox diff`. */
export const command: Command = {
  grammar: {
    path: "diff",
    aliases: ["container diff", "diff"],
    summary: "Inspect changes to files or directories on a container's filesystem",
    usage: "CONTAINER",
    args: { min: 1, max: 1 },
    flags: [],
  },
  run: async (line, io, context) => {
    const shown = io.isTty(1) ? printable : (text: string) => text;
    await diffContainer(context, io.self, line.args[0] ?? "", ({ Kind, Path }) => {
      io.out(`${CHANGE_KINDS[Kind] ?? "?"} ${shown(Path)}\n`);
    });
    return 0;
  },
};
