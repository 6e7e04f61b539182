import { TsboxError } from "../../errors.ts";
import { removeContainer } from "../../engine/remove.ts";
import { sweepContainers } from "../../engine/sweep_containers.ts";
import type { Command } from "../command.ts";
import { errorText } from "../report.ts";

/** `tsbox rm`. */
export const command: Command = {
  grammar: {
    path: "rm",
    aliases: ["container rm", "container remove", "rm"],
    summary: "Remove one or more containers",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: [
      {
        name: "force",
        short: "f",
        help: "Force the removal of a running container (uses SIGKILL)",
      },
      {
        name: "volumes",
        short: "v",
        help: "Remove anonymous volumes associated with the container",
      },
      { name: "link", short: "l", help: "", unsupported: true },
    ],
  },
  run: async (line, io, context) => {
    const force = line.flags.on("force");
    const volumes = line.flags.on("volumes");
    let status = 0;
    for (const name of line.args) {
      try {
        await removeContainer(context, io.self, name, { force, volumes });
        io.out(`${name}\n`);
      } catch (thrown) {
        if (!(thrown instanceof TsboxError)) throw thrown;
        io.err(errorText(thrown));
        // Forcing says that the container shall not be there: that is so.
        if (!(force && thrown.code === "not-found")) status = 1;
      }
    }
    await sweepContainers(context, io.self);
    return status;
  },
};
