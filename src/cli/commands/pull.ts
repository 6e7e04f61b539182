import { pullImage } from "../../engine/pull.ts";
import { pullAllTags } from "../../engine/pull_all_tags.ts";
import type { PullEvent } from "../../engine/pull_events.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import { showPull, showPulls } from "../pull_output.ts";

/** `tsbox pull`. */
export const command: Command = {
  grammar: {
    path: "pull",
    aliases: ["image pull", "pull"],
    summary: "Download an image from a registry",
    usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
    args: { min: 1, max: 1 },
    flags: [
      { name: "platform", value: "string", help: "Set the platform of the image" },
      { name: "quiet", short: "q", help: "Suppress verbose output" },
      { name: "all-tags", short: "a", help: "Download all tagged images in the repository" },
      { name: "disable-content-trust", help: "", unsupported: true },
    ],
  },
  run: async (line, io, context) => {
    const [name = ""] = line.args;
    const platform = line.flags.last("platform");
    const quiet = line.flags.on("quiet");
    let pulled = "";
    const rememberName = (event: PullEvent) => {
      if (event.kind === "done") pulled = event.reference;
    };
    const screen = { write: io.out, terminal: !quiet && io.isTty(1), columns: io.columns };
    const all = line.flags.on("all-tags");
    const pull: (...words: Parameters<typeof pullImage>) => Promise<unknown> = all
      ? pullAllTags
      : pullImage;
    const show = all ? showPulls(screen) : showPull(screen, true);
    await interruptible((signal) =>
      pull(name, context, {
        self: io.self,
        signal,
        ...(platform && { platform }),
        onEvent: quiet ? rememberName : show,
      })
    );
    if (quiet) io.out(`${pulled}\n`);
    return 0;
  },
};
