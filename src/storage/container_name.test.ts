import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";

let store = "";
beforeEach(() => {
  store = mkdtempSync(`${tmpdir()}/names-`);
  for (const part of ["containers", "names", "tmp"]) mkdirSync(`${store}/${part}`);
});
afterEach(() => rmSync(store, { recursive: true, force: true }));

/** Starts a process that takes the name when told to, and prints its container's id. */
function rival() {
  const script = `
    const { createContainer } = await import("${import.meta.dir}/containers.ts");
    process.stdout.write("ready");
    for await (const _ of process.stdin) break;
    try {
      process.stdout.write(createContainer("${store}", { name: "web" }).id);
    } catch (thrown) {
      process.stdout.write(thrown.code);
    }`;
  return Bun.spawn([process.execPath, "-e", script], { stdin: "pipe", stdout: "pipe" });
}

/** What each of the rivals printed, once all of them are let go at the same moment. */
async function race(count: number): Promise<string[]> {
  const rivals = Array.from({ length: count }, rival);
  const readers = rivals.map((child) => child.stdout.getReader());
  const read = async (reader: (typeof readers)[number]) =>
    new TextDecoder().decode((await reader.read()).value);
  await Promise.all(readers.map(read));
  for (const child of rivals) {
    void child.stdin.write("go");
    void child.stdin.end();
  }
  return await Promise.all(readers.map(read));
}

test("of many who want a free name at once, one gets it", async () => {
  const answers = await race(6);
  expect(answers.filter((answer) => answer === "conflict")).toHaveLength(5);
  expect(answers).toContain(readlinkSync(`${store}/names/web`));
});

test("of many who take a dead container's name over at once, one gets it", async () => {
  symlinkSync("f".repeat(64), `${store}/names/web`);
  const answers = await race(6);
  expect(answers.filter((answer) => answer === "conflict")).toHaveLength(5);
  expect(answers).toContain(readlinkSync(`${store}/names/web`));
});
