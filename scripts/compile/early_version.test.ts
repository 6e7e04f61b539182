import { expect, test } from "bun:test";
import { assembledX64 } from "./assembled.ts";
import { earlyVersionCode } from "./early_version.ts";

test("the bytes that start --version without a compiler are what their source assembles to", () => {
  expect(earlyVersionCode().toHex()).toBe(assembledX64("early_version_x64.s").toHex());
});
