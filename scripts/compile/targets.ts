/** What tsbox is compiled for: Linux on x64 and arm64, with glibc and with musl. */

export interface Target {
  /** As in `--target` and in the name of the executable. */
  name: string;
  /** As Bun's compiler wants it. */
  bun: "bun-linux-x64" | "bun-linux-arm64" | "bun-linux-x64-musl" | "bun-linux-arm64-musl";
  /** The npm package that brings the Bun executable which becomes ours. */
  npmPackage: string;
}

export const targets: readonly Target[] = [
  { name: "linux-x64", bun: "bun-linux-x64", npmPackage: "@oven/bun-linux-x64" },
  { name: "linux-arm64", bun: "bun-linux-arm64", npmPackage: "@oven/bun-linux-aarch64" },
  { name: "linux-x64-musl", bun: "bun-linux-x64-musl", npmPackage: "@oven/bun-linux-x64-musl" },
  {
    name: "linux-arm64-musl",
    bun: "bun-linux-arm64-musl",
    npmPackage: "@oven/bun-linux-aarch64-musl",
  },
];

/** The targets that `--target NAME` means; throws for a name that is none. */
export function targetsNamed(name: string): readonly Target[] {
  if (name === "all") return targets;
  const target = targets.find((t) => t.name === name);
  if (target) return [target];
  const known = targets.map((t) => t.name).join(", ");
  throw new Error(`Unknown target "${name}"; it is one of ${known}, or all`);
}
