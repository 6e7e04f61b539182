import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { pipe } from "../ffi/process.ts";
import { Helper } from "./helper.ts";

function shell(script: string, readyOn: 0 | 1 = 1): Helper {
  return new Helper({ path: "/bin/sh", args: ["sh", "-c", script], readyOn });
}

test("a helper is ready when it has written, and what it said is kept", () => {
  const helper = shell("echo one >&2; echo ready; echo two >&2; sleep 60");
  expect(helper.ready()).toBe(true);
  expect(helper.messages()).toStartWith("one\n");
  helper.stop({ wait: true });
});

test("a helper may tell on the descriptor that is usually its input", () => {
  const helper = shell("echo ready >&0; sleep 60", 0);
  expect(helper.ready()).toBe(true);
  helper.stop({ wait: true });
});

test("a helper that ends before it is ready is not ready", () => {
  const helper = shell("echo no tun >&2; exit 1");
  expect(helper.ready()).toBe(false);
  expect(helper.messages()).toBe("no tun\n");
  helper.stop({ wait: true });
});

test("a helper has no descriptor of ours and none of our environment", () => {
  const ours = pipe();
  const helper = shell("ls /proc/self/fd >&2; env >&2; echo ready; sleep 60");
  expect(helper.ready()).toBe(true);
  // Its standard three, and the folder that is being listed.
  const open = helper.messages().split("\n").filter((line) => /^\d+$/.test(line));
  expect(open).toEqual(["0", "1", "2", "3"]);
  expect(helper.messages()).not.toMatch(/HOME|XDG|USER/);
  helper.stop({ wait: true });
  expect(ours.read).toBeGreaterThan(2);
});

test("much that a helper says after it was ready does not stop it", () => {
  const helper = shell(
    "echo ready; i=0; while [ $i -lt 3000 ]; do printf '%0100d\\n' 0 >&2; i=$((i+1)); done; echo done >&2; sleep 60",
  );
  expect(helper.ready()).toBe(true);
  const end = Date.now() + 4000;
  while (helper.size() < 300_000 && Date.now() < end) Bun.sleepSync(20);
  expect(helper.size()).toBeGreaterThan(300_000);
  helper.stop({ wait: true });
});

test("a helper dies with the process that started it, however that ended", async () => {
  const script = `
    const { Helper } = await import(${JSON.stringify(`${import.meta.dir}/helper.ts`)});
    const helper = new Helper({ path: "/bin/sh", args: ["sh", "-c", "echo $$ >&2; echo ready; sleep 60"], readyOn: 1 });
    helper.ready();
    require("node:fs").writeSync(1, helper.messages());
    process.kill(process.pid, "SIGKILL");
  `;
  const { stdout, signalCode } = Bun.spawnSync([process.execPath, "-e", script]);
  expect(signalCode).toBe("SIGKILL");
  const pid = Number(stdout.toString());
  expect(pid).toBeGreaterThan(1);
  const end = Date.now() + 2000;
  while (isRunning(pid) && Date.now() < end) await Bun.sleep(10);
  expect(isRunning(pid)).toBe(false);
});

/** A zombie that nobody has waited for is dead enough. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) &&
    !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}
