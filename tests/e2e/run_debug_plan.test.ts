/** `run --debug-plan`: the syscall programs of a run, printed and not run. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

test("the plan names every call with its arguments and what it is for, down to the command", async () => {
  const { stdout, status } = await box.run(["--debug-plan", "-u", "99"], ["echo", "never said"]);
  expect(status).toBe(0);
  expect(stdout).toContain('fsopen("proc", 1)');
  expect(stdout).toMatch(/pivot_root\("\.", "\."\) {2}# change the root\n.*umount2\("\.", 2\)/);
  expect(stdout).toContain('"/proc/kcore"');
  expect(stdout).toContain("set supplementary groups");
  expect(stdout).toMatch(/setresuid\((\d+), \1, \1\) {2}# become user [1-9]/);
  expect(stdout).toMatch(/execve\("\/bin\/echo"/);
  expect(stdout.split("\n")).not.toContain("never said");
});

test("nothing is made by printing a plan: no container, no missing folder of -v", async () => {
  const folder = `${box.home.path}/not-there`;
  const { status, stderr } = await box.run(["--debug-plan", "-v", `${folder}:/x`], ["true"]);
  expect([status, stderr]).toEqual([
    125,
    expect.stringContaining(`open "${folder}" for a bind mount`),
  ]);
  expect(existsSync(folder)).toBe(false);
  await box.run(["--debug-plan", "--name", "planned"], ["true"]);
  expect(box.leftovers()).toEqual([]);
});
