import { pushImage } from "../../engine/push.ts";
import { parseReference } from "../../oci/reference.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import { showPush } from "../push_output.ts";

/** `tsbox push`. */
export const command: Command = {
  grammar: {
    path: "push",
    aliases: ["image push", "push"],
    summary: "Upload an image to a registry",
    usage: "[OPTIONS] NAME[:TAG]",
    args: { min: 1, max: 1 },
    flags: [
      { name: "all-tags", short: "a", help: "Push all tags of an image to the repository" },
      {
        name: "platform",
        value: "string",
        help: "Push the image of this platform alone, not the index it came from",
      },
      { name: "quiet", short: "q", help: "Suppress verbose output" },
      { name: "disable-content-trust", help: "", unsupported: true },
    ],
  },
  run: async (line, io, context) => {
    const [name = ""] = line.args;
    const [quiet, allTags] = [line.flags.on("quiet"), line.flags.on("all-tags")];
    const platform = line.flags.last("platform");
    const reference = parseReference(name);
    if (allTags && !reference.tagIsDefault) {
      throw new TsboxError("invalid-argument", "tag can't be used with --all-tags/-a");
    }
    if (!allTags && !quiet && reference.tagIsDefault) io.out("Using default tag: latest\n");
    const screen = { write: io.out, terminal: !quiet && io.isTty(1), columns: io.columns };
    await interruptible((signal) =>
      pushImage(name, context, {
        allTags,
        signal,
        ...(platform && { platform }),
        ...(!quiet && { onEvent: showPush(screen) }),
      })
    );
    if (quiet) io.out(`${allTags ? reference.name : reference.canonical}\n`);
    return 0;
  },
};
