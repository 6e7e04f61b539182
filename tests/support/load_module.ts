/** Modules that a test has as text. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the JavaScript module `text` exports. */
export async function loadModule(text: string) {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-module-"));
  try {
    const path = join(folder, "module.mjs");
    await Bun.write(path, text);
    return await import(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
