import { commitContainer } from "../../engine/commit.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";

/** `tsbox commit`. */
export const command: Command = {
  grammar: {
    path: "commit",
    aliases: ["container commit", "commit"],
    summary: "Create a new image from a container's changes",
    usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    args: { min: 1, max: 2 },
    flags: [
      { name: "author", short: "a", value: "string", help: "Author of the image" },
      {
        name: "change",
        short: "c",
        value: "list",
        help: "Apply Dockerfile instruction to the created image",
      },
      { name: "message", short: "m", value: "string", help: "Commit message" },
      {
        name: "pause",
        short: "p",
        help: "Pause container during commit, where it can be paused (default true)",
      },
    ],
  },
  run: async ({ flags, args: [container = "", name] }, io, context) => {
    const id = await interruptible((signal) =>
      commitContainer(context, container, {
        self: io.self,
        signal,
        ...(name && { name }),
        changes: flags.all("change"),
        message: flags.last("message") ?? "",
        author: flags.last("author") ?? "",
        pause: flags.on("pause", true),
      })
    );
    io.out(`${id}\n`);
    return 0;
  },
};
