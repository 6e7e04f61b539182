import { expect, test } from "bun:test";
import { QUIET } from "../../src/rootless/monitor_process.ts";
import { assembledX64 } from "./assembled.ts";
import { earlyMonitorCode } from "./early_monitor.ts";

test("the bytes that part a command from its monitor are what their source assembles to", () => {
  expect(earlyMonitorCode().toHex()).toBe(assembledX64("early_monitor_x64.s").toHex());
});

test("who becomes a monitor has the environment of any other", () => {
  const words = new TextDecoder("latin1").decode(earlyMonitorCode()).split("\0");
  const first = words.findIndex((word) => word.endsWith("TSBOX_BEGUN"));
  const quiet = Object.entries(QUIET).flat();
  expect(words.slice(first + 1, first + 2 + quiet.length)).toEqual(["3", ...quiet]);
});
