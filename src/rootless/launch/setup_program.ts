/**
 * From our process to a container's file system, as one syscall program in three parts: the child runs each
 * while we write the next one.
 *
 * Two processes run it: the first joins the user namespace and makes the second, in the container's
 * other namespaces and as a child of ours (CLONE_PARENT), and ends. The second mounts, waits for the word
 * to go, and executes the stub.
 */
import { AT_EMPTY_PATH, CLONE, MS, O, PR, SIGKILL } from "../../ffi/constants.ts";
import { Arena } from "../../ffi/arena.ts";
import { ARCH } from "../../ffi/numbers.ts";
import {
  CLONE_ARGS_SIZE,
  cloneArgs,
  opClone,
  opPlace,
  opStdio,
  type Placing,
} from "../../ffi/process.ts";
import { Program, type Register } from "../../ffi/program.ts";
import { type LaunchNotes, launchNotes } from "../../container/annotations.ts";
import type { NamespaceType, RuntimeSpec, SpecMount, SpecProcess } from "../../oci/runtime_spec.ts";
import {
  hasNamespace,
  namespaceFlags,
  opLoopbackUp,
  opOwnKeyring,
  opSysctls,
} from "./namespace_ops.ts";
import {
  type KnownDirectories,
  opBindDevice,
  opDeviceLinks,
  opMakeKernelMount,
  opMask,
  opMount,
  opOpenDevice,
  opOpenSource,
  opReadOnly,
  type PreparedDevice,
  type PreparedMount,
} from "./mount_ops.ts";
import { opEnsureDirectory, opOpen } from "./paths.ts";
import { opMountRootfs, opPivot, opReadOnlyRoot, type Rootfs } from "./rootfs_ops.ts";
import { STUB_FD } from "./stub.ts";
import { MAX_USER_FILE } from "./user_files.ts";
import { opTerminal, type TerminalSize } from "./terminal_ops.ts";

/** What the first part of the program is made from: known as soon as the options are. */
export interface BeginInput {
  /** Descriptor of the user namespace. */
  userns: number;
  /** Those to make; a type that is missing is shared with the caller. */
  namespaces: readonly NamespaceType[];
  /** The child's end of the channel, and ours, which it closes. */
  channel: { ours: number; theirs: number };
  /** Descriptor of the directory of the container's control group. */
  cgroup?: number | undefined;
}

/** What of a spec the second part is made from: not what is executed, so that many commands have the same one. */
export type SetupSpec = Omit<RuntimeSpec, "process"> & { process: Pick<SpecProcess, "cwd"> };

/**
 * What the second part is made from, and nothing else: all of it is in the question that a kept one is found by.
 * So the ops are pure, and whoever needs a fact of the host or of ourselves puts it here.
 */
export interface SetupInput {
  spec: SetupSpec;
  rootfs: Rootfs;
  /** For each mount of the spec whether it is a bind of a directory. */
  directories: readonly boolean[];
  /** The command could use the keys of the caller's session. */
  ownKeyring: boolean;
  /** The child's end of the channel. */
  channel: number;
  /** Descriptor of the stub's memfd; the parent fills it before it says go. */
  stub: number;
  /** Descriptor of the init's memfd. */
  init: number | undefined;
  /** Standard descriptors of the container; with a terminal they are replaced. */
  stdio: readonly [number, number, number];
  terminal: TerminalSize | undefined;
}

/** The first part, and where the host pid of the container's first process is found. */
export interface Beginning {
  program: Program;
  pid: Register;
}

/** The places in the program's memory where the parent reads what the second part found. */
export interface UserFileCopies {
  passwd: FileCopy;
  group: FileCopy;
}

/** A file's contents in the program's memory. */
export interface FileCopy {
  at: number;
  /** Bytes; 0 when there is no such file. */
  length: Register;
}

/** Ops that a program may have; each mount takes about ten. */
const ROOM = 4000;

/** Where programs are where that is free, so that one that was kept fits: Linux puts nothing there by itself. */
export const PLACE = 0x10_0000_0000;

/**
 * The part up to new namespaces. The child then waits: the kernel makes them while we find out what is
 * to be in them.
 */
export function beginProgram({ userns, namespaces, channel, cgroup }: BeginInput): Beginning {
  const program = new Program(Arena.liveAt(PLACE, 2 * MAX_USER_FILE), ARCH, ROOM);
  const pid = program.register();
  const flags = CLONE.VM + CLONE.PARENT + namespaceFlags(namespaces);
  // Already its maker is in the group: a new cgroup namespace shows what its maker is in as the top.
  opClone(program, 0, cgroup);
  program.op("join the user namespace", "setns", [userns, CLONE.NEWUSER]);
  // No exit signal: with CLONE_PARENT the child has that of its maker, which is SIGCHLD to us.
  const args = cloneArgs(program.arena, flags, 0);
  program.op("make the container's namespaces", "clone3", [args, CLONE_ARGS_SIZE], {
    fork: "exit",
    into: pid,
  });
  program.op("die with the parent", "prctl", [PR.SET_PDEATHSIG, SIGKILL]);
  program.op("close the other side", "close", [channel.ours]);
  program.op("lead a session", "setsid");
  // What does not depend on the root, while nothing else can be done.
  if (namespaces.includes("network")) opLoopbackUp(program);
  opAwait(program, "wait for the rest of the program", channel.theirs);
  return { program, pid };
}

/** The end of the channel in place of a byte: the parent is gone. */
function opAwait(program: Program, what: string, channel: number): void {
  program.op(what, "read", [channel, program.arena.reserve(8), 1], { nonzero: true });
}

/** What the root's part leaves for the mounts in it. */
export interface RootPart extends UserFileCopies {
  prepared: PreparedSources;
}

/** Appends the part up to the container's root file system with the image's user files; then it waits again. */
export function rootOps(program: Program, input: SetupInput): RootPart {
  const { spec } = input;
  // A bind that is to see later mounts of the host must be opened while we still do.
  const following = spec.linux.rootfsPropagation !== undefined;
  if (!following) opPrivateMounts(program);
  const prepared = opPrepareMounts(program, input);
  if (following) opPrivateMounts(program);
  opPivot(program, opMountRootfs(program, input.rootfs, firstFree(input, prepared)));
  const passwd = opReadFile(program, "/etc/passwd");
  const group = opReadFile(program, "/etc/group");
  const ready = program.arena.text("r");
  program.op("say that the root is there", "write", [input.channel, ready, 1]);
  opAwait(program, "wait for the rest of the mounts", input.channel);
  return { passwd, group, prepared };
}

/** Appends the part that mounts the rest and waits to execute the stub. */
export function setupOps(program: Program, input: SetupInput, { prepared }: RootPart): void {
  const { spec } = input;
  opFileSystems(program, input, prepared);
  if (spec.hostname !== undefined && hasNamespace(spec, "uts")) {
    opHostname(program, spec.hostname);
  }
  if (input.ownKeyring) opOwnKeyring(program);
  opWorkingDirectory(program, spec.process.cwd);
  if (spec.root.readonly) opReadOnlyRoot(program);
  opStandardDescriptors(program, input);
  opExecuteStub(program, input);
}

/** Above the caller's descriptors that we need, and those that were opened since. */
function firstFree(
  { channel, stub, init = 0, stdio }: SetupInput,
  { mounts, devices }: PreparedSources,
): number {
  return Math.max(channel, stub, init, ...stdio) + mounts.length + devices.length + 100;
}

function opPrivateMounts(program: Program): void {
  const args = [0, program.arena.text("/"), 0, MS.REC | MS.PRIVATE, 0];
  program.op("make mounts private", "mount", args);
}

function opHostname(program: Program, name: string): void {
  const length = new TextEncoder().encode(name).length;
  const args = [program.arena.text(name), length];
  program.op(`set the host name "${name}"`, "sethostname", args);
}

/** Mounts and devices whose sources are open. */
interface PreparedSources {
  mounts: PreparedMount[];
  devices: PreparedDevice[];
}

/** Opens all that is bound, while the host's paths are still there and with the caller's own rights. */
function opPrepareMounts(program: Program, { spec, directories }: SetupInput): PreparedSources {
  const { subpaths } = launchNotes(spec);
  const mounts = spec.mounts.map((mount, i) => {
    if (mount.type === "proc" || mount.type === "sysfs") return opMakeKernelMount(program, mount);
    const isDirectory = directories[i] ?? false;
    return opOpenSource(program, mount, { isDirectory, subpath: subpaths[mount.destination] });
  });
  const devices = spec.linux.devices.map((device) => opOpenDevice(program, device, device.path));
  return { mounts, devices };
}

/** For each mount whether it is a bind of a directory, which the host tells. */
export function boundDirectories(
  mounts: readonly SpecMount[],
  subpaths: LaunchNotes["subpaths"],
  isDirectory: (source: string) => boolean,
): boolean[] {
  const found: boolean[] = [];
  for (const { destination, type, source } of mounts) {
    const subpath = subpaths[destination];
    found.push(
      type === "bind" && isDirectory(subpath === undefined ? source : `${source}/${subpath}`),
    );
  }
  return found;
}

function opFileSystems(
  program: Program,
  { spec }: SetupInput,
  { mounts, devices }: PreparedSources,
): void {
  const { linux } = spec;
  const known: KnownDirectories = { ours: new Set(), there: new Set() };
  for (const prepared of mounts) {
    const { destination, type } = prepared.mount;
    opMount(program, prepared, known);
    if (type === "tmpfs" || type === "sysfs") known.ours.add(destination);
    if (destination !== "/dev" || type !== "tmpfs") continue;
    for (const device of devices) opBindDevice(program, device);
    opDeviceLinks(program);
  }
  opSysctls(program, linux.sysctl);
  opReadOnly(program, linux.readonlyPaths);
  opMask(program, linux.maskedPaths);
}

function opWorkingDirectory(program: Program, path: string): void {
  if (path === "/") return;
  const directory = program.register();
  opEnsureDirectory(program, path, directory);
  program.op("close a directory", "close", [directory]);
}

/** Copies a small file of the image into our memory: who the user is only the image knows. */
function opReadFile(program: Program, path: string): FileCopy {
  const file = program.register();
  const copy = { at: program.arena.outside(MAX_USER_FILE), length: program.register() };
  // A fifo must not make us wait.
  const flags = O.RDONLY | O.NONBLOCK | O.NOCTTY;
  const options = { flags, into: file, ignore: true, skip: 1 };
  opOpen(program, `open "${path}" of the image`, path, options);
  program.op("pass over", "getpid", [], { skip: 2 });
  const what = `read "${path}" of the image`;
  program.op(what, "read", [file, copy.at, MAX_USER_FILE], { ignore: true, into: copy.length });
  program.op("close a file", "close", [file]);
  return copy;
}

function opStandardDescriptors(program: Program, input: SetupInput): void {
  if (input.terminal) return opTerminal(program, input.channel, input.terminal);
  opStdio(program, input.stdio);
}

function opExecuteStub(program: Program, { channel, stub, init }: SetupInput): void {
  const { arena } = program;
  opAwait(program, "wait for the word to go", channel);
  const placings: Placing[] = [[channel, STUB_FD.channel]];
  if (init !== undefined) placings.push([init, STUB_FD.init]);
  const file = opPlace(program, placings, stub);
  const none = arena.vector([]);
  const args = [file, arena.text(""), none, none, AT_EMPTY_PATH];
  program.op("execute the last steps", "execveat", args);
}
