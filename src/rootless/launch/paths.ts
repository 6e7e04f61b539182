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
  const steps: { parent: string; name: string }[] = [];
  let parent = "/";
  for (const name of path.split("/")) {
    if (name === "") continue;
    steps.push({ parent, name });
    parent = parent === "/" ? `/${name}` : `${parent}/${name}`;
  }
  return steps;
}

/** Ops that {@link opMakeDirectories} takes for each part of a path. */
const OPS_PER_DIRECTORY = 6;
/** Ops of {@link opReplaceLink}. */
const OPS_TO_REPLACE = 2;

/**
 * Makes the directory and its parents, each beneath a descriptor; what exists stays as it is. A link of
 * the image that leads nowhere is replaced: mkdir(2) does not follow it.
 */
function opMakeDirectories(program: Program, steps: ReturnType<typeof parentsOf>): void {
  const { arena } = program;
  const parent = program.register();
  const open = { flags: O.PATH | O.DIRECTORY, into: parent };
  for (const step of steps) {
    opOpen(program, `open "${step.parent}" in the container`, step.parent, open);
    const what = `make "${step.name}" in "${step.parent}"`;
    const name = arena.text(step.name);
    program.op(`look for "${step.name}"`, "faccessat", [parent, name, 0], {
      ignore: true,
      skip: OPS_TO_REPLACE + 1,
    });
    opReplaceLink(program, step.parent, step.name);
    program.op(what, "mkdirat", [parent, name, MKDIR_MODE], { ignore: true });
    program.op("close a directory", "close", [parent]);
  }
}

/**
 * Removes a link that leads nowhere, if it is in the root's own mount: one in a folder that the caller
 * has mounted is the caller's, and may well lead somewhere on the host.
 */
function opReplaceLink(program: Program, parent: string, name: string): void {
  const { arena } = program;
  const own = program.register();
  // No descriptor, and so no success below, when the folder cannot be opened; execve closes it.
  arena.setWord(own.register, -1);
  const resolve = RESOLVE.NO_XDEV;
  const open = { flags: O.PATH | O.DIRECTORY, resolve, into: own, ignore: true };
  opOpen(program, `open "${parent}" of the image`, parent, open);
  program.op(`replace "${name}"`, "unlinkat", [own, arena.text(name), 0], { ignore: true });
}

/** Opens a directory of the container, making it where it is missing. */
export function opEnsureDirectory(program: Program, path: string, into: Register): void {
  const flags = O.PATH | O.DIRECTORY;
  const steps = parentsOf(path);
  const skip = steps.length * OPS_PER_DIRECTORY + 1;
  opOpen(program, `open "${path}"`, path, { flags, into, ignore: true, skip });
  opMakeDirectories(program, steps);
  opOpen(program, `open "${path}" in the container`, path, { flags, into });
}

/**
 * Opens a file of the container as a mount target, making it (and its directory) where it is missing.
 * @param there directories that were made sure of before; this file's is added
 */
export function opEnsureFile(
  program: Program,
  path: string,
  into: Register,
  there: Set<string>,
): void {
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  const steps = there.has(folder) ? [] : parentsOf(folder);
  const skip = steps.length * OPS_PER_DIRECTORY + OPS_TO_REPLACE + 2;
  opOpen(program, `open "${path}"`, path, { into, ignore: true, skip });
  opMakeDirectories(program, steps);
  const flags = O.CREAT | O.RDONLY | O.NONBLOCK | O.NOCTTY;
  const create = { flags, mode: 0o644, into };
  opOpen(program, `make "${path}"`, path, { ...create, ignore: true, skip: OPS_TO_REPLACE + 1 });
  // A dangling link into a directory that is missing: the mount point takes the link's place.
  opReplaceLink(program, folder, path.slice(path.lastIndexOf("/") + 1));
  opOpen(program, `make "${path}" in the container`, path, create);
  there.add(folder);
}
