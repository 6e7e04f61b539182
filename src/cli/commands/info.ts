import type { SystemInfo } from "../../engine/api_types.ts";
import { systemInfo } from "../../engine/info.ts";
import { binarySize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { compileTemplate } from "../format/template.ts";

/** `tsbox info`. */
export const command: Command = {
  grammar: {
    path: "info",
    aliases: ["system info", "info"],
    summary: "Display system-wide information",
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
    const info = systemInfo(context);
    const format = line.flags.last("format");
    if (format === "json") io.out(JSON.stringify(info) + "\n");
    else if (format) io.out(compileTemplate(format)(info) + "\n");
    else {
      io.out(infoText(info));
      io.err(info.Warnings.map((warning) => `WARNING: ${warning}\n`).join(""));
    }
    return Promise.resolve(0);
  },
};

function infoText(info: SystemInfo): string {
  const lines: [string, string | number][] = [
    ["Containers", info.Containers],
    [" Running", info.ContainersRunning],
    [" Paused", info.ContainersPaused],
    [" Stopped", info.ContainersStopped],
    ["Images", info.Images],
    ["Server Version", info.ServerVersion],
    ["Storage Driver", info.Driver],
    ...info.DriverStatus.map(([name, value]): [string, string] => [` ${name}`, value]),
    ["Cgroup Version", info.CgroupVersion],
    ["Security Options", info.SecurityOptions.map(optionName).join(" ")],
    ["Kernel Version", info.KernelVersion],
    ["Operating System", info.OperatingSystem],
    ["OSType", info.OSType],
    ["Architecture", info.Architecture],
    ["CPUs", info.NCPU],
    ["Total Memory", binarySize(info.MemTotal)],
    ["Name", info.Name],
    ["Data Root", info.DockerRootDir],
  ];
  const { InsecureRegistryCIDRs, IndexConfigs, Mirrors } = info.RegistryConfig;
  const insecure = Object.values(IndexConfigs).filter(({ Secure }) => !Secure);
  return lines.map(([name, value]) => `${name}: ${value}\n`).join("") +
    block("Insecure Registries", [...insecure.map(({ Name }) => Name), ...InsecureRegistryCIDRs]) +
    block("Registry Mirrors", Mirrors) +
    block("Settings", givenSettings(info));
}

/** Nothing when there are no lines. */
function block(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : [`${title}:`, ...lines.map((line) => ` ${line}`), ""].join("\n");
}

/** What somebody has set, and who. */
function givenSettings({ Settings }: SystemInfo): string[] {
  return Object.entries(Settings).filter(([, { Origin }]) => Origin !== "default")
    .map(([key, { Value, Origin }]) => `${key}: ${JSON.stringify(Value)} (${Origin})`);
}

/** `seccomp` of `name=seccomp,profile=builtin`. */
function optionName(option: string): string {
  return option.replace(/^name=/, "").replace(/,.*/, "");
}
