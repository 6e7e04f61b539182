/** The root file system: mounted in the new mount namespace, then made `/`. */
import { AT_FDCWD, MNT_DETACH, MOVE_MOUNT_F_EMPTY_PATH, MS, O } from "../../ffi/constants.ts";
import type { Program } from "../../ffi/program.ts";

/** Where the root file system comes from. Paths are absolute and the host's. */
export type Rootfs =
  | {
    kind: "overlay";
    /** Unpacked layers, the topmost first. */
    lower: readonly string[];
    upper: string;
    work: string;
    /** An existing directory the overlay may cover, in the container's own mount namespace only. */
    mountPoint: string;
    /** What is written need not survive a crash of the host: no sync at unmount. */
    volatile: boolean;
  }
  | { kind: "directory"; path: string }
  /** A mount that a daemon serves, attached nowhere yet: its descriptor. */
  | { kind: "detached"; mount: number; mountPoint: string };

/** mount(2) takes one page of options. */
const MAX_MOUNT_DATA = 4000;

/**
 * The option text of an overlay. Where paths are too long together or contain what separates options,
 * they are named through descriptors, in chosen places: so the text can be written beforehand.
 */
function opOverlayOptions(
  program: Program,
  rootfs: Rootfs & { kind: "overlay" },
  firstFree: number,
): string {
  const { lower, upper, work, volatile } = rootfs;
  const data = optionText(lower, upper, work, volatile);
  const paths = lower.concat(upper, work);
  if (data.length <= MAX_MOUNT_DATA && !paths.some(needsDescriptor)) return data;
  const names = paths.map((path, i) => opNamePath(program, path, firstFree + i));
  const [upperName = "", workName = ""] = names.slice(-2);
  return optionText(names.slice(0, -2), upperName, workName, volatile);
}

function needsDescriptor(path: string): boolean {
  return path.includes(":") || path.includes(",") || path.includes("\\") || path.includes('"');
}

function optionText(lower: readonly string[], upper: string, work: string, volatile: boolean) {
  const end = volatile ? ",userxattr,volatile" : ",userxattr";
  return `lowerdir=${lower.join(":")},upperdir=${upper},workdir=${work}${end}`;
}

function opNamePath(program: Program, path: string, fd: number): string {
  const opened = program.register();
  const args = [AT_FDCWD, program.arena.text(path), O.PATH | O.CLOEXEC, 0];
  program.op(`open "${path}"`, "openat", args, { into: opened });
  program.op("name a directory", "dup3", [opened, fd, O.CLOEXEC]);
  return `/proc/self/fd/${fd}`;
}

/** Mounts the root file system. Returns where it is. @param firstFree from this on no descriptor is needed later */
export function opMountRootfs(program: Program, rootfs: Rootfs, firstFree: number): string {
  const { arena } = program;
  if (rootfs.kind === "detached") {
    const args = [rootfs.mount, arena.text(""), AT_FDCWD, arena.text(rootfs.mountPoint)];
    const what = "mount the image's layers by fuse-overlayfs";
    program.op(what, "move_mount", [...args, MOVE_MOUNT_F_EMPTY_PATH]);
    return rootfs.mountPoint;
  }
  if (rootfs.kind === "directory") {
    const path = arena.text(rootfs.path);
    const what = `bind "${rootfs.path}" as the root file system`;
    program.op(what, "mount", [path, path, 0, MS.BIND | MS.REC, 0]);
    return rootfs.path;
  }
  const type = arena.text("overlay");
  const target = arena.text(rootfs.mountPoint);
  const what = "mount the image's layers by overlay";
  const data = opOverlayOptions(program, rootfs, firstFree);
  program.op(what, "mount", [type, target, type, 0, arena.text(data)]);
  return rootfs.mountPoint;
}

/**
 * Makes the mounted root `/` and takes the host's file systems away, at once: as long as the old root is
 * stacked onto the new one, `..` at `/` leads to the host.
 */
export function opPivot(program: Program, path: string): void {
  const { arena } = program;
  const dot = arena.text(".");
  program.op(`enter "${path}"`, "chdir", [arena.text(path)]);
  // Both the same: the old root is stacked onto the new one, and no directory for it is needed.
  program.op("change the root", "pivot_root", [dot, dot]);
  program.op("unmount the old root", "umount2", [dot, MNT_DETACH]);
  program.op("enter the root", "chdir", [arena.text("/")]);
}

/** Makes the root file system's own mount read-only; mounts in it stay as they are. */
export function opReadOnlyRoot(program: Program): void {
  const { arena } = program;
  const flags = MS.BIND | MS.REMOUNT | MS.RDONLY;
  program.op("make the root read-only", "mount", [0, arena.text("/"), 0, flags, 0]);
}
