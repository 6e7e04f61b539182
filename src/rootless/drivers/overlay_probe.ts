/** Whether the kernel's overlay works in the user namespace on the file system of the store. */
import { Arena } from "../../ffi/arena.ts";
import { AT_FDCWD, AT_REMOVEDIR, CLONE } from "../../ffi/constants.ts";
import { SyscallError } from "../../ffi/libc.ts";
import { listDirectory } from "../../ffi/listing.ts";
import { opClone } from "../../ffi/process.ts";
import { Program } from "../../ffi/program.ts";
import {
  changeMode,
  fileStatus,
  linkStatus,
  makeDirectory,
  readText,
  readTextIfAny,
  removeDirectory,
  rename,
  unlink,
  writeText,
} from "../../ffi/quick_files.ts";
import { randomBytes } from "../../ffi/random.ts";
import type { UserNamespace } from "../user_namespace.ts";
import { finish, opEnterUserNamespace, opOwnMounts } from "./enter_user_namespace.ts";

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
  const record = `${runtimeDir}/overlay-${fileStatus(directory)?.device}`;
  const kernel = readText("/proc/sys/kernel/osrelease");
  if (readTextIfAny(record) === kernel) return undefined;
  const obstacle = tryOverlay(userns, directory);
  if (obstacle === undefined) remember(record, kernel);
  return obstacle;
}

function remember(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    writeText(temporary, text, 0o600);
    rename(temporary, path);
  } catch {
    // Only a cache: the next command asks the kernel again.
  }
}

function tryOverlay(userns: UserNamespace, directory: string): string | undefined {
  const folder = `${directory}/overlay-${randomBytes(8).toHex()}`;
  makeDirectory(folder, 0o700);
  try {
    for (const name of ["lower", "upper", "work", "merged", "lower/a"]) {
      makeDirectory(`${folder}/${name}`, 0o755);
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
    if (linkStatus(path)?.isDirectory) {
      changeMode(path, 0o700);
      for (const { name } of listDirectory(path)) remove(`${path}/${name}`);
      removeDirectory(path);
    } else {
      unlink(path);
    }
  } catch {
    // The caller's directory is for things that whoever comes next may remove.
  }
}
