import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeDirectly } from "./remove_directly.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-remove-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a tree is removed with what cannot be read in it, and links are not followed", () => {
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "a/closed"), { recursive: true });
  mkdirSync(join(folder, "kept"));
  writeFileSync(join(folder, "kept/file"), "");
  writeFileSync(join(tree, "a/closed/file"), "");
  symlinkSync(join(folder, "kept"), join(tree, "a/link"));
  chmodSync(join(tree, "a/closed"), 0);
  expect(removeDirectly(tree)).toBe(true);
  expect(existsSync(tree)).toBe(false);
  expect(readdirSync(join(folder, "kept"))).toEqual(["file"]);
});

test("a tree that is gone counts as removed, one that is too deep is left to the worker", () => {
  const tree = join(folder, "deep");
  mkdirSync(join(tree, "d/".repeat(100)), { recursive: true });
  expect(removeDirectly(join(folder, "gone"))).toBe(true);
  expect(removeDirectly(tree)).toBe(false);
});

test("two that delete one tree at once both see it gone", async () => {
  for (let round = 0; round < 12; round++) {
    const tree = join(folder, `shared-${round}`);
    for (const name of ["a", "b", "c", "d"]) {
      mkdirSync(join(tree, name), { recursive: true });
      for (let i = 0; i < 200; i++) writeFileSync(join(tree, name, `${i}`), "");
    }
    const other = Bun.spawn(["sh", "-c", `echo; rm -rf "${tree}"/*`], { stdout: "pipe" });
    await other.stdout.getReader().read();
    expect(removeDirectly(tree)).toBe(true);
    expect(existsSync(tree)).toBe(false);
    await other.exited;
  }
});

test("a directory that becomes a link meanwhile leads nowhere else", async () => {
  const names = Array.from({ length: 300 }, (_, i) => `file-${i}`);
  const victim = join(folder, "victim");
  mkdirSync(victim);
  for (const name of names) writeFileSync(join(victim, name), "");
  for (let round = 0; round < 16; round++) {
    const [tree, link] = [join(folder, `tree-${round}`), join(folder, `link-${round}`)];
    const below = join(tree, "inner/below");
    mkdirSync(below, { recursive: true });
    for (const name of names) writeFileSync(join(below, name), "");
    symlinkSync(victim, link);
    await whileExchanging(below, link, () => removeDirectly(tree));
    expect(readdirSync(victim).length).toBe(names.length);
  }
});

async function whileExchanging(one: string, two: string, action: () => void): Promise<void> {
  const script = join(import.meta.dir, "../../tests/programs/exchange_names.ts");
  const process_ = Bun.spawn([process.execPath, script, one, two], { stdout: "pipe" });
  const { value } = await process_.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("exchanging\n");
  action();
  process_.kill();
  await process_.exited;
}
