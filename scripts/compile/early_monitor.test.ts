import { expect, test } from "bun:test";
import { MONITOR } from "../../src/engine/monitor/request.ts";
import { QUIET } from "../../src/rootless/monitor_process.ts";
import { assembledX64 } from "./assembled.ts";
import { earlyMonitorCode } from "./early_monitor.ts";

test("the bytes that start a monitor are what their source assembles to", () => {
  expect(earlyMonitorCode().toHex()).toBe(assembledX64("early_monitor_x64.s").toHex());
});

test("a monitor that is started early has the role and the environment of any other", () => {
  const words = new TextDecoder("latin1").decode(earlyMonitorCode()).split("\0");
  const expected = Object.entries(QUIET).map(([name, value]) => `${name}=${value}`);
  expect(words.filter((word) => /^BUN_\w+=/.test(word))).toEqual(expected);
  expect(words).toContain(MONITOR);
});
