/** Holds what makes a start fast: what is loaded before a container runs. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bundleModules } from "../scripts/compile/bundle_modules.ts";
import { facadeOf } from "../scripts/compile/own_imports.ts";
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

const RUN = ["src/main.ts", "src/cli/main.ts", "src/cli/commands/run.ts"];

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
  const here = ["src/engine/exec.ts", "src/engine/exec/session.ts"];
  const loaded = await loadedWith(
    "src/main.ts",
    "src/cli/main.ts",
    "src/cli/commands/exec.ts",
    ...here,
  );
  expect(loaded).toContain("src/rootless/exec.ts");
  expect([...loaded].filter((path) => !path.startsWith("src/"))).toEqual([]);
});

test("an exec that a monitor does loads neither the reading of command lines nor what starts processes", async () => {
  const loaded = [...await loadedWith("src/main.ts", "src/cli/quick_exec.ts")];
  expect(loaded).toContain("src/engine/exec_by_monitor.ts");
  expect(loaded.filter((path) => !path.startsWith("src/"))).toEqual([]);
  expect(loaded.filter((path) => /^src\/(rootless|oci)\/|cli\/(main|parse|commands)/.test(path)))
    .toEqual([]);
});

test("--version loads one small module", async () => {
  expect([...await loadedWith("src/main.ts")]).toEqual(["src/main.ts"]);
});

/** What the sources are bundled to first, by its names; functions still have theirs. */
async function bundledPieces(): Promise<Map<string, string>> {
  const { outputs } = await Bun.build({
    entrypoints: [join(ROOT, "src/main.ts")],
    target: "bun",
    splitting: true,
    plugins: [await runChunk(ROOT)],
    format: "esm",
  });
  const pieces = new Map<string, string>();
  for (const output of outputs) pieces.set(output.path.replace(/^\.?\//, ""), await output.text());
  return pieces;
}

/** The names of the pieces that are loaded with the one that has this code, without what only names others' code. */
function loadedPieces(pieces: ReadonlyMap<string, string>, code: string): Set<string> {
  const [start] = [...pieces].find(([, text]) => text.includes(code)) ?? [];
  if (start === undefined) throw new Error(`no piece has "${code}"`);
  const found = new Set<string>();
  const waiting = [start];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    const { imports } = new Bun.Transpiler({ loader: "js" }).scan(pieces.get(name) ?? "");
    for (const { kind, path } of imports) {
      if (kind === "import-statement" && path.startsWith("./")) waiting.push(path.slice(2));
    }
  }
  return found;
}

test("sources are bundled to few pieces for a command: what a run needs, and one or two of its own", async () => {
  const pieces = await bundledPieces();
  const first = loadedPieces(pieces, "async function cliMain");
  expect(first.size).toBe(1);
  const loaded = (code: string) => loadedPieces(pieces, code).difference(first).size;
  expect(loaded("class TsboxError")).toBe(0);
  expect(loaded("function findSettings(")).toBe(0);
  expect(loaded("function listEntries(")).toBe(0);
  expect(loaded("class Launch ")).toBe(0);
  expect(loaded("function makeRunOptions(")).toBe(0);
  expect(loaded("function execByMonitor(")).toBe(0);
  expect(loaded("function startExec(")).toBe(1);
  expect(loaded("function makeExecOptions(")).toBe(1);
  expect(loaded("function containerSummaries(")).toBe(1);
  expect(loaded("function imageSummaries(")).toBe(1);
  expect(loaded("function formatRows(")).toBe(1);
  expect(loaded("function settingFlag(")).toBe(1);
});

test("the piece that a start loads needs no other, and loads nothing that only names its parts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-pieces-"));
  try {
    const define = { TSBOX_VERSION: '"0"', TSBOX_COMMIT: '"0"', TSBOX_SOURCES: '"0"' };
    await bundleModules(ROOT, folder, define);
    const modules = join(folder, "modules");
    const names = readdirSync(modules).filter((name) => name.endsWith(".js"));
    const texts = new Map(names.map((name) => [name, readFileSync(join(modules, name), "utf8")]));
    const [[start = "", text = ""] = []] = [...texts].sort(([, a], [, b]) => b.length - a.length);
    const { imports } = new Bun.Transpiler({ loader: "js" }).scan(text);
    const later = imports.filter(({ kind }) => kind === "dynamic-import");
    expect(later.length).toBeGreaterThan(20);
    expect(imports.filter(({ path }) => path.startsWith("./"))).toEqual(later);
    for (const { path } of later) {
      expect(facadeOf(texts.get(path.slice(2)) ?? "", `./${start}`)).toBeUndefined();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("ps, images and settings load nothing of Node's, and nothing that starts processes", async () => {
  for (const part of ["commands/ps", "commands/images", "global"]) {
    const loaded = await loadedWith("src/main.ts", "src/cli/main.ts", `src/cli/${part}.ts`);
    expect([...loaded].filter((path) => !path.startsWith("src/"))).toEqual([]);
    expect(loaded).not.toContain("src/ffi/process.ts");
  }
});
