import type { ArchiveFormat } from "../../engine/archive/documents.ts";
import { saveImages } from "../../engine/save.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import { toOutput } from "../output_target.ts";

/** `tsbox save`. */
export const command: Command = {
  grammar: {
    path: "save",
    aliases: ["image save", "save"],
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    args: { min: 1 },
    flags: [
      { name: "output", short: "o", value: "string", help: "Write to a file, instead of STDOUT" },
      {
        name: "format",
        value: "string",
        help: 'Leave out what other readers need ("docker-archive", "oci-archive")',
      },
      { name: "platform", value: "string", help: "Save only when the image is for this platform" },
    ],
  },
  run: async (line, io, context) => {
    const format = formatOf(line.flags.last("format"));
    const platform = line.flags.last("platform");
    await interruptible((signal) =>
      toOutput(io, line.flags.last("output"), (output) =>
        saveImages(context, line.args, output, {
          signal,
          ...(format && { format }),
          ...(platform && { platform }),
        }))
    );
    return 0;
  },
};

function formatOf(text: string | undefined): ArchiveFormat | undefined {
  if (text === undefined || text === "docker-archive" || text === "oci-archive") return text;
  throw new TsboxError("invalid-argument", `unknown format ${JSON.stringify(text)}`, {
    hint: "there are docker-archive and oci-archive",
  });
}
