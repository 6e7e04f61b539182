/**
 * The first process of a running container, seen from outside: its namespaces, and files in its root.
 *
 * The container is not trusted and goes on meanwhile. A pid is only a number until a descriptor holds the
 * process; what is opened below /proc/PID counts once that descriptor says that the process still lives.
 */
import { Arena, mapMemory } from "../ffi/arena.ts";
import { CLONE, O, RESOLVE, S_IFMT, S_IFREG } from "../ffi/constants.ts";
import { ERRNO } from "../ffi/errno.ts";
import { runProgram } from "../ffi/executor.ts";
import { address, nulTerminated, raw, view } from "../ffi/libc.ts";
import { opClone, waitBlocking } from "../ffi/process.ts";
import { Program } from "../ffi/program.ts";
import { closeFile, isErrno, openFile, openFileStatus, readText } from "../ffi/quick_files.ts";
import type { UserFiles } from "../container/user.ts";
import type { SpecIdMapping } from "../oci/runtime_spec.ts";
import { TsboxError } from "../errors.ts";
import { parseIdMap } from "./id_map.ts";
import { MAX_USER_FILE, tooLargeUserFile } from "./launch/user_files.ts";

/** ioctl of a user namespace's descriptor: a descriptor of the one it was made in. */
const NS_GET_PARENT = 0xb702;
/** The kernel nests no deeper. */
const MAX_DEPTH = 33;
const OPEN_HOW_SIZE = 24;

/** All descriptors are close-on-exec and the caller's to {@link closeContainerProcess}. */
export interface ContainerProcess {
  pid: number;
  /** pidfd of the first process. */
  handle: number;
  /** The container's user namespace, also when its first process has gone into one of its own. */
  userns: number;
  /** O_PATH: the root directory the first process has. */
  root: number;
  uids: SpecIdMapping[];
  gids: SpecIdMapping[];
}

/**
 * Opens the first process of a container of ours.
 * @param isIt whether the pid is (still) the container's; asked when it can no longer become another's unnoticed
 * @returns undefined when it has ended
 * @throws SyscallError, or TsboxError "host" when it is in no user namespace made by us
 */
export function openContainerProcess(
  pid: number,
  isIt: () => boolean,
): ContainerProcess | undefined {
  const handle = raw("pidfd_open", pid, 0);
  if (handle < 0) return undefined;
  const opened = [handle];
  try {
    if (!isIt()) return closeAll(opened);
    const { fd: userns, below } = userNamespaceOf(pid);
    opened.push(userns);
    const root = openFile(`/proc/${pid}/root`, O.PATH | O.DIRECTORY);
    opened.push(root);
    const map = (name: string) =>
      parseIdMap(below ? readOwnFile(userns, name) : readText(`/proc/${pid}/${name}`));
    const [uids, gids] = [map("uid_map"), map("gid_map")];
    if (!lives(handle)) return closeAll(opened);
    return { pid, handle, userns, root, uids, gids };
  } catch (error) {
    const alive = lives(handle);
    closeAll(opened);
    // What was looked for below /proc goes away with the process: some of it before that counts as ended.
    if (!alive || isErrno(error, ERRNO.ENOENT)) return undefined;
    throw error;
  }
}

/** Closes its descriptors. */
export function closeContainerProcess({ handle, userns, root }: ContainerProcess): void {
  closeAll([handle, userns, root]);
}

function closeAll(descriptors: readonly number[]): undefined {
  for (const fd of descriptors) closeFile(fd);
  return undefined;
}

function lives(handle: number): boolean {
  return raw("pidfd_send_signal", handle, 0, 0, 0) !== -ERRNO.ESRCH;
}

/**
 * The ancestor (or own) user namespace of a process that was made in ours: a privileged container may make
 * others below it, whose ids mean what it wants. Tells whether the process is in one of those.
 */
function userNamespaceOf(pid: number): { fd: number; below: boolean } {
  const own = inodeOf(openFile("/proc/self/ns/user", O.RDONLY), true);
  let fd = openFile(`/proc/${pid}/ns/user`, O.RDONLY);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const parent = raw("ioctl", fd, NS_GET_PARENT, 0);
    if (parent < 0) break;
    if (inodeOf(parent, false) === own) {
      closeFile(parent);
      return { fd, below: depth > 0 };
    }
    closeFile(fd);
    fd = parent;
  }
  closeFile(fd);
  throw new TsboxError("host", `Cannot enter process ${pid}: it is in no user namespace of ours`, {
    hint: "was the container started by the same user, on the same host?",
  });
}

function inodeOf(fd: number, close: boolean): number {
  const inode = openFileStatus(fd)?.inode ?? 0;
  if (close) closeFile(fd);
  return inode;
}

/**
 * The container's passwd and group, as they are now.
 * @throws TsboxError "limit-exceeded" for absurd files
 */
export function readUserFiles(container: ContainerProcess): UserFiles {
  return { passwd: userFile(container, "passwd"), group: userFile(container, "group") };
}

function userFile(container: ContainerProcess, name: string): string {
  const path = nulTerminated(`/etc/${name}`);
  const fd = openInRoot(container.root, path);
  // Only its own users may see it: then one of them has to read it.
  if (fd === -ERRNO.EACCES) {
    const { bytes, length } = readInside(container.userns, container.root, `/etc/${name}`);
    return textOf(bytes, length, name);
  }
  if (fd < 0) return "";
  try {
    const { mode = 0, size = 0 } = openFileStatus(fd) ?? {};
    if ((mode & S_IFMT) !== S_IFREG) return "";
    const buffer = new Uint8Array(Math.min(size, MAX_USER_FILE));
    return textOf(buffer, raw("read", fd, address(buffer), buffer.length), name);
  } finally {
    closeFile(fd);
  }
}

/** No link leads out of the root, and no file makes us wait. Returns a descriptor or `-errno`. */
function openInRoot(root: number, path: Uint8Array): number {
  return raw("openat2", root, address(path), address(openHow()), OPEN_HOW_SIZE);
}

function openHow(): BigUint64Array {
  const flags = O.RDONLY | O.NONBLOCK | O.NOCTTY | O.CLOEXEC;
  return new BigUint64Array([
    BigInt(flags),
    0n,
    BigInt(RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS),
  ]);
}

function textOf(bytes: Uint8Array, length: number, name: string): string {
  if (length >= MAX_USER_FILE) throw tooLargeUserFile(name);
  return length <= 0 ? "" : new TextDecoder().decode(bytes.subarray(0, length));
}

/** A file of /proc/self as a process in a user namespace has it. */
function readOwnFile(userns: number, name: string): string {
  const proc = openFile("/proc", O.PATH | O.DIRECTORY);
  const { bytes, length } = readInside(userns, proc, `/self/${name}`);
  closeFile(proc);
  return textOf(bytes, length, name);
}

/** Reads a file beneath `root` by a process that is root of the user namespace. Length 0: it cannot be read. */
function readInside(
  userns: number,
  root: number,
  path: string,
): { bytes: Uint8Array; length: number } {
  const program = new Program(Arena.live());
  const { arena } = program;
  const [file, length] = [program.register(), program.register()];
  const at = mapMemory(MAX_USER_FILE);
  const how = arena.words([...openHow()].map(Number));
  opClone(program, CLONE.VFORK);
  program.op("join the user namespace", "setns", [userns, CLONE.NEWUSER]);
  const open = [root, arena.text(path), how, OPEN_HOW_SIZE];
  program.op(`open "${path}"`, "openat2", open, { into: file });
  program.op(`read "${path}"`, "read", [file, at, MAX_USER_FILE], { into: length });
  program.op("exit", "exit_group", [0]);
  const reader = runProgram(program);
  if (reader > 0) waitBlocking(reader);
  return { bytes: view(at, MAX_USER_FILE), length: arena.word(length.register) };
}
