/** Holds what makes a start fast: what is loaded before a container runs. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { runChunk } from "../scripts/compile/run_chunk.ts";

const ROOT = join(import.meta.dir, "..");
const transpiler = new Bun.Transpiler({ loader: "ts" });

/** Every module that the given ones import without import(), types apart; those that are no files of ours too. */
async function loadedWith(...entries: string[]): Promise<Set<string>> {
  const found = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    if (!existsSync(join(ROOT, path))) continue;
    for (
      const { kind, path: to } of transpiler.scanImports(await Bun.file(join(ROOT, path)).text())
    ) {
      if (kind === "import-statement") {
        waiting.push(to.startsWith(".") ? join(dirname(path), to) : to);
      }
    }
  }
  return found;
}

const RUN = ["src/main.ts", "src/cli/main.ts", "src/cli/context.ts", "src/cli/commands/run.ts"];

test("a run loads modules of ours only: Node's and bun:ffi take a millisecond", async () => {
  const loaded = await loadedWith(...RUN);
  expect(loaded).toContain("src/rootless/launch.ts");
  expect([...loaded].filter((path) => !path.startsWith("src/"))).toEqual([]);
});

test("a run does not load what only pulls, other commands and other architectures need", async () => {
  const loaded = [...await loadedWith(...RUN)];
  const others = loaded.filter((path) =>
    /^src\/(api|registry|network)\//.test(path) ||
    /settings\/(?!find_settings|names)|syscall_table|default_profile|unpack/.test(path)
  );
  expect(others).toEqual([]);
});

test("an exec loads nothing else either", async () => {
  const loaded = await loadedWith("src/main.ts", "src/cli/main.ts", "src/cli/commands/exec.ts");
  expect(loaded).toContain("src/rootless/exec.ts");
  expect([...loaded].filter((path) => !path.startsWith("src/"))).toEqual([]);
});

test("--version loads one small module", async () => {
  expect([...await loadedWith("src/main.ts")]).toEqual(["src/main.ts"]);
});

test("in the executable a run is two pieces: what every command line loads first, and the rest", async () => {
  const { outputs } = await Bun.build({
    entrypoints: [join(ROOT, "src/main.ts")],
    target: "bun",
    splitting: true,
    plugins: [await runChunk(ROOT)],
    format: "esm",
  });
  const pieces = new Map<string, string>();
  for (const output of outputs) pieces.set(output.path.replace(/^\.?\//, ""), await output.text());
  const home = (code: string) => [...pieces].find(([, text]) => text.includes(code))?.[0];
  const first = home("async function cliMain");
  for (const code of ["class TsboxError", "class OutputClosed", "function findCommand("]) {
    expect(home(code)).toBe(first);
  }
  expect(home("class Launch ")).not.toBe(first);
  expect(home("class Launch ")).toBe(home("function makeRunOptions("));
  expect(home("function findSettings(")).toBe(home("function makeRunOptions("));
  expect(home("function openFile(")).toBe(home("function makeRunOptions("));
});
