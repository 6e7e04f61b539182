/** Which functions `tsbox run` needs, so that their bytecode is laid out together, at the front. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Lets `executable` plan a container, with a home of its own in `folder`, and returns the profile that Bun
 * wrote of it; undefined when there is none. That the command works does not matter: a failing one is a
 * start as well, and a profile changes the order of the bytecode only.
 */
export function startProfile(executable: string, folder: string): string | undefined {
  const root = join(folder, "root");
  const profile = join(folder, "profile");
  mkdirSync(root);
  const flags = ["--rm", "--network", "none", "--debug-plan", "--rootfs", root];
  Bun.spawnSync([executable, "run", ...flags, "true"], {
    env: {
      HOME: folder,
      XDG_RUNTIME_DIR: folder,
      PATH: "/usr/bin:/bin",
      BUN_BYTECODE_ORDER_OUT: profile,
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    timeout: 10_000,
  });
  return existsSync(profile) && statSync(profile).size > 0 ? profile : undefined;
}
