import { type AdoptedImage, loadImages } from "../../engine/load.ts";
import type { Command } from "../command.ts";
import { fromInput } from "../input_source.ts";
import { interruptible } from "../interrupt.ts";
import { LayerProgress } from "../layer_progress.ts";
import { UsageError } from "../usage_error.ts";

/** `tsbox load`. */
export const command: Command = {
  grammar: {
    path: "load",
    aliases: ["image load", "load"],
    summary: "Load an image from a tar archive or STDIN",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      {
        name: "input",
        short: "i",
        value: "string",
        help: "Read from tar archive file, instead of STDIN",
      },
      { name: "quiet", short: "q", help: "Suppress the load output" },
      {
        name: "platform",
        value: "string",
        help: "Load only the given platform variant (os/architecture[/variant])",
      },
    ],
  },
  run: async (line, io, context) => {
    const file = line.flags.last("input");
    const platform = line.flags.last("platform");
    const quiet = line.flags.on("quiet");
    if (file === undefined && io.isTty(0)) {
      throw new UsageError("tsbox: requested load from stdin, but stdin is empty", 1);
    }
    const progress = new LayerProgress(io, !quiet && io.isTty(2));
    let warnings = "";
    const images = await interruptible((signal) =>
      fromInput(io, file, (input) =>
        loadImages(context, input, {
          self: io.self,
          signal,
          ...(platform && { platform }),
          onLayer: (digest, state) => progress.show(digest, state),
        }))
    ).finally(() => warnings = progress.end());
    if (!quiet) io.err(warnings);
    io.out(images.map(loadedLines).join(""));
    return 0;
  },
};

/** Docker's lines. */
function loadedLines({ image, names, moved }: AdoptedImage): string {
  const renamed = moved.map(({ name, from }) =>
    `The image ${name} already exists, renaming the old one with ID ${from} to empty string\n`
  );
  const loaded = names.map((name) => `Loaded image: ${name}\n`);
  if (loaded.length === 0) loaded.push(`Loaded image ID: ${image.id}\n`);
  return [...renamed, ...loaded].join("");
}
