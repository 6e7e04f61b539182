import { expect, test } from "bun:test";
import {
  formatPlatform,
  hostPlatform,
  parsePlatform,
  platformFits,
  platformsRunBy,
} from "./platform.ts";

test.each([
  ["linux/amd64", "linux/amd64"],
  ["LINUX/x86_64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm64/8", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["linux/arm/6", "linux/arm/v6"],
  ["arm64", "linux/arm64"],
  ["riscv64", "linux/riscv64"],
  ["linux", formatPlatform(hostPlatform())],
])("%s is %s", (text, normal) => {
  expect(formatPlatform(parsePlatform(text))).toBe(normal);
});

test.each(["", "/", "linux/", "a/b/c/d", "linux/am d64", "linux/\0", "z80"])(
  "%j is not a platform",
  (text) => expect(() => parsePlatform(text)).toThrow(/not a platform|unknown operating system/),
);

test("other systems than Linux are refused", () => {
  expect(() => parsePlatform("windows/amd64")).toThrow("Linux containers only");
  expect(() => parsePlatform("windows")).toThrow("Linux containers only");
});

test("a machine prefers its own variant and falls back to lower ones", () => {
  const run = (text: string) => platformsRunBy(parsePlatform(text)).map(formatPlatform);
  expect(run("linux/arm/v7")).toEqual(["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]);
  expect(run("linux/arm/v6")).toEqual(["linux/arm/v6", "linux/arm/v5"]);
  expect(run("linux/amd64/v3")).toEqual([
    "linux/amd64/v3",
    "linux/amd64/v2",
    "linux/amd64",
    "linux/386",
  ]);
  expect(run("linux/arm64")[0]).toBe("linux/arm64");
  expect(run("linux/riscv64")).toEqual(["linux/riscv64"]);
});

test("an image for more than the machine has does not fit", () => {
  const fits = (image: string, machine: string) =>
    platformFits(parsePlatform(image), parsePlatform(machine));
  expect(fits("linux/arm/v7", "linux/arm/v6")).toBe(false);
  expect(fits("linux/arm/v6", "linux/arm64")).toBe(true);
  expect(fits("linux/amd64/v2", "linux/amd64")).toBe(false);
  expect(fits("linux/386", "linux/amd64")).toBe(true);
});
