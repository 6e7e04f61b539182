/** Opening and making paths of the container, without following a link out of it. */
import { AT_FDCWD, O, RESOLVE } from "../../ffi/constants.ts";
import type { Program, Register } from "../../ffi/program.ts";

const OPEN_HOW_SIZE = 24;
const MKDIR_MODE = 0o755;

/** How {@link opOpen} opens. */
export interface OpenOptions {
  flags?: number;
  mode?: number;
  /** RESOLVE bits beside NO_MAGICLINKS. */
  resolve?: number;
  into: Register;
  ignore?: boolean;
  /** Ops to skip after a success. */
  skip?: number;
}

/**
 * Opens a path of the container. Symbolic links are the image's business as long as they stay in its
 * root, which is ours by now; links of /proc to open descriptors (magic links) could lead out.
 */
export function opOpen(program: Program, what: string, path: string, options: OpenOptions): void {
  const { flags = O.PATH, mode = 0, resolve = 0, into, ignore = false, skip = 0 } = options;
  const { arena } = program;
  const how = arena.words([flags | O.CLOEXEC, mode, resolve | RESOLVE.NO_MAGICLINKS]);
  const args = [AT_FDCWD, arena.text(path), how, OPEN_HOW_SIZE];
  program.op(what, "openat2", args, { into, ignore, skip });
}

/** `/` with `a`, `/a` with `b`, `/a/b` with `c`, for `/a/b/c`: what mkdir -p walks. */
export function parentsOf(path: string): { parent: string; name: string }[] {
  const names = path.split("/").filter((name) => name !== "");
  return names.map((name, i) => ({ parent: `/${names.slice(0, i).join("/")}`, name }));
}

/** Ops that {@link opMakeDirectories} takes for each part of a path. */
const OPS_PER_DIRECTORY = 5;

/**
 * Makes the directory and its parents, each beneath a descriptor; what exists stays as it is. A link that
 * leads nowhere is replaced: mkdir(2) does not follow it.
 */
function opMakeDirectories(program: Program, path: string): void {
  const { arena } = program;
  const parent = program.register();
  const open = { flags: O.PATH | O.DIRECTORY, into: parent };
  for (const step of parentsOf(path)) {
    opOpen(program, `open "${step.parent}" in the container`, step.parent, open);
    const what = `make "${step.name}" in "${step.parent}"`;
    const name = arena.text(step.name);
    program.op(`look for "${step.name}"`, "faccessat", [parent, name, 0], {
      ignore: true,
      skip: 2,
    });
    program.op(`replace "${step.name}"`, "unlinkat", [parent, name, 0], { ignore: true });
    program.op(what, "mkdirat", [parent, name, MKDIR_MODE], { ignore: true });
    program.op("close a directory", "close", [parent]);
  }
}

/** Opens a directory of the container, making it where it is missing. */
export function opEnsureDirectory(program: Program, path: string, into: Register): void {
  const open = { flags: O.PATH | O.DIRECTORY, into };
  const steps = parentsOf(path).length * OPS_PER_DIRECTORY + 1;
  opOpen(program, `open "${path}"`, path, { ...open, ignore: true, skip: steps });
  opMakeDirectories(program, path);
  opOpen(program, `open "${path}" in the container`, path, open);
}

/** Opens a file of the container as a mount target, making it (and its directory) where it is missing. */
export function opEnsureFile(program: Program, path: string, into: Register): void {
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  const steps = parentsOf(folder).length * OPS_PER_DIRECTORY + 3;
  opOpen(program, `open "${path}"`, path, { into, ignore: true, skip: steps });
  opMakeDirectories(program, folder);
  const flags = O.CREAT | O.RDONLY | O.NONBLOCK | O.NOCTTY;
  const create = { flags, mode: 0o644, into };
  opOpen(program, `make "${path}"`, path, { ...create, ignore: true, skip: 2 });
  // A dangling link into a directory that is missing: the mount point takes the link's place.
  const args = [AT_FDCWD, program.arena.text(path), 0];
  program.op(`replace "${path}"`, "unlinkat", args, { ignore: true });
  opOpen(program, `make "${path}" in the container`, path, create);
}
