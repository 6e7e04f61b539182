import { pullImage } from "../../engine/pull.ts";
import type { PullEvent } from "../../engine/pull_events.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import { showPull } from "../pull_output.ts";

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
      { name: "all-tags", short: "a", help: "", unsupported: true },
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
    await interruptible((signal) =>
      pullImage(name, context, {
        self: io.self,
        signal,
        ...(platform && { platform }),
        onEvent: quiet ? rememberName : showPull(screen, true),
      })
    );
    if (quiet) io.out(`${pulled}\n`);
    return 0;
  },
};
