import { TsboxError } from "../../errors.ts";
import { removeImage } from "../../engine/remove_image.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import { errorText } from "../report.ts";

/** `tsbox rmi`. */
export const command: Command = {
  grammar: {
    path: "rmi",
    aliases: ["image rm", "image remove", "rmi"],
    summary: "Remove one or more images",
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    args: { min: 1 },
    flags: [
      { name: "force", short: "f", help: "Force removal of the image" },
      { name: "no-prune", help: "Do not delete untagged parents (there are none)" },
      { name: "platform", value: "string", help: "", unsupported: true },
    ],
  },
  run: async (line, io, context) => {
    const force = line.flags.on("force");
    return await interruptible(async (signal) => {
      let status = 0;
      for (const name of line.args) {
        try {
          const { untagged, deleted } = await removeImage(context, io.self, name, {
            force,
            signal,
          });
          io.out(untagged.map((text) => `Untagged: ${text}\n`).join(""));
          io.out(deleted.map((text) => `Deleted: ${text}\n`).join(""));
        } catch (thrown) {
          if (!(thrown instanceof TsboxError) || thrown.code === "cancelled") throw thrown;
          io.err(errorText(thrown));
          // Forcing says that the image shall not be there: that is so.
          if (!(force && thrown.code === "not-found")) status = 1;
        }
      }
      return status;
    });
  },
};
