/** Whether the store's file system is one that images can be kept on. */
import { statfsSync } from "node:fs";
import type { DriverRequest, Obstacle } from "../drivers/choose_driver.ts";
import { findFuseOverlay, overlayProblem } from "../drivers/choose_driver.ts";
import { type Finding, fine } from "./finding.ts";

/** What the host says about the file system of the store. */
export interface StoreFacts {
  path: string;
  /** `ext4`, or the number of one without a name here. */
  fileSystem: string;
  /** Bytes that we may still write. */
  free: number;
  overlay: Obstacle | undefined;
  fuseOverlay: Obstacle | undefined;
}

/** Kinds of statfs(2), of linux/magic.h and the file systems' own headers. */
const KINDS: Readonly<Record<number, string>> = {
  0x6969: "nfs",
  0xff534d42: "cifs",
  0xfe534d42: "smb",
  0x65735546: "fuse",
  0x01021997: "9p",
  0x5346414f: "afs",
  0x00c36400: "ceph",
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlay",
  0x2fc12fc1: "zfs",
  0xf2f52010: "f2fs",
  0xf15f: "ecryptfs",
};

/** These know nothing of subordinate ids: a server decides who owns a file. */
const REMOTE = ["nfs", "cifs", "smb", "9p", "afs", "ceph"];
const LITTLE = 2 ** 30;
const MEBI = 2 ** 20;
const MOVE = "keep the store on a local disk: set XDG_DATA_HOME, or pass --data-root DIR";

/** Judges the kind of file system. */
export function judgeStore({ path, fileSystem }: StoreFacts): Finding {
  if (!REMOTE.includes(fileSystem)) return fine("store", `${path} on ${fileSystem}`);
  return {
    name: "store",
    status: "limited",
    detail: `${path} is on ${fileSystem}, a network file system`,
    lost: "files of images cannot have owners of their own, and locks may not hold",
    fix: MOVE,
  };
}

/** Judges the space left. */
export function judgeSpace({ path, free }: StoreFacts): Finding {
  const detail = `${Math.floor(free / MEBI)} MiB free in ${path}`;
  if (free >= LITTLE) return fine("free space", detail);
  return {
    name: "free space",
    status: free < 16 * MEBI ? "missing" : "limited",
    detail,
    lost: "larger images cannot be pulled",
    fix: "remove images with 'tsbox rmi', or pass --data-root DIR on a larger disk",
  };
}

/** Judges the kernel's overlay. */
export function judgeOverlay({ overlay, fuseOverlay }: StoreFacts): Finding {
  if (overlay === undefined) return fine("overlay", "works in a user namespace");
  const lost = fuseOverlay === undefined
    ? "fuse-overlayfs is used instead: slower file access"
    : "every container copies its whole image: slow, and much space";
  const { reason: detail, remedy: fix } = overlay;
  return { name: "overlay", status: "limited", detail, lost, fix };
}

/** Judges fuse-overlayfs, which matters where the kernel's overlay does not work. */
export function judgeFuseOverlay({ overlay, fuseOverlay }: StoreFacts): Finding {
  const name = "fuse-overlayfs";
  if (fuseOverlay === undefined) return fine(name, "installed, /dev/fuse is accessible");
  if (overlay === undefined) return fine(name, `not needed (${fuseOverlay.reason})`);
  const { reason: detail, remedy: fix } = fuseOverlay;
  return { name, status: "limited", detail, lost: "the better fallback for overlay", fix };
}

/** Looks at the file system and tries the overlay on it. @throws TsboxError when even that cannot be tried */
export function readStoreFacts(path: string, request: Omit<DriverRequest, "wanted">): StoreFacts {
  const { type, bavail, bsize } = statfsSync(path);
  const kind = Number(type) >>> 0;
  const fuse = findFuseOverlay();
  return {
    path,
    fileSystem: KINDS[kind] ?? `file system 0x${kind.toString(16)}`,
    free: Number(bavail) * Number(bsize),
    overlay: overlayProblem(request),
    fuseOverlay: typeof fuse === "string" ? undefined : fuse,
  };
}
