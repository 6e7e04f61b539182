/** Runs command lines in this process over a real store: for what prints and does not start containers. */
import { cliMain } from "../../src/cli/main.ts";
import type { CliIo } from "../../src/cli/io.ts";

export interface CommandResult {
  status: number;
  out: string;
  err: string;
}

/** Runs `tsbox ARGV` on the store below `home`. */
export async function commandLine(
  home: string,
  argv: readonly string[],
  io: Partial<CliIo> = {},
): Promise<CommandResult> {
  const result: CommandResult = { status: -1, out: "", err: "" };
  result.status = await cliMain({
    argv,
    env: { HOME: home, XDG_DATA_HOME: home },
    cwd: home,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    build: { version: "1.2.3", commit: "abcdef0" },
    self: {
      path: process.execPath,
      args: [new URL("../../src/main.ts", import.meta.url).pathname],
    },
    out: (text) => result.out += text,
    err: (text) => result.err += text,
    isTty: () => false,
    serveApi: async (service) => (await import("../../src/api/serve.ts")).serveApi(service),
    columns: () => 80,
    ...io,
  });
  return result;
}
