import { expect, test } from "bun:test";
import {
  capabilityBits,
  capabilitySets,
  chooseCapabilities,
  DEFAULT_CAPABILITIES,
} from "./capabilities.ts";
import { capabilityNames } from "./capability_names.ts";

test("without options the fourteen defaults of docker are kept, in its order", () => {
  expect(chooseCapabilities([], [])).toEqual([...DEFAULT_CAPABILITIES]);
  expect(new Set(DEFAULT_CAPABILITIES).size).toBe(14);
});

test("a dropped name is left out and an added one comes last, in any spelling", () => {
  const chosen = chooseCapabilities(["sys_admin", "CAP_CHOWN"], ["mknod"]);
  expect(chosen).not.toContain("CAP_MKNOD");
  expect(chosen.at(-1)).toBe("CAP_SYS_ADMIN");
  expect(chosen.filter((name) => name === "CAP_CHOWN")).toHaveLength(1);
});

test("a name both dropped and added is there", () => {
  expect(chooseCapabilities(["MKNOD"], ["MKNOD"])).toContain("CAP_MKNOD");
});

test("dropping ALL leaves what is added only", () => {
  expect(chooseCapabilities([], ["ALL"])).toEqual([]);
  expect(chooseCapabilities(["KILL"], ["all"])).toEqual(["CAP_KILL"]);
});

test("adding ALL gives every one of the kernel but those dropped by name", () => {
  expect(chooseCapabilities(["ALL"], [])).toHaveLength(41);
  expect(chooseCapabilities(["ALL"], ["ALL", "SYS_ADMIN"])).toEqual(
    capabilityNames().filter((name) => name !== "CAP_SYS_ADMIN"),
  );
});

test("an unknown name is refused", () => {
  expect(() => chooseCapabilities(["SYS_ADMINN"], [])).toThrow('unknown capability: "SYS_ADMINN"');
  expect(() => chooseCapabilities([], ["CAP_ALL"])).toThrow("unknown capability");
});

test("root holds the bounding set; anybody else holds nothing", () => {
  expect(capabilitySets(["CAP_KILL"], 0)).toEqual({
    bounding: ["CAP_KILL"],
    effective: ["CAP_KILL"],
    permitted: ["CAP_KILL"],
    inheritable: [],
    ambient: [],
  });
  expect(capabilitySets(["CAP_KILL"], 1000)).toEqual({
    bounding: ["CAP_KILL"],
    effective: [],
    permitted: [],
    inheritable: [],
    ambient: [],
  });
});

test("the bits are those of linux/capability.h", () => {
  expect(capabilityBits([...DEFAULT_CAPABILITIES])).toEqual([0xa80425fb, 0]);
  expect(capabilityBits(capabilityNames())).toEqual([0xffffffff, 0x1ff]);
  expect(() => capabilityBits(["CAP_X"])).toThrow('unknown capability: "CAP_X"');
});
