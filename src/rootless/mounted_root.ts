/** The root file system of a container that does not run, as it would see it: for a worker of ours. */
import { AT_FDCWD, MS, O } from "../ffi/constants.ts";
import type { Program, Register } from "../ffi/program.ts";
import type { SpecMount } from "../oci/runtime_spec.ts";
import { opOwnMounts } from "./drivers/enter_user_namespace.ts";
import { type BindSource, opMount, opOpenSource } from "./launch/mount_ops.ts";
import { opMountRootfs, opReadOnlyRoot, type Rootfs } from "./launch/rootfs_ops.ts";

/** What is mounted. */
export interface MountedRoot {
  rootfs: Rootfs;
  /** Binds, in the order they are made. */
  mounts: readonly (BindSource & { mount: SpecMount })[];
  /** The root file system itself, not what is mounted on it. */
  readOnly: boolean;
}

/** Above the descriptors that one who starts a worker has in practice. */
const FIRST_FREE = 300;

/**
 * Appends the ops by which a worker gets a mount namespace with the root in it; they end with it. Targets are looked
 * for with the root as `/`, so that no link in it leads out; the worker itself stays in the host's.
 * @returns where the descriptor of the root will be: O_PATH, close-on-exec
 */
export function opMountedRoot(
  program: Program,
  { rootfs, mounts, readOnly }: MountedRoot,
): Register {
  const { arena } = program;
  const [host, root] = [program.register(), program.register()];
  const [top, here] = [arena.text("/"), arena.text(".")];
  const flags = O.PATH | O.DIRECTORY | O.CLOEXEC;
  opOwnMounts(program);
  program.op("make mounts private", "mount", [0, top, 0, MS.REC | MS.PRIVATE, 0]);
  const prepared = mounts.map(({ mount, ...source }) => opOpenSource(program, mount, source));
  program.op("open the host's root", "openat", [AT_FDCWD, top, flags, 0], { into: host });
  const path = opMountRootfs(program, rootfs, FIRST_FREE + mounts.length);
  program.op(`enter "${path}"`, "chdir", [arena.text(path)]);
  program.op(`change the root to "${path}"`, "chroot", [here]);
  program.op("enter the root", "chdir", [top]);
  const known = { ours: new Set<string>(), there: new Set<string>() };
  for (const mount of prepared) opMount(program, mount, known);
  if (readOnly) opReadOnlyRoot(program);
  program.op("open the root", "openat", [AT_FDCWD, top, flags, 0], { into: root });
  program.op("go back to the host's root", "fchdir", [host]);
  program.op("go back to the host's root", "chroot", [here]);
  return root;
}
