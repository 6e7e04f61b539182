/** Whether the kernel's overlay works in the user namespace on the file system of the store. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { Arena } from "../../ffi/arena.ts";
import { AT_FDCWD, CLONE } from "../../ffi/constants.ts";
import { SyscallError } from "../../ffi/libc.ts";
import { opClone } from "../../ffi/process.ts";
import { Program } from "../../ffi/program.ts";
import type { UserNamespace } from "../user_namespace.ts";
import { finish, opEnterUserNamespace, opOwnMounts } from "./enter_user_namespace.ts";

const AT_REMOVEDIR = 0x200;
// Without `volatile` the unmount would write the whole file system of the store to disk.
const OPTIONS = "lowerdir=lower,upperdir=upper,workdir=work,userxattr,volatile";

/**
 * Why the overlay does not work there, or undefined when it does. A positive answer is remembered until
 * the next boot or another kernel.
 * @param directory ours, on the file system of the store
 * @param runtimeDir where a file remembers the answer
 */
export function overlayObstacle(
  userns: UserNamespace,
  directory: string,
  runtimeDir: string,
): string | undefined {
  const record = `${runtimeDir}/overlay-${statSync(directory).dev}`;
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8");
  if (recorded(record) === kernel) return undefined;
  const obstacle = tryOverlay(userns, directory);
  if (obstacle === undefined) remember(record, kernel);
  return obstacle;
}

function recorded(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function remember(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  } catch {
    // Only a cache: the next command asks the kernel again.
  }
}

function tryOverlay(userns: UserNamespace, directory: string): string | undefined {
  const folder = mkdtempSync(`${directory}/overlay-`);
  try {
    for (const name of ["lower", "upper", "work", "merged", "lower/a"]) {
      mkdirSync(`${folder}/${name}`);
    }
    finish(probeProgram(userns, folder), "trying overlay");
    return undefined;
  } catch (error) {
    if (error instanceof SyscallError) return error.message;
    throw error;
  } finally {
    remove(folder);
  }
}

/**
 * That the mount succeeds does not say that it works: NFS and some others fail only when a directory is
 * replaced, which takes a whiteout and an extended attribute of the upper file system.
 */
function probeProgram(userns: UserNamespace, folder: string): Program {
  const program = new Program(Arena.live());
  const { arena } = program;
  const [overlay, merged, inner] = [
    arena.text("overlay"),
    arena.text("merged"),
    arena.text("merged/a"),
  ];
  opClone(program, CLONE.VFORK);
  opEnterUserNamespace(program, userns);
  opOwnMounts(program);
  program.op(`enter "${folder}"`, "chdir", [arena.text(folder)]);
  const mount = [overlay, merged, overlay, 0, arena.text(OPTIONS)];
  program.op("mount overlay", "mount", mount);
  program.op("remove a directory in an overlay", "unlinkat", [AT_FDCWD, inner, AT_REMOVEDIR]);
  program.op("make a directory in an overlay", "mkdirat", [AT_FDCWD, inner, 0o755]);
  program.op("unmount overlay", "umount2", [merged, 0]);
  program.op("exit", "exit_group", [0]);
  return program;
}

/** Removes what overlayfs made, which is ours but of mode 000; what cannot be removed may stay there. */
function remove(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) {
      chmodSync(path, 0o700);
      for (const name of readdirSync(path)) remove(`${path}/${name}`);
      rmdirSync(path);
    } else {
      unlinkSync(path);
    }
  } catch {
    // The caller's directory is for things that whoever comes next may remove.
  }
}
