/** What the numbers were measured on. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

/** Lines of a Markdown list; no names of hosts or folders. */
export function describeMachine(tsboxVersion: string): string[] {
  const memory = Math.round(totalmem() / 2 ** 30);
  const model = cpus()[0]?.model ?? "unknown processor";
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  return [
    // Anything above nothing means that others were at work, and that the numbers are worse than they are.
    `- ${cpus().length} x ${model}, ${memory} GiB of memory; load before: ${
      loadavg()[0]?.toFixed(1)
    }`,
    `- Linux ${kernel}, ${system ?? "unknown distribution"}`,
    `- ${tsboxVersion}`,
    `- ${peers().join(", ")}`,
  ];
}

function peers(): string[] {
  return ["podman", "crun", "bwrap", "hyperfine"].map((program) => {
    const line = Bun.spawnSync([program, "--version"]).stdout.toString().split("\n")[0] ?? "";
    return line.trim();
  });
}
