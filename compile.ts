/**
 * Builds the executable: dist/tsbox for this machine, or with `--target NAME|all` dist/tsbox-NAME for
 * linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl. Prints the size, and the start-up time of what
 * this machine can start.
 */
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bunExecutable } from "./scripts/compile/bun_executable.ts";
import { bundleModules } from "./scripts/compile/bundle_modules.ts";
import { sourceHash, sourceRevision } from "./scripts/compile/source_revision.ts";
import { addStartCode } from "./scripts/compile/start_code.ts";
import { startProfile } from "./scripts/compile/start_profile.ts";
import { type Target, targetsNamed } from "./scripts/compile/targets.ts";

const ROOT = import.meta.dir;
const START_UPS = 30;

/** Where Bun executables of other machines are kept between builds. */
function cacheDir(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tsbox-build");
}

/** `linux-x64` or `linux-arm64`, with glibc: that is what the pinned Bun we run in is. */
function thisMachine(): string {
  return `linux-${process.arch}`;
}

/** What a build is made from: the program's first module, and what belongs at the front of its bytecode. */
interface Program {
  entry: string;
  profile: string | undefined;
}

/** A build for this machine is made and run first, to learn what its profile is. */
async function withProgram(use: (program: Program) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-build-"));
  const [machine] = targetsNamed(thisMachine());
  try {
    const entry = await bundleModules(ROOT, folder, await definitions());
    const executable = join(folder, "tsbox");
    if (machine) await bundle(machine, executable, { entry, profile: undefined });
    await use({ entry, profile: machine && startProfile(executable, folder) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is only known when it is built. */
async function definitions(): Promise<Record<string, string>> {
  const { version } = await Bun.file(join(ROOT, "package.json")).json();
  return {
    TSBOX_VERSION: JSON.stringify(version),
    TSBOX_COMMIT: JSON.stringify(sourceRevision(ROOT)),
    TSBOX_SOURCES: JSON.stringify(await sourceHash(ROOT)),
  };
}

/** Writes `dist/NAME` whole or not at all: others may be running the one that is there. */
async function compile(target: Target, name: string, program: Program): Promise<string> {
  const outfile = join(ROOT, "dist", name);
  const temporary = `${outfile}.${process.pid}.tmp`;
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  try {
    await bundle(target, temporary, program);
    if (!addStartCode(temporary)) process.stdout.write(`${name}: without start code\n`);
    chmodSync(temporary, 0o755);
    renameSync(temporary, outfile);
  } finally {
    rmSync(temporary, { force: true });
  }
  return outfile;
}

async function bundle(target: Target, outfile: string, program: Program): Promise<void> {
  await Bun.build({
    entrypoints: [program.entry],
    target: "bun",
    // All three are start-up time: loading code is most of what a short command does.
    minify: true,
    bytecode: true,
    splitting: true,
    format: "esm",
    compile: {
      target: target.bun,
      executablePath: await bunExecutable(target, ROOT, cacheDir()),
      outfile,
      bytecodeOrder: program.profile ?? false,
      // The folder a user happens to be in must not change, or run code in, the engine.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
}

/** Median over START_UPS runs of `--version`, in milliseconds. */
function startUpTime(executable: string): number {
  const times: number[] = [];
  for (let i = 0; i < START_UPS; i++) {
    const start = performance.now();
    const done = Bun.spawnSync([executable, "--version"], { stdout: "ignore", stderr: "inherit" });
    times.push(performance.now() - start);
    if (!done.success) throw new Error(`${executable} --version does not work`);
  }
  return times.sort((a, b) => a - b)[START_UPS / 2] ?? 0;
}

function report(executable: string, starts: boolean): void {
  const megabytes = (statSync(executable).size / 1e6).toFixed(1);
  const start = starts ? `, starts in ${startUpTime(executable).toFixed(1)} ms` : "";
  process.stdout.write(`${executable.slice(ROOT.length + 1)}: ${megabytes} MB${start}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { target: { type: "string" } } });
  const targets = targetsNamed(values.target ?? thisMachine());
  await withProgram(async (program) => {
    for (const target of targets) {
      const name = values.target === undefined ? "tsbox" : `tsbox-${target.name}`;
      report(await compile(target, name, program), target.name === thisMachine());
    }
  });
}

try {
  await main();
} catch (thrown) {
  process.stderr.write(`compile: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  if (thrown instanceof AggregateError) {
    for (const error of thrown.errors) process.stderr.write(`${error}\n`);
  }
  process.exitCode = 1;
}
