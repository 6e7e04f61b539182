import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import { absolutePath } from "../run/paths.ts";

/** `tsbox system service`. */
export const command: Command = {
  grammar: {
    path: "system service",
    aliases: ["system service"],
    summary: "Answer Docker's API on a socket",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [{
      name: "host",
      short: "H",
      value: "string",
      help: "Socket to listen on (default unix://$XDG_RUNTIME_DIR/tsbox/tsbox.sock)",
    }],
  },
  run: async (line, io, context) => {
    const host = line.flags.last("host");
    const socket = host === undefined ? undefined : socketPath(host, io.cwd);
    return await interruptible(async (signal) => {
      const listening = (path: string) => io.out(`Listening on unix://${path}\n`);
      await io.serveApi({ context, self: io.self, socket, signal, listening });
      return 0;
    });
  },
};

/** Absolute. Whoever reaches the API is the user: there is nothing that a network could be let to. */
function socketPath(host: string, cwd: string): string {
  const path = /^unix:\/\/(.+)$/.exec(host)?.[1];
  if (path !== undefined) return absolutePath(cwd, path);
  throw new TsboxError(
    "unsupported",
    `Cannot listen on "${host}": only Unix sockets are supported`,
    {
      hint: "write unix://PATH",
    },
  );
}
