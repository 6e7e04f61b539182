/** What a source of machine code assembles to: for the tests that compare its bytes. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Assembles one of the sources beside this file for x86-64, by binutils.
 * @throws Error when it does not assemble, or only a linker could finish it
 */
export function assembledX64(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-as-"));
  const prefix = process.arch === "x64" ? "" : "x86_64-linux-gnu-";
  const run = (...command: string[]) => {
    const done = Bun.spawnSync(command);
    if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
    return done.stdout.toString();
  };
  const [object, binary] = [join(folder, "o"), join(folder, "bin")];
  try {
    run(`${prefix}as`, "-o", object, join(import.meta.dir, source));
    const relocations = run(`${prefix}objdump`, "-r", object).match(/^\d.*R_X86_64.*$/gm);
    if (relocations !== null) throw new Error(`${source} is not whole: ${relocations.join()}`);
    run(`${prefix}objcopy`, "-O", "binary", "-j", ".text", object, binary);
    return new Uint8Array(readFileSync(binary));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
