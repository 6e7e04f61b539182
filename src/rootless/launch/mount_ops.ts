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
  S_IFREG,
} from "../../ffi/constants.ts";
import type { Program, Register } from "../../ffi/program.ts";
import type { SpecDevice, SpecMount } from "../../oci/runtime_spec.ts";
import { parseMountOptions } from "./mount_options.ts";
import { opEnsureDirectory, opEnsureFile, opWhereExists } from "./paths.ts";

const MOUNT_ATTR_SIZE = 32;

/** Targets that must be real directories: a link there would move a whole file system (CVE-2019-19921). */
const PLAIN_TARGETS: ReadonlySet<string> = new Set(["/proc", "/sys", "/dev"]);

/** A mount of the spec, with its source already opened when it is a bind. */
export interface PreparedMount {
  mount: SpecMount;
  /** Descriptor of a detached copy of the source's mount. */
  tree?: Register;
  /** A bind of something that is no directory goes onto a file. */
  onFile: boolean;
}

/** Opens the source of a bind, before the pivot hides the host. */
export function opOpenSource(
  program: Program,
  mount: SpecMount,
  sourceIsDirectory: boolean,
): PreparedMount {
  const options = parseMountOptions(mount.options);
  if (!options.bind && mount.type !== "bind") return { mount, onFile: false };
  const tree = program.register();
  const recursive = options.recursive ? AT_RECURSIVE : 0;
  const flags = OPEN_TREE_CLONE | O.CLOEXEC | recursive;
  program.op(`open "${mount.source}" for a bind mount`, "open_tree", [
    AT_FDCWD,
    program.arena.text(mount.source),
    flags,
  ], { into: tree });
  return { mount, tree, onFile: !sourceIsDirectory };
}

/**
 * Makes proc or sysfs, attached nowhere yet. The kernel allows these two in a user namespace only
 * while a full one is seen, so it comes before the pivot; all others can wait until the host is gone.
 */
export function opMakeKernelMount(program: Program, mount: SpecMount): PreparedMount {
  const { arena } = program;
  const what = `mount ${mount.type} on ${mount.destination}`;
  const [context, tree] = [program.register(), program.register()];
  const { attributes } = parseMountOptions(mount.options);
  program.op(what, "fsopen", [arena.text(mount.type), FSOPEN_CLOEXEC], { into: context });
  program.op(what, "fsconfig", [context, FSCONFIG.CMD_CREATE, 0, 0, 0]);
  program.op(what, "fsmount", [context, FSMOUNT_CLOEXEC, attributes], { into: tree });
  program.op("close a file system context", "close", [context]);
  return { mount, tree, onFile: false };
}

/** Attaches one mount of the spec. */
export function opMount(program: Program, prepared: PreparedMount): void {
  if (prepared.tree !== undefined) return opAttach(program, prepared, prepared.tree);
  const { mount } = prepared;
  const target = program.register();
  opEnsureDirectory(program, mount.destination, target, PLAIN_TARGETS.has(mount.destination));
  const { flags, data } = parseMountOptions(mount.options);
  program.op(`enter "${mount.destination}"`, "fchdir", [target]);
  program.op("close a directory", "close", [target]);
  const { arena } = program;
  const cgroup = mount.type.startsWith("cgroup");
  const type = arena.text(cgroup ? "cgroup2" : mount.type);
  const text = data.length > 0 ? arena.text(data.join(",")) : 0;
  const args = [arena.text(mount.source), arena.text("."), type, flags, text];
  // A host with version 1 or hybrid cgroups has none that a user namespace may mount.
  program.op(`mount ${mount.type} on ${mount.destination}`, "mount", args, { ignore: cgroup });
}

function opAttach(program: Program, prepared: PreparedMount, tree: Register): void {
  const { destination, options: words } = prepared.mount;
  const options = parseMountOptions(words);
  const { arena } = program;
  const attributes = arena.words([
    options.attributes,
    0,
    options.propagation & ~MS.REC || MS.PRIVATE,
    0,
  ]);
  const flags = AT_EMPTY_PATH | (options.recursive ? AT_RECURSIVE : 0);
  program.op(`set options of the mount on "${destination}"`, "mount_setattr", [
    tree,
    arena.text(""),
    flags,
    attributes,
    MOUNT_ATTR_SIZE,
  ]);
  const target = program.register();
  if (prepared.onFile) opEnsureFile(program, destination, target);
  else opEnsureDirectory(program, destination, target, PLAIN_TARGETS.has(destination));
  const move = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  program.op(`mount on "${destination}"`, "move_mount", [
    tree,
    arena.text(""),
    target,
    arena.text(""),
    move,
  ]);
  program.op("close a target", "close", [target]);
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
  if (!/^\/dev\/[^/]+$/.test(device.path)) {
    const target = program.register();
    opEnsureFile(program, device.path, target);
    const move = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    program.op(`mount device on "${device.path}"`, "move_mount", [
      tree,
      arena.text(""),
      target,
      arena.text(""),
      move,
    ]);
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

const DEVICE_LINKS: readonly (readonly [target: string, name: string])[] = [
  ["/proc/self/fd", "fd"],
  ["/proc/self/fd/0", "stdin"],
  ["/proc/self/fd/1", "stdout"],
  ["/proc/self/fd/2", "stderr"],
  ["pts/ptmx", "ptmx"],
  ["/proc/kcore", "core"],
];

/** The links docker makes in /dev. */
export function opDeviceLinks(program: Program): void {
  for (const [target, name] of DEVICE_LINKS) {
    const path = `/dev/${name}`;
    program.op(`link "${path}"`, "symlinkat", [
      program.arena.text(target),
      AT_FDCWD,
      program.arena.text(path),
    ], { ignore: true });
  }
}

/** Hides paths of the kernel's own file systems: a file under /dev/null, a directory under an empty tmpfs. */
export function opMask(program: Program, paths: readonly string[]): void {
  const { arena } = program;
  const [nothing, tmpfs] = [arena.text("/dev/null"), arena.text("tmpfs")];
  const data = arena.text("size=0k,nr_inodes=2");
  const flags = MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC;
  for (const path of paths) {
    const [what, target] = [`mask "${path}"`, arena.text(path)];
    opWhereExists(program, path, 2);
    program.op(what, "mount", [nothing, target, 0, MS.BIND, 0], { ignore: true, skip: 1 });
    program.op(what, "mount", [tmpfs, target, tmpfs, flags, data]);
  }
}

/** Makes paths of the kernel's own file systems read-only; those that this kernel lacks are passed over. */
export function opReadOnly(program: Program, paths: readonly string[]): void {
  const flags = MS.BIND | MS.REMOUNT | MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC;
  for (const path of paths) {
    const target = program.arena.text(path);
    opWhereExists(program, path, 2);
    program.op(`bind "${path}"`, "mount", [target, target, 0, MS.BIND | MS.REC, 0]);
    program.op(`make "${path}" read-only`, "mount", [target, target, 0, flags, 0]);
  }
}

/** Mounts directories of the container onto themselves: they stay writable when the root does not. */
export function opVolumes(program: Program, paths: readonly string[], own: boolean): void {
  const { arena } = program;
  for (const path of paths) {
    const target = program.register();
    opEnsureDirectory(program, path, target);
    if (own) {
      const tree = program.register();
      const flags = OPEN_TREE_CLONE | O.CLOEXEC | AT_EMPTY_PATH;
      const empty = arena.text("");
      program.op(`open the volume "${path}"`, "open_tree", [target, empty, flags], { into: tree });
      const move = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
      program.op(`mount the volume "${path}"`, "move_mount", [tree, empty, target, empty, move]);
    }
    program.op("close a directory", "close", [target]);
  }
}
