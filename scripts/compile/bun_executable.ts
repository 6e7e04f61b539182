/** Finds the pinned Bun executable for a target: in node_modules, in a cache, or by asking npm. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "./targets.ts";

interface LockedPackage {
  version: string;
  integrity: string;
}

/**
 * The path of the Bun executable that becomes tsbox on `target`.
 *
 * A package that npm did not install, because it is for another machine, is fetched into `cacheDir` and
 * must have the checksum that package-lock.json has for it. Throws when it cannot be had or differs.
 */
export async function bunExecutable(
  target: Target,
  root: string,
  cacheDir: string,
): Promise<string> {
  const installed = join(root, "node_modules", target.npmPackage, "bin/bun");
  if (existsSync(installed)) return installed;
  const locked = await lockedPackage(target, root);
  const cached = join(cacheDir, `${target.name}-${locked.version}`);
  const executable = join(cached, "package/bin/bun");
  if (!existsSync(executable)) await fetchInto(cached, cacheDir, target, locked);
  return executable;
}

async function lockedPackage(target: Target, root: string): Promise<LockedPackage> {
  const lock = await Bun.file(join(root, "package-lock.json")).json();
  const found = lock.packages?.[`node_modules/${target.npmPackage}`];
  if (typeof found?.version !== "string" || typeof found.integrity !== "string") {
    throw new Error(`package-lock.json has no version and checksum of ${target.npmPackage}`);
  }
  return { version: found.version, integrity: found.integrity };
}

/** The folder gets its name last, so that a cut-off download is never taken for a whole one. */
async function fetchInto(
  folder: string,
  cacheDir: string,
  target: Target,
  locked: LockedPackage,
): Promise<void> {
  mkdirSync(cacheDir, { recursive: true });
  const temporary = mkdtempSync(join(cacheDir, "fetch-"));
  try {
    const archive = npmPack(`${target.npmPackage}@${locked.version}`, temporary);
    await checkIntegrity(archive, locked.integrity);
    run(["tar", "-xzf", archive, "package/bin/bun"], temporary);
    rmSync(archive);
    if (!existsSync(folder)) renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function npmPack(specifier: string, into: string): string {
  run(["npm", "pack", "--silent", "--ignore-scripts", specifier], into);
  const [name] = [...new Bun.Glob("*.tgz").scanSync(into)];
  if (name === undefined) throw new Error(`npm pack ${specifier} left no archive`);
  return join(into, name);
}

async function checkIntegrity(archive: string, integrity: string): Promise<void> {
  const hash = new Bun.CryptoHasher("sha512").update(await Bun.file(archive).bytes());
  const actual = `sha512-${hash.digest("base64")}`;
  if (actual !== integrity) {
    throw new Error(`${archive} has the checksum ${actual}, package-lock.json says ${integrity}`);
  }
}

function run(command: string[], cwd: string): void {
  const done = Bun.spawnSync(command, { cwd, stdout: "ignore", stderr: "pipe" });
  if (!done.success) throw new Error(`${command.join(" ")}: ${done.stderr.toString().trim()}`);
}
