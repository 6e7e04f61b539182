import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { lockFile, lockFileSoon } from "./lock.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/tsbox-lock-`);
  path = `${folder}/lock`;
});
afterEach(() => rmSync(folder, { recursive: true }));

test("an exclusive lock excludes all others until it is released", () => {
  const held = lockFile(path, "exclusive", { wait: false });
  expect(held).toBeDefined();
  expect(lockFile(path, "exclusive", { wait: false })).toBeUndefined();
  expect(lockFile(path, "shared", { wait: false })).toBeUndefined();
  held?.release();
  held?.release();
  expect(lockFile(path, "exclusive", { wait: false })).toBeDefined();
});

test("shared locks exclude exclusive ones only", () => {
  lockFile(path, "shared", { wait: false });
  expect(lockFile(path, "shared", { wait: false })).toBeDefined();
  expect(lockFile(path, "exclusive", { wait: false })).toBeUndefined();
});

test("a lock on a file that was removed excludes nobody, so it is not given out", async () => {
  const held = lockFile(path, "exclusive", { wait: false });
  const waiting = lockFileSoon(path, "exclusive", { signal: new AbortController().signal });
  unlinkSync(path);
  held?.release();
  await waiting;
  expect(lockFile(path, "exclusive", { wait: false })).toBeUndefined();
});

test("waiting for a lock ends when the caller gives up", async () => {
  const held = lockFile(path, "exclusive", { wait: false });
  const caller = new AbortController();
  let waits = 0;
  const waiting = lockFileSoon(path, "exclusive", { signal: caller.signal, onWait: () => waits++ });
  setTimeout(() => caller.abort(), 100);
  const outcome = await waiting.then(() => "locked", (error) => error.code);
  expect(outcome).toBe("cancelled");
  expect(waits).toBe(1);
  held?.release();
});

test("the lock of a process that was killed is free", async () => {
  const script = `${folder}/holder.ts`;
  writeFileSync(
    script,
    `import { lockFile } from ${JSON.stringify(`${import.meta.dir}/lock.ts`)};
     lockFile(process.argv.at(-1), "exclusive", { wait: true });
     console.log("held");
     setInterval(() => {}, 1000);`,
  );
  const holder = Bun.spawn([process.execPath, script, path], { stdout: "pipe" });
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("held\n");
  expect(lockFile(path, "exclusive", { wait: false })).toBeUndefined();
  holder.kill("SIGKILL");
  await holder.exited;
  expect(lockFile(path, "exclusive", { wait: false })).toBeDefined();
});
