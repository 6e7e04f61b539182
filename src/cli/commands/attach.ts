import { parseDetachKeys } from "../../container/detach_keys.ts";
import { attachContainer } from "../../engine/attach.ts";
import { findContainer } from "../../storage/find_container.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../usage_error.ts";
import { attachStatus } from "./attach_status.ts";

/** `tsbox attach`. */
export const command: Command = {
  grammar: {
    path: "attach",
    aliases: ["container attach", "attach"],
    summary: "Attach local standard input, output, and error streams to a running container",
    usage: "[OPTIONS] CONTAINER",
    args: { min: 1, max: 1 },
    flags: [
      {
        name: "detach-keys",
        value: "string",
        help: "Override the key sequence for detaching a container",
      },
      { name: "no-stdin", help: "Do not attach STDIN" },
      {
        name: "sig-proxy",
        help: "Proxy all received signals to the process (default true)",
      },
    ],
  },
  run: async ({ flags, args: [name = ""] }, io, context) => {
    const { record: { options: { tty, interactive, detachKeys: own } } } = findContainer(
      context.dataRoot,
      name,
    );
    const detachKeys = flags.last("detach-keys") ?? own;
    if (detachKeys) parseDetachKeys(detachKeys);
    const stdin = interactive && !flags.on("no-stdin");
    if (tty && stdin && !io.isTty(0)) throw new UsageError("the input device is not a TTY", 1);
    const notice = (text: string) => io.err(`${text}\n`);
    const options = {
      tty,
      stdin,
      owner: false,
      sigProxy: flags.on("sig-proxy", true),
      detachKeys,
      notice,
    };
    return attachStatus(await attachContainer(context, name, options), { notice });
  },
};
