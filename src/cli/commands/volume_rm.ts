import { TsboxError } from "../../errors.ts";
import { removeVolume } from "../../engine/volumes.ts";
import type { Command } from "../command.ts";
import { errorText } from "../report.ts";

/** `tsbox volume rm`. */
export const command: Command = {
  grammar: {
    path: "volume rm",
    aliases: ["volume rm", "volume remove"],
    summary: "Remove one or more volumes",
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    args: { min: 1 },
    flags: [{ name: "force", short: "f", help: "Force the removal of one or more volumes" }],
  },
  run: async ({ flags, args }, io, context) => {
    const force = flags.on("force");
    let status = 0;
    for (const name of args) {
      try {
        await removeVolume(context, io.self, name, { force });
        io.out(`${name}\n`);
      } catch (thrown) {
        if (!(thrown instanceof TsboxError)) throw thrown;
        io.err(errorText(thrown));
        status = 1;
      }
    }
    return status;
  },
};
