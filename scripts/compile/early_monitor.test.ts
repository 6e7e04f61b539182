import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MONITOR } from "../../src/engine/monitor/request.ts";
import { QUIET } from "../../src/rootless/monitor_process.ts";
import { earlyMonitorCode } from "./early_monitor.ts";

function assembled(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-as-"));
  const prefix = process.arch === "x64" ? "" : "x86_64-linux-gnu-";
  const run = (...command: string[]) => {
    const done = Bun.spawnSync(command);
    if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
  };
  try {
    run(`${prefix}as`, "-o", join(folder, "o"), join(import.meta.dir, "early_monitor_x64.s"));
    run(`${prefix}objcopy`, "-O", "binary", "-j", ".text", join(folder, "o"), join(folder, "bin"));
    return new Uint8Array(readFileSync(join(folder, "bin")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the bytes that start a monitor are what their source assembles to", () => {
  expect(earlyMonitorCode().toHex()).toBe(assembled().toHex());
});

test("a monitor that is started early has the role and the environment of any other", () => {
  const words = new TextDecoder("latin1").decode(earlyMonitorCode()).split("\0");
  const expected = Object.entries(QUIET).map(([name, value]) => `${name}=${value}`);
  expect(words.filter((word) => /^BUN_\w+=/.test(word))).toEqual(expected);
  expect(words).toContain(MONITOR);
});
