import { volumeInfo } from "../../engine/volumes.ts";
import type { Command } from "../command.ts";
import { FORMAT, inspectEach } from "./inspect.ts";

/** `tsbox volume inspect`. */
export const command: Command = {
  grammar: {
    path: "volume inspect",
    aliases: ["volume inspect"],
    summary: "Display detailed information on one or more volumes",
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    args: { min: 1 },
    flags: [FORMAT],
  },
  run: (line, io, context) =>
    Promise.resolve(inspectEach(line, io, (name) => volumeInfo(context, name))),
};
