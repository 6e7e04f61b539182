/** The compiled executable itself, before any command: versions, other machines, hostile folders. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namedSections, PF, PT, segmentsOf, viewOf } from "../../scripts/compile/elf_file.ts";

const ROOT = join(import.meta.dir, "../..");
const TSBOX = join(ROOT, "dist/tsbox");
const ARM64 = join(ROOT, "dist/tsbox-linux-arm64");
/** Debian's libc6-arm64-cross: the loader and C library that a foreign executable asks for. */
const ARM64_LIBRARIES = "/usr/aarch64-linux-gnu";
const VERSION = /^tsbox version \d+\.\d+\.\d+, build (unknown|[0-9a-f]{7,}(-dirty)?)\n$/;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-executable-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string[], env: Record<string, string> = {}) {
  const done = Bun.spawnSync(command, { cwd: folder, env: { HOME: folder, ...env } });
  return { stdout: done.stdout.toString(), stderr: done.stderr.toString(), status: done.exitCode };
}

test("--version prints version and commit", () => {
  const { stdout, stderr, status } = run([TSBOX, "--version"]);
  expect(stdout).toMatch(VERSION);
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
});

test.skipIf(process.arch !== "x64" || !existsSync(ARM64_LIBRARIES))(
  "the executable for arm64 starts under qemu",
  () => {
    const command = ["qemu-aarch64-static", "-L", ARM64_LIBRARIES, ARM64, "--version"];
    const { stdout, status } = run(command, { BUN_BE_BUN: "1" });
    expect(stdout).toMatch(VERSION);
    expect(status).toBe(0);
  },
);

test("the environment cannot make it another program or run code in it", () => {
  const trap = join(folder, "preloaded.ts");
  const mark = join(folder, "preloaded");
  writeFileSync(trap, `require("fs").writeFileSync(${JSON.stringify(mark)}, "ran");`);
  const env = { BUN_BE_BUN: "1", BUN_OPTIONS: `--preload=${trap}` };
  const { stdout, stderr } = run([TSBOX, "--version"], env);
  expect({ stderr, tsbox: VERSION.test(stdout) }).toEqual({ stderr: "", tsbox: true });
  expect(existsSync(mark)).toBe(false);
});

test("configuration files of Bun in the current folder are not read", () => {
  const trap = join(folder, "trap.ts");
  const mark = join(folder, "mark");
  writeFileSync(trap, `require("fs").writeFileSync(${JSON.stringify(mark)}, "ran");`);
  writeFileSync(join(folder, "bunfig.toml"), `preload = ["./trap.ts"]\n`);
  writeFileSync(join(folder, "package.json"), "{ not json");
  writeFileSync(join(folder, "tsconfig.json"), "{ not json");
  writeFileSync(join(folder, ".env"), `BUN_OPTIONS=--preload=${trap}\n`);
  const { stdout, stderr } = run([TSBOX, "--version"]);
  expect(stdout).toMatch(VERSION);
  expect(stderr).toBe("");
  expect(existsSync(mark)).toBe(false);
});

test("the kernel is asked for huge pages of the code", async () => {
  const child = Bun.spawn([TSBOX, "load"], { cwd: folder, env: { HOME: folder }, stdin: "pipe" });
  try {
    const advised = () =>
      /^[0-9a-f-]+ r-xp .*tsbox\n(?:.+\n)*?VmFlags: .* hg\b/m.test(
        readFileSync(`/proc/${child.pid}/smaps`, "utf8"),
      );
    for (let tries = 0; !advised() && tries < 500; tries++) await Bun.sleep(10);
    expect(advised()).toBe(true);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
});

test.skipIf(process.arch !== "x64")("--version alone starts without a compiler", () => {
  const starts = (...words: string[]) => {
    const { stdout, stderr } = run([TSBOX, ...words], { BUN_JSC_dumpOptions: "1" });
    const said = stdout + stderr;
    expect(said).toContain("thresholdForJITSoon=");
    return said.includes("useJIT=false");
  };
  expect([["--version"], ["-v"]].map((words) => starts(...words))).toEqual([true, true]);
  const others = [["--versions"], ["-vx"], ["--version", "x"], ["version"], ["-"], [""], []];
  expect(others.map((words) => starts(...words))).toEqual(others.map(() => false));
});

test("its bytecode is in a segment that is only read", () => {
  const bytes = new Uint8Array(readFileSync(TSBOX));
  const file = viewOf(bytes);
  const payload = namedSections(file, bytes).get(".bun");
  const loaded = segmentsOf(file).filter(({ type }) => type === PT.LOAD);
  const its = loaded.filter(({ offset, fileSize }) =>
    payload !== undefined && payload.offset >= offset && payload.offset < offset + fileSize
  );
  expect(its.map(({ flags, offset }) => [flags, offset])).toEqual([[
    PF.READ,
    payload?.offset ?? -1,
  ]]);
  const addresses = loaded.map(({ address }) => address);
  expect(addresses).toEqual(addresses.toSorted((a, b) => a - b));
});
