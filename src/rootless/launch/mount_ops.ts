/**
 * The mounts of a container, made after the pivot: paths resolve inside its root, sources were opened before.
 *
 * A target is opened first and mounted on through its descriptor, so that the image cannot turn it into
 * something else between the look and the act.
 */
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MS,
  O,
  OPEN_TREE_CLONE,
  RESOLVE,
  S_IFREG,
} from "../../ffi/constants.ts";
import type { Program, Register } from "../../ffi/program.ts";
import type { SpecDevice, SpecMount } from "../../oci/runtime_spec.ts";
import { parseMountOptions } from "./mount_options.ts";
import { opEnsureDirectory, opEnsureFile, opOpen } from "./paths.ts";

const MOUNT_ATTR_SIZE = 32;
const OPEN_HOW_SIZE = 24;

/** Targets that must be real directories: a link there would move a whole file system (CVE-2019-19921). */
const PLAIN_TARGETS: readonly string[] = ["/proc", "/sys", "/dev"];

/** A mount of the spec, with its source already opened when it is a bind. */
export interface PreparedMount {
  mount: SpecMount;
  /** Descriptor of a detached copy of the source's mount. */
  tree?: Register;
  /** A bind of something that is no directory goes onto a file. */
  onFile: boolean;
}

/** What the source of a bind is. */
export interface BindSource {
  isDirectory: boolean;
  /** Only this path below it is mounted; nothing on it may lead out. */
  subpath?: string | undefined;
}

/** Opens the source of a bind, before the pivot hides the host. */
export function opOpenSource(
  program: Program,
  mount: SpecMount,
  { isDirectory, subpath }: BindSource,
): PreparedMount {
  const options = parseMountOptions(mount.options);
  if (!options.bind && mount.type !== "bind") return { mount, onFile: false };
  const tree = program.register();
  const recursive = options.recursive ? AT_RECURSIVE : 0;
  const flags = OPEN_TREE_CLONE | O.CLOEXEC | recursive;
  if (subpath !== undefined) {
    opOpenBeneath(program, mount.source, subpath, { flags, tree });
    return { mount, tree, onFile: !isDirectory };
  }
  program.op(`open "${mount.source}" for a bind mount`, "open_tree", [
    AT_FDCWD,
    program.arena.text(mount.source),
    flags,
  ], { into: tree });
  return { mount, tree, onFile: !isDirectory };
}

/**
 * Opens a path below the source: what the containers of a volume have put there may be links to the host.
 * They are looked at when all links are ours to forbid, by the kernel and in one step.
 */
function opOpenBeneath(
  program: Program,
  source: string,
  subpath: string,
  { flags, tree }: { flags: number; tree: Register },
): void {
  const { arena } = program;
  const [top, found] = [program.register(), program.register()];
  const what = `open "${subpath}" of the volume in "${source}"`;
  const open = [AT_FDCWD, arena.text(source), O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC, 0];
  program.op(what, "openat", open, { into: top });
  const how = arena.words([O.PATH | O.CLOEXEC, 0, RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS]);
  const beneath = [top, arena.text(subpath), how, OPEN_HOW_SIZE];
  // EAGAIN, when anything on the host was renamed meanwhile and there is a ".." in a link: once more.
  program.op(what, "openat2", beneath, { into: found, ignore: true, skip: 1 });
  program.op(what, "openat2", beneath, { into: found });
  program.op(what, "open_tree", [found, arena.text(""), flags | AT_EMPTY_PATH], { into: tree });
  program.op("close a directory", "close", [found]);
  program.op("close a directory", "close", [top]);
}

/**
 * Makes proc or sysfs, attached nowhere yet. The kernel allows these two in a user namespace only
 * while a full one is seen, so it comes before the pivot; all others can wait until the host is gone.
 */
export function opMakeKernelMount(program: Program, mount: SpecMount): PreparedMount {
  const { arena } = program;
  const what = `mount ${mount.type} on ${mount.destination}`;
  const context = program.register();
  const tree = program.register();
  const { attributes } = parseMountOptions(mount.options);
  program.op(what, "fsopen", [arena.text(mount.type), FSOPEN_CLOEXEC], { into: context });
  program.op(what, "fsconfig", [context, FSCONFIG.CMD_CREATE, 0, 0, 0]);
  program.op(what, "fsmount", [context, FSMOUNT_CLOEXEC, attributes], { into: tree });
  program.op("close a file system context", "close", [context]);
  return { mount, tree, onFile: false };
}

/** What is known of the root's directories while its mounts are made. */
export interface KnownDirectories {
  /** With fresh file systems of ours, in which nothing is the image's. */
  ours: Set<string>;
  /** That were made sure of. */
  there: Set<string>;
}

/** Attaches one mount of the spec. */
export function opMount(program: Program, prepared: PreparedMount, known: KnownDirectories): void {
  const { ours } = known;
  const { mount, tree } = prepared;
  const { destination } = mount;
  if (tree !== undefined) return opAttach(program, prepared, tree, known);
  const parent = destination.slice(0, destination.lastIndexOf("/"));
  if (ours.has(parent)) return opMountInOurs(program, mount);
  if (mount.type === "cgroup" && ours.has("/sys")) return opMountCall(program, mount, destination);
  const target = program.register();
  opTargetDirectory(program, destination, target);
  program.op(`enter "${destination}"`, "fchdir", [target]);
  program.op("close a directory", "close", [target]);
  opMountCall(program, mount, ".");
}

/** A plain path will do: no link can be on it. */
function opMountInOurs(program: Program, mount: SpecMount): void {
  const { destination } = mount;
  const args = [AT_FDCWD, program.arena.text(destination), 0o755];
  program.op(`make "${destination}"`, "mkdirat", args, { ignore: true });
  opMountCall(program, mount, destination);
}

function opMountCall(program: Program, mount: SpecMount, target: string): void {
  const { arena } = program;
  const { flags, data } = parseMountOptions(mount.options);
  const cgroup = mount.type === "cgroup";
  const type = arena.text(cgroup ? "cgroup2" : mount.type);
  const text = data.length > 0 ? arena.text(data.join(",")) : 0;
  const args = [arena.text(mount.source), arena.text(target), type, flags, text];
  // A host with version 1 or hybrid cgroups has none that a user namespace may mount.
  program.op(`mount ${mount.type} on ${mount.destination}`, "mount", args, { ignore: cgroup });
}

/** Opens the target; the kernel's own file systems want a real directory of the root's. */
function opTargetDirectory(program: Program, path: string, into: Register): void {
  if (!PLAIN_TARGETS.includes(path)) return opEnsureDirectory(program, path, into);
  const args = [AT_FDCWD, program.arena.text(path), 0o755];
  program.op(`make "${path}"`, "mkdirat", args, { ignore: true });
  const flags = O.PATH | O.DIRECTORY;
  opOpen(program, `open "${path}" in the container`, path, {
    flags,
    resolve: RESOLVE.NO_SYMLINKS,
    into,
  });
}

function opAttach(
  program: Program,
  prepared: PreparedMount,
  tree: Register,
  { there }: KnownDirectories,
): void {
  const { destination, type } = prepared.mount;
  if (type === "bind") opBindOptions(program, prepared.mount, tree);
  const target = program.register();
  if (prepared.onFile) opEnsureFile(program, destination, target, there);
  else opTargetDirectory(program, destination, target);
  opMoveMount(program, `mount on "${destination}"`, tree, target);
  program.op("close a target", "close", [target]);
}

/** Options of a bind; a copy of a private mount is private already. */
function opBindOptions(program: Program, mount: SpecMount, tree: Register): void {
  const { attributes, propagation, recursive } = parseMountOptions(mount.options);
  const kind = propagation & ~MS.REC;
  if (attributes === 0 && (kind === 0 || kind === MS.PRIVATE)) return;
  const { arena } = program;
  const values = arena.words([attributes, 0, kind || MS.PRIVATE, 0]);
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  const what = `set options of the mount on "${mount.destination}"`;
  const args = [tree, arena.text(""), flags, values, MOUNT_ATTR_SIZE];
  program.op(what, "mount_setattr", args);
}

function opMoveMount(program: Program, what: string, tree: Register, target: Register): void {
  const empty = program.arena.text("");
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  program.op(what, "move_mount", [tree, empty, target, empty, flags]);
}

/** A device node of the host, opened before the pivot. */
export interface PreparedDevice {
  device: SpecDevice;
  tree: Register;
}

/** Opens a device node: in a user namespace none can be made, so the host's is bound. */
export function opOpenDevice(program: Program, device: SpecDevice, source: string): PreparedDevice {
  const tree = program.register();
  const args = [AT_FDCWD, program.arena.text(source), OPEN_TREE_CLONE | O.CLOEXEC];
  program.op(`open device "${source}"`, "open_tree", args, { into: tree });
  return { device, tree };
}

/** Binds a device node. One directly in /dev, which is our own fresh tmpfs, needs no care about links. */
export function opBindDevice(program: Program, { device, tree }: PreparedDevice): void {
  const { arena } = program;
  if (!device.path.startsWith("/dev/") || device.path.lastIndexOf("/") !== 4) {
    const target = program.register();
    opEnsureFile(program, device.path, target, new Set());
    opMoveMount(program, `mount device on "${device.path}"`, tree, target);
    return;
  }
  const path = arena.text(device.path);
  program.op(`make "${device.path}"`, "mknodat", [AT_FDCWD, path, S_IFREG | 0o666, 0], {
    ignore: true,
  });
  program.op(`mount device on "${device.path}"`, "move_mount", [
    tree,
    arena.text(""),
    AT_FDCWD,
    path,
    MOVE_MOUNT_F_EMPTY_PATH,
  ]);
}

const DEVICE_LINKS: readonly { path: string; target: string }[] = [
  { path: "/dev/fd", target: "/proc/self/fd" },
  { path: "/dev/stdin", target: "/proc/self/fd/0" },
  { path: "/dev/stdout", target: "/proc/self/fd/1" },
  { path: "/dev/stderr", target: "/proc/self/fd/2" },
  { path: "/dev/ptmx", target: "pts/ptmx" },
  { path: "/dev/core", target: "/proc/kcore" },
];

/** The links docker makes in /dev. */
export function opDeviceLinks(program: Program): void {
  const { arena } = program;
  for (const { path, target } of DEVICE_LINKS) {
    const args = [arena.text(target), AT_FDCWD, arena.text(path)];
    program.op(`link "${path}"`, "symlinkat", args, { ignore: true });
  }
}

/** Of those that are masked: directories in every kernel that has them. */
const DIRECTORIES: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/scsi",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/**
 * Hides paths of the kernel's own file systems, those that this kernel has: a file under /dev/null, a
 * directory under an empty tmpfs. The likely one is tried first: a bind that fails waits for all processors, a third
 * of a millisecond and up to three.
 */
export function opMask(program: Program, paths: readonly string[]): void {
  const { arena } = program;
  const nothing = arena.text("/dev/null");
  const tmpfs = arena.text("tmpfs");
  const data = arena.text("size=0k,nr_inodes=2");
  const flags = MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC;
  const [first, second] = [{ ignore: true, skip: 1 }, { missing: true }];
  for (const path of paths) {
    const target = arena.text(path);
    const ways = [[nothing, target, 0, MS.BIND, 0], [tmpfs, target, tmpfs, flags, data]];
    if (DIRECTORIES.includes(path)) ways.reverse();
    const [likely = [], other = []] = ways;
    program.op(`mask "${path}"`, "mount", likely, first);
    program.op(`mask "${path}"`, "mount", other, second);
  }
}

/** Makes paths of the kernel's own file systems read-only, those that this kernel has. */
export function opReadOnly(program: Program, paths: readonly string[]): void {
  const flags = MS.BIND | MS.REMOUNT | MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC;
  const missing = { missing: true };
  for (const path of paths) {
    const target = program.arena.text(path);
    program.op(`bind "${path}"`, "mount", [target, target, 0, MS.BIND | MS.REC, 0], missing);
    program.op(`make "${path}" read-only`, "mount", [target, target, 0, flags, 0], missing);
  }
}
