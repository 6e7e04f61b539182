/** What is baked into the executable of what it is made of: its commit, and what tells it from any other. */

import { stat } from "node:fs/promises";
import { join } from "node:path";

/** What the executable is made of; a change elsewhere, such as in the docs, does not make it another one. */
const INPUTS = ["src", "compile.ts", "scripts/compile", "package.json", "package-lock.json"];

/**
 * The short hash of the commit in `root`, with `-dirty` when what is compiled differs from it;
 * `unknown` outside a git checkout.
 */
export function sourceRevision(root: string): string {
  const head = git(root, "rev-parse", "--short=7", "HEAD");
  if (head === undefined) return "unknown";
  const changed = git(root, "status", "--porcelain", "--", ...INPUTS);
  return changed === "" ? head : `${head}-dirty`;
}

/** What tells the sources in `root` from any others, committed or not; a hash. */
export async function sourceHash(root: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const path of await inputFiles(root)) {
    hash.update(`${path}\0`).update(await Bun.file(join(root, path)).bytes());
  }
  return hash.digest("hex").slice(0, 16);
}

async function inputFiles(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const input of INPUTS) {
    const folder = (await stat(join(root, input))).isDirectory();
    const all = new Bun.Glob(folder ? `${input}/**/*` : input).scan({ cwd: root });
    found.push(...await Array.fromAsync(all));
  }
  return found.sort();
}

function git(root: string, ...args: string[]): string | undefined {
  if (Bun.which("git") === null) return undefined;
  // The tree may belong to another user (root builds, an ordinary user owns it), and nothing is run from it.
  const done = Bun.spawnSync(["git", "-c", "safe.directory=*", ...args], {
    cwd: root,
    env: { ...process.env, GIT_OPTIONAL_LOCKS: "0" },
    stderr: "ignore",
  });
  return done.success ? done.stdout.toString().trim() : undefined;
}
