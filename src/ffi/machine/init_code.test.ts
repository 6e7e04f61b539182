import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Arch } from "../numbers.ts";
import { initCode } from "./init_code.ts";

const GNU_NAMES: Record<Arch, string> = { x64: "x86_64-linux-gnu-", arm64: "aarch64-linux-gnu-" };

function assembled(arch: Arch): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-as-"));
  const run = (...command: string[]) => {
    const done = Bun.spawnSync(command);
    if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
  };
  try {
    const prefix = process.arch === arch ? "" : GNU_NAMES[arch];
    run(`${prefix}as`, "-o", join(folder, "o"), join(import.meta.dir, `init_${arch}.s`));
    run(`${prefix}objcopy`, "-O", "binary", "-j", ".text", join(folder, "o"), join(folder, "bin"));
    return new Uint8Array(readFileSync(join(folder, "bin")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const arch of ["x64", "arm64"] as const) {
  test(`the ${arch} init's bytes are what its source assembles to`, () => {
    expect(initCode(arch).toHex()).toBe(assembled(arch).toHex());
  });
}
