/** Which of the ways to put a root filesystem together works here. */
import { exists, isReadWritable } from "../../ffi/quick_files.ts";
import { TsboxError } from "../../errors.ts";
import type { UserNamespace } from "../user_namespace.ts";
import { overlayObstacle } from "./overlay_probe.ts";
import type { DriverName } from "./rootfs.ts";

/** A driver that works, with what it needs. */
export type Driver =
  | { name: "overlay" }
  | { name: "fuse-overlayfs"; executable: string }
  | { name: "copy" };

/** What the choice depends on. */
export interface DriverRequest {
  userns: UserNamespace;
  /** An existing directory of ours on the file system of the store, for things that may be removed. */
  directory: string;
  /** Folder for what a reboot may forget. */
  runtimeDir: string;
  /** This one or an error. */
  wanted?: DriverName;
}

/** A reason against a driver, and what would change it. */
export interface Obstacle {
  reason: string;
  remedy: string;
}

const FOLDERS = ["/usr/bin", "/run/current-system/sw/bin", "/usr/local/bin", "/bin"];

/** Path of fuse-overlayfs, or what keeps it from working. Looks at two files. */
export function findFuseOverlay(
  folders: readonly string[] = FOLDERS,
  device = "/dev/fuse",
): string | Obstacle {
  const executable = folders.map((folder) => `${folder}/fuse-overlayfs`).find(exists);
  if (executable === undefined) {
    return {
      reason: "fuse-overlayfs is not installed",
      remedy: "install it ('sudo apt install fuse-overlayfs')",
    };
  }
  if (!isReadWritable(device)) {
    return {
      reason: `"${device}" is missing or not accessible`,
      remedy: `run 'sudo modprobe fuse && sudo chmod 0666 ${device}'`,
    };
  }
  return executable;
}

/** What keeps the kernel's overlay from working on the file system of the store; undefined when it works. */
export function overlayProblem(request: Omit<DriverRequest, "wanted">): Obstacle | undefined {
  const { userns, directory, runtimeDir } = request;
  const reason = overlayObstacle(userns, directory, runtimeDir);
  return reason === undefined ? undefined : {
    reason,
    remedy:
      "use Linux 5.11 or newer with the store on ext4, xfs, btrfs or tmpfs ('--data-root'), or choose another driver",
  };
}

/**
 * The best driver that works here: overlay, then fuse-overlayfs, then copy. Whether overlay works is
 * tried once and remembered, so that it costs the next commands one small file.
 * @throws TsboxError "host" with the remedy when the wanted one does not work
 */
export function chooseDriver(request: DriverRequest): Driver {
  const { wanted } = request;
  if (wanted === "copy") return { name: "copy" };
  if (wanted !== "fuse-overlayfs") {
    const problem = overlayProblem(request);
    if (problem === undefined) return { name: "overlay" };
    if (wanted === "overlay") throw cannotUse(wanted, request.directory, problem);
  }
  const fuse = findFuseOverlay();
  if (typeof fuse === "string") return { name: "fuse-overlayfs", executable: fuse };
  if (wanted === "fuse-overlayfs") throw cannotUse(wanted, request.directory, fuse);
  return { name: "copy" };
}

function cannotUse(
  driver: DriverName,
  directory: string,
  { reason, remedy }: Obstacle,
): TsboxError {
  const message = `Cannot use the storage driver ${driver} for "${directory}": ${reason}`;
  return new TsboxError("host", message, { hint: remedy });
}
