import { isDownload, publicUrl, urlInput } from "../../engine/archive/url_input.ts";
import { importImage } from "../../engine/import.ts";
import type { ArchiveInput } from "../../engine/archive/input.ts";
import type { EngineContext } from "../../engine/context.ts";
import type { Command } from "../command.ts";
import { fromInput } from "../input_source.ts";
import { interruptible } from "../interrupt.ts";
import type { CliIo } from "../io.ts";
import { LayerProgress } from "../layer_progress.ts";

/** `tsbox import`. */
export const command: Command = {
  grammar: {
    path: "import",
    aliases: ["image import", "import"],
    summary: "Import the contents from a tarball to create a filesystem image",
    usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    args: { min: 1, max: 2 },
    flags: [
      {
        name: "change",
        short: "c",
        value: "list",
        help: "Apply Dockerfile instruction to the created image",
      },
      {
        name: "message",
        short: "m",
        value: "string",
        help: "Set commit message for imported image",
      },
      {
        name: "platform",
        value: "string",
        help: "Set the image's platform (os/architecture[/variant])",
      },
    ],
  },
  run: async (line, io, context) => {
    const [source = "-", name] = line.args;
    const platform = line.flags.last("platform");
    const from = isDownload(source) ? publicUrl(source) : "-";
    const progress = new LayerProgress(io, io.isTty(2));
    let warnings = "";
    const id = await interruptible((signal) =>
      fromSource(io, context, source, (input) =>
        importImage(context, input, {
          self: io.self,
          signal,
          ...(name && { name }),
          changes: line.flags.all("change"),
          message: line.flags.last("message") ?? `Imported from ${from}`,
          ...(platform && { platform }),
          onLayer: (digest, state) => progress.show(digest, state),
        }))
    ).finally(() => warnings = progress.end());
    io.err(warnings);
    io.out(`${id}\n`);
    return 0;
  },
};

async function fromSource<T>(
  io: CliIo,
  { env, build }: EngineContext,
  source: string,
  action: (input: ArchiveInput) => Promise<T>,
): Promise<T> {
  if (!isDownload(source)) return await fromInput(io, source === "-" ? undefined : source, action);
  return await action(urlInput(source, { env, userAgent: `tsbox/${build.version}` }));
}
