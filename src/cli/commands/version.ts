import type { ComponentVersion } from "../../engine/api_types.ts";
import { versionInfo } from "../../engine/version.ts";
import type { Command } from "../command.ts";
import { compileTemplate } from "../format/template.ts";

/** `tsbox version`. */
export const command: Command = {
  grammar: {
    path: "version",
    aliases: ["version"],
    summary: "Show the tsbox version information",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [{
      name: "format",
      short: "f",
      value: "string",
      help: 'Format output: "json" or a Go template',
    }],
  },
  run: (line, io, context) => {
    const info = versionInfo(context);
    const format = line.flags.last("format");
    if (!format) io.out(versionText(info.Client));
    else if (format === "json") io.out(JSON.stringify(info) + "\n");
    else io.out(compileTemplate(format)(info) + "\n");
    return Promise.resolve(0);
  },
};

function versionText(version: ComponentVersion): string {
  const lines = [
    ["Version", version.Version],
    ["API version", version.APIVersion],
    ["Git commit", version.GitCommit],
    ["Bun version", version.BunVersion],
    ["OS/Arch", `${version.Os}/${version.Arch}`],
    ["Kernel version", version.KernelVersion],
  ];
  return "tsbox:\n" + lines.map(([name, value]) => ` ${`${name}:`.padEnd(18)}${value}\n`).join("");
}
