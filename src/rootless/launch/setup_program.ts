/**
 * From our process to a container's file system, as one syscall program.
 *
 * Two processes run it: the first joins the user namespace and makes the second, in the container's
 * other namespaces and as a child of ours (CLONE_PARENT), and ends. The second mounts, waits for the word
 * to go, and executes the stub.
 */
import { AT_EMPTY_PATH, CLONE, MS, O, PR, SIGKILL } from "../../ffi/constants.ts";
import { Arena } from "../../ffi/arena.ts";
import { CLONE_ARGS_SIZE, cloneArgs, opClone, opStdio } from "../../ffi/process.ts";
import { Program, type Register } from "../../ffi/program.ts";
import type { NamespaceType, RuntimeSpec } from "../../oci/runtime_spec.ts";
import { hasNamespace, opLoopbackUp, opSysctls } from "./namespace_ops.ts";
import {
  opBindDevice,
  opDeviceLinks,
  opMakeKernelMount,
  opMask,
  opMount,
  opOpenDevice,
  opOpenSource,
  opReadOnly,
  opVolumes,
} from "./mount_ops.ts";
import { opEnsureDirectory, opOpen } from "./paths.ts";
import { opMountRootfs, opPivot, opReadOnlyRoot, type Rootfs } from "./rootfs_ops.ts";
import { STUB_FD } from "./stub.ts";
import { opTerminal, type TerminalSize } from "./terminal_ops.ts";

/** What the program is made from, all of it known before the start. */
export interface SetupInput {
  spec: RuntimeSpec;
  rootfs: Rootfs;
  /** Option text, from overlayOptions; empty for other kinds. */
  overlayData: string;
  /** The image's volumes; they stay writable below a read-only root. */
  volumes: readonly string[];
  /** Whether the source of a bind is a directory. */
  isDirectory(source: string): boolean;
  /** Descriptor of the user namespace. */
  userns: number;
  /** The child's end of the channel, and ours, which it closes. */
  channel: { ours: number; theirs: number };
  /** Descriptor of the stub's memfd; the parent fills it before it says go. */
  stub: number;
  /** Descriptor of the init's memfd. */
  init?: number;
  /** Standard descriptors of the container; with a terminal they are replaced. */
  stdio: readonly [number, number, number];
  terminal?: TerminalSize;
}

/** The program and the places in its memory where the parent reads what it found. */
export interface Setup {
  program: Program;
  /** Host pid of the container's first process. */
  pid: Register;
  passwd: FileCopy;
  group: FileCopy;
}

/** A file's contents in the program's memory. */
export interface FileCopy {
  at: number;
  /** Bytes; 0 when there is no such file. */
  length: Register;
}

/** Bytes of passwd or group that are looked at. */
export const MAX_USER_FILE = 2 << 20;

const NAMESPACE_FLAGS: Readonly<Record<NamespaceType, number>> = {
  user: 0, // joined, not made
  mount: CLONE.NEWNS,
  pid: CLONE.NEWPID,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  network: CLONE.NEWNET,
  cgroup: CLONE.NEWCGROUP,
};

/** Builds the program. Throws nothing that depends on the host. */
export function setupProgram(input: SetupInput): Setup {
  const program = new Program(Arena.live());
  const { spec } = input;
  const pid = opNamespaces(program, input);
  const prepared = opPrepareMounts(program, input);
  program.op("make mounts private", "mount", privateRoot(program));
  const root = opMountRootfs(program, input.rootfs, input.overlayData);
  opPivot(program, root);
  const passwd = opReadFile(program, "/etc/passwd");
  const group = opReadFile(program, "/etc/group");
  const ready = program.arena.text("r");
  program.op("say that the root is there", "write", [input.channel.theirs, ready, 1]);
  opFileSystems(program, input, prepared);
  if (spec.hostname !== undefined && hasNamespace(spec, "uts")) {
    const name = program.arena.text(spec.hostname);
    const length = new TextEncoder().encode(spec.hostname).length;
    program.op(`set the host name "${spec.hostname}"`, "sethostname", [name, length]);
  }
  opWorkingDirectory(program, spec.process.cwd);
  if (spec.root.readonly) opReadOnlyRoot(program);
  opStandardDescriptors(program, input);
  opExecuteStub(program, input);
  return { program, pid, passwd, group };
}

function opNamespaces(program: Program, input: SetupInput): Register {
  const pid = program.register();
  const flags = input.spec.linux.namespaces.reduce((sum, n) => sum + NAMESPACE_FLAGS[n.type], 0);
  opClone(program, 0);
  program.op("join the user namespace", "setns", [input.userns, CLONE.NEWUSER]);
  // No exit signal: with CLONE_PARENT the child has that of its maker, which is SIGCHLD to us.
  const args = cloneArgs(program.arena, CLONE.VM + CLONE.PARENT + flags, 0);
  program.op("make the container's namespaces", "clone3", [args, CLONE_ARGS_SIZE], {
    fork: "exit",
    into: pid,
  });
  program.op("die with the parent", "prctl", [PR.SET_PDEATHSIG, SIGKILL]);
  program.op("close the other side", "close", [input.channel.ours]);
  program.op("lead a session", "setsid");
  return pid;
}

function privateRoot(program: Program): number[] {
  return [0, program.arena.text("/"), 0, MS.REC | MS.PRIVATE, 0];
}

/** Opens all that is bound, while the host's paths are still there and with the caller's own rights. */
function opPrepareMounts(program: Program, { spec, isDirectory }: SetupInput) {
  const mounts = spec.mounts.map((mount) => {
    if (mount.type === "proc" || mount.type === "sysfs") return opMakeKernelMount(program, mount);
    const isBind = mount.type === "bind";
    return opOpenSource(program, mount, isBind && isDirectory(mount.source));
  });
  const devices = spec.linux.devices.map((device) => opOpenDevice(program, device, device.path));
  return { mounts, devices };
}

function opFileSystems(
  program: Program,
  { spec, volumes }: SetupInput,
  { mounts, devices }: ReturnType<typeof opPrepareMounts>,
): void {
  const { linux, root } = spec;
  const ownDev = spec.mounts.some((m) => m.destination === "/dev" && m.type === "tmpfs");
  for (const prepared of mounts) {
    opMount(program, prepared);
    if (prepared.mount.destination !== "/dev" || !ownDev) continue;
    for (const device of devices) opBindDevice(program, device);
    opDeviceLinks(program);
  }
  opVolumes(program, volumes, root.readonly);
  if (hasNamespace(spec, "network")) opLoopbackUp(program);
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
  const { arena } = program;
  const file = program.register();
  const copy = { at: arena.reserve(MAX_USER_FILE), length: program.register() };
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
  if (input.terminal) return opTerminal(program, input.channel.theirs, input.terminal);
  opStdio(program, input.stdio);
}

function opExecuteStub(program: Program, { channel, stub, init }: SetupInput): void {
  const { arena } = program;
  const byte = arena.reserve(8);
  // The end of the channel in place of a byte: the parent is gone.
  program.op("wait for the word to go", "read", [channel.theirs, byte, 1], { nonzero: true });
  program.op("keep the channel", "dup3", [channel.theirs, STUB_FD.channel, 0]);
  if (init !== undefined) program.op("keep the init", "dup3", [init, STUB_FD.init, 0]);
  const none = arena.vector([]);
  const args = [stub, arena.text(""), none, none, AT_EMPTY_PATH];
  program.op("execute the last steps", "execveat", args);
}
