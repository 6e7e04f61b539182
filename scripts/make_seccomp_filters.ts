/**
 * Compiles the default seccomp profile for the capability sets that nearly every container has, so
 * that `run` need not: writes src/rootless/seccomp/default_filter.ts. Run after changing the profile,
 * the compiler or a table of system calls; a test compares.
 */
import { join } from "node:path";
import { compileSeccomp } from "../src/rootless/seccomp/compile.ts";
import { DEFAULT_PROFILE } from "../src/rootless/seccomp/default_profile.ts";
import { selectProfile } from "../src/rootless/seccomp/profile.ts";
import { relevantCapabilities } from "../src/rootless/seccomp/relevant.ts";

/** Of the relevant capabilities docker's defaults have the first; `--cap-drop ALL` leaves none. */
const SETS = [["CAP_SYS_CHROOT"], []];
/** Every kernel with rootless overlay is newer than any the profile asks about. */
const KERNEL = "5.11";
const WIDTH = 92;

function base64Lines(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("base64");
  const lines = text.match(new RegExp(`.{1,${WIDTH}}`, "g")) ?? [];
  return lines.map((line) => `      "${line}"`).join(" +\n");
}

function entry(arch: "x64" | "arm64", caps: readonly string[]): string {
  const profile = selectProfile(DEFAULT_PROFILE, { caps, arch, kernel: KERNEL });
  return `    "${caps.join(" ")}":\n${base64Lines(compileSeccomp(profile, arch))},\n`;
}

function source(): string {
  const tables = (["x64", "arm64"] as const).map((arch) =>
    `  ${arch}: {\n${SETS.map((caps) => entry(arch, caps)).join("")}  },\n`
  );
  return [
    "/** Made by scripts/make_seccomp_filters.ts; do not edit. */",
    'import type { Arch } from "../../ffi/numbers.ts";',
    "",
    "/** Capabilities that the default profile asks about. */",
    `export const RELEVANT_CAPABILITIES: readonly string[] = ${
      JSON.stringify(relevantCapabilities())
    };`,
    "",
    "/** The default filter in base64, by machine and by which relevant capabilities are there. */",
    "export const DEFAULT_FILTERS: Readonly<Record<Arch, Readonly<Record<string, string>>>> = {",
    `${tables.join("")}};`,
    "",
  ].join("\n");
}

const path = join(import.meta.dir, "../src/rootless/seccomp/default_filter.ts");
await Bun.write(path, source());
