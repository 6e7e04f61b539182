import { topContainer } from "../../engine/top.ts";
import type { Command } from "../command.ts";
import { alignTable } from "../format/table.ts";
import { printable } from "../format/printable.ts";

/** Docker's width of a column of `top`. */
const LEAST = 20;

/** `tsbox top`. */
export const command: Command = {
  grammar: {
    path: "top",
    aliases: ["container top", "top"],
    summary: "Display the running processes of a container",
    usage: "CONTAINER [ps OPTIONS]",
    args: { min: 1 },
    optionsFirst: true,
    flags: [],
  },
  run: async (line, io, context) => {
    const [name = "", ...psArguments] = line.args;
    const { Titles, Processes } = await topContainer(context, name, psArguments);
    const text = alignTable([Titles, ...Processes].map((row) => row.join("\t")), LEAST);
    io.out(io.isTty(1) ? printable(text) : text);
    return 0;
  },
};
