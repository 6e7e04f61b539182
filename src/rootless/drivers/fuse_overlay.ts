/**
 * A root filesystem by fuse-overlayfs, where the kernel's overlay cannot be used.
 *
 * The mount is made by us, detached from every mount namespace, and the daemon is given only its other
 * end. So it exists when we return, the daemon lives in no namespace that it keeps mounted itself, and
 * when the container and our descriptor are gone the kernel unmounts it and the daemon ends on its own.
 */
import { closeSync, openSync, readFileSync, realpathSync } from "node:fs";
import { Arena } from "../../ffi/arena.ts";
import { CLONE, MFD, O, PR, SIGKILL } from "../../ffi/constants.ts";
import { runProgram } from "../../ffi/executor.ts";
import { address, nulTerminated, sys } from "../../ffi/libc.ts";
import {
  ended,
  type Ending,
  errorOf,
  opClone,
  opDefaultSignals,
  opPlace,
  opStdio,
  sendSignal,
  waitBlocking,
} from "../../ffi/process.ts";
import { Program } from "../../ffi/program.ts";
import { TsboxError } from "../../errors.ts";
import type { UserNamespace } from "../user_namespace.ts";
import { opEnterUserNamespace } from "./enter_user_namespace.ts";
import { awaitFuseDaemon, type FuseMount, makeFuseMount } from "./fuse_mount.ts";
import type { LayeredRootfs } from "./rootfs.ts";

/** A root filesystem that a daemon serves. */
export interface FuseOverlay {
  /** The detached mount, close-on-exec, for move_mount(2) from a process in the user namespace. */
  mount: number;
  /** The daemon, a child of ours that dies with us. */
  pid: number;
  /**
   * Closes `mount` and waits until the daemon has ended; call it when the container is gone.
   * @param discard what was written is not wanted: the daemon is killed at once
   */
  stop(discard?: boolean): Promise<void>;
}

/** How long the daemon may take to write out what the container left, in milliseconds. */
const WRITE_TIMEOUT = 30_000;
const SIGTERM = 15;
/** First of the daemon's descriptors: the fuse device, then the layers. */
const FIRST_FD = 3;

/**
 * Starts fuse-overlayfs over the layers.
 * @param executable path of fuse-overlayfs
 * @throws TsboxError "host" with what the daemon said when it refuses
 */
export function mountFuseOverlay(
  userns: UserNamespace,
  rootfs: LayeredRootfs,
  executable: string,
): FuseOverlay {
  refuseColons([rootfs.upper, rootfs.work, ...rootfs.lower]);
  const fuse = makeFuseMount(userns);
  const said = messageFile();
  try {
    const pid = startDaemon(userns, fuse, rootfs, executable, said);
    awaitOrExplain(userns, fuse, pid, said);
    const exited = ended(pid);
    return { mount: fuse.mount, pid, stop: (discard) => stop(fuse.mount, pid, exited, discard) };
  } catch (error) {
    closeSync(fuse.mount);
    throw error;
  } finally {
    closeSync(said);
  }
}

/** What the daemon says goes to memory: a pipe could fill up, and our terminal is the container's. */
function messageFile(): number {
  const name = nulTerminated("fuse-overlayfs");
  return sys("make a memory file", "memfd_create", address(name), MFD.CLOEXEC);
}

function startDaemon(
  userns: UserNamespace,
  fuse: FuseMount,
  rootfs: LayeredRootfs,
  executable: string,
  said: number,
): number {
  const paths = [rootfs.upper, rootfs.work, ...rootfs.lower];
  const directories: number[] = [];
  const nothing = openSync("/dev/null", "r");
  try {
    for (const path of paths) directories.push(openSync(path, O.PATH | O.DIRECTORY));
    const program = daemonProgram(userns, executable, [nothing, said, said], [
      fuse.device,
      ...directories,
    ]);
    const pid = runProgram(program);
    const failure = program.failure();
    if (failure === undefined) return pid;
    if (pid > 0) waitBlocking(pid);
    throw errorOf(failure, "fuse-overlayfs");
  } finally {
    // With the device only in the daemon's hands, its death is the end of the mount and never a hang.
    for (const fd of [nothing, fuse.device, ...directories]) closeSync(fd);
  }
}

/** The daemon resolves what it is given and then splits it at colons; it has no way to quote one. */
function refuseColons(paths: readonly string[]): void {
  const path = paths.map((path) => realpathSync(path)).find((path) => path.includes(":"));
  if (path === undefined) return;
  throw new TsboxError("host", `Cannot mount "${path}" by fuse-overlayfs: the path has a colon`, {
    hint: "keep the store elsewhere ('--data-root'), or use another storage driver",
  });
}

/** @param files the fuse device, upper, work and the lower directories, topmost first */
function daemonProgram(
  userns: UserNamespace,
  executable: string,
  stdio: readonly number[],
  files: readonly number[],
): Program {
  const program = new Program(Arena.live());
  const { arena } = program;
  opClone(program, CLONE.VFORK);
  opEnterUserNamespace(program, userns);
  program.op("die with the parent", "prctl", [PR.SET_PDEATHSIG, SIGKILL]);
  // Ctrl-C is the container's to answer: the daemon has to outlive it.
  program.op("leave the terminal", "setsid");
  opStdio(program, stdio);
  opPlace(program, files.map((fd, i) => [fd, FIRST_FD + i]));
  program.op("close descriptors", "close_range", [FIRST_FD + files.length, 0xffff_ffff, 0]);
  opDefaultSignals(program);
  const argv = daemonArguments(files.length - 1);
  program.op(`execute ${executable}`, "execve", [
    arena.text(executable),
    arena.vector(argv),
    arena.vector(["PATH=/usr/bin:/bin"]),
  ]);
  return program;
}

/** By descriptors, because a path may contain the commas that separate options. */
function daemonArguments(directories: number): string[] {
  const path = (index: number) => `/proc/self/fd/${FIRST_FD + 1 + index}`;
  const lower = Array.from({ length: directories - 2 }, (_, i) => path(i + 2)).join(":");
  const options = `lowerdir=${lower},upperdir=${path(0)},workdir=${path(1)}`;
  return ["fuse-overlayfs", "-f", "-o", options, `/dev/fd/${FIRST_FD}`];
}

function awaitOrExplain(userns: UserNamespace, fuse: FuseMount, pid: number, said: number): void {
  try {
    awaitFuseDaemon(userns, fuse.mount);
  } catch (error) {
    sendSignal(pid, SIGKILL);
    waitBlocking(pid);
    const words = readFileSync(`/proc/self/fd/${said}`, "utf8").trim().split("\n").at(-1);
    throw new TsboxError("host", `Cannot mount by fuse-overlayfs: ${words || "it ended at once"}`, {
      cause: error,
      hint: "try --storage-driver=copy",
    });
  }
}

async function stop(
  mount: number,
  pid: number,
  exited: Promise<Ending>,
  discard = false,
): Promise<void> {
  closeSync(mount);
  if (discard) sendSignal(pid, SIGKILL);
  // Something else may hold the mount for ever, such as a process that joined the container's mounts.
  const timer = setTimeout(() => sendSignal(pid, SIGTERM), WRITE_TIMEOUT);
  await exited;
  clearTimeout(timer);
}
