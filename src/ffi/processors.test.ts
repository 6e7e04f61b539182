import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { keepApart } from "./processors.ts";

// A process of its own: whatever else runs in this one shall not be moved about.
const ours = new URL("./processors.ts", import.meta.url).pathname;

let child: Bun.Subprocess;
beforeEach(() => {
  child = Bun.spawn(["sleep", "100"]);
});
afterEach(() => child.kill("SIGKILL"));

/** Where a process may run, as a list of the kernel's. */
function allowed(pid: number | "self"): string {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? "";
}

const several = availableParallelism() > 1;

test.if(several)("a process is kept away from where we wait for it, and let go", () => {
  const before = allowed(child.pid);
  const apart = keepApart(child.pid);
  const [here, there] = apart?.waitFor(() => [allowed("self"), allowed(child.pid)]) ?? [];
  expect(here).toMatch(/^\d+$/);
  expect(there?.split(",")).not.toContain(here);
  expect(there).not.toBe(before);
  expect(allowed("self")).toBe(before);
  apart?.letGo();
  expect(allowed(child.pid)).toBe(before);
});

test.if(several)("we may run anywhere again when what we waited for fails", () => {
  const before = allowed("self");
  const apart = keepApart(child.pid);
  expect(() =>
    apart?.waitFor(() => {
      throw new Error("so it goes");
    })
  ).toThrow("so it goes");
  expect(allowed("self")).toBe(before);
});

test("who may run on one processor only is kept apart from nobody", () => {
  const script = `
    const { keepApart } = await import(${JSON.stringify(ours)});
    console.log(keepApart(${child.pid}) === undefined);
  `;
  const alone = Bun.spawnSync(["taskset", "-c", "0", process.execPath, "-e", script]);
  expect(`${alone.stdout}${alone.stderr}`).toBe("true\n");
});

test("a process that is gone is kept apart from nobody", async () => {
  child.kill("SIGKILL");
  await child.exited;
  expect(keepApart(child.pid)).toBeUndefined();
});
