import { exportContainer } from "../../engine/export.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import { toOutput } from "../output_target.ts";

/** `tsbox export`. */
export const command: Command = {
  grammar: {
    path: "export",
    aliases: ["container export", "export"],
    summary: "Export a container's filesystem as a tar archive",
    usage: "[OPTIONS] CONTAINER",
    args: { min: 1, max: 1 },
    flags: [
      { name: "output", short: "o", value: "string", help: "Write to a file, instead of STDOUT" },
    ],
  },
  run: async (line, io, context) => {
    const [name = ""] = line.args;
    await interruptible((signal) =>
      toOutput(
        io,
        line.flags.last("output"),
        (output) => exportContainer(context, io.self, name, output, signal),
      )
    );
    return 0;
  },
};
