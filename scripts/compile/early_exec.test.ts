import { expect, test } from "bun:test";
import { frame } from "../../src/engine/monitor/frames.ts";
import { execSocket } from "../../src/engine/monitor/request.ts";
import { configFile } from "../../src/engine/settings/find_settings.ts";
import { VARIABLES } from "../../src/engine/settings/names.ts";
import { defaultDataRoot } from "../../src/engine/context.ts";
import { assembledX64 } from "./assembled.ts";
import { earlyExecCode } from "./early_exec.ts";

const code = new TextDecoder("latin1").decode(earlyExecCode());

test("the bytes that have a monitor execute are what their source assembles to", () => {
  expect(earlyExecCode().toHex()).toBe(assembledX64("early_exec_x64.s").toHex());
});

test("the places it looks at are those of the rest of tsbox", () => {
  expect(code).toContain(`\0${configFile({ HOME: "/" })?.slice(1)}\0`);
  expect(code).toContain(`XDG_CONFIG_HOME=${configFile({ XDG_CONFIG_HOME: "/" })?.slice(1)}\0`);
  expect(code).toContain(`\0${defaultDataRoot({}, "/h").slice(2)}\0`);
  expect(code).toContain(`\0${defaultDataRoot({ XDG_DATA_HOME: "/d" }, "/h").slice(2)}\0`);
  const [before, link] = execSocket(7).split("7");
  expect(code).toContain(`\0${before}\0${link}\0`);
});

test("every variable that sets something begins as the one that it looks for", () => {
  expect(code).toContain("TSBOX_HOME=");
  expect(VARIABLES.filter((name) => !name.startsWith("TSBOX_"))).toEqual([]);
});

test("its frames are of the kinds that the monitor knows", () => {
  const [asked, answered] = [frame("quick-exec")[0] ?? 0, frame("quick-answer")[0] ?? 0];
  // mov byte ptr [r12], ASKED; cmp byte ptr [r12], ANSWERED
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  expect(earlyExecCode().toHex()).toContain(`41c60424${hex(asked)}`);
  expect(earlyExecCode().toHex()).toContain(`41803c24${hex(answered)}`);
});
