import { type ContainerLock, lockIfFree } from "../../storage/container_lock.ts";

/** Milliseconds that a look at a container may take. */
const LOOK_TIME = 1000;
const POLL = 5;

/**
 * The lock of a container that is to be started; undefined when somebody keeps it. Who only looks at the container
 * holds it for a moment.
 */
export async function lockToStart(directory: string): Promise<ContainerLock | undefined> {
  for (const deadline = performance.now() + LOOK_TIME;; await Bun.sleep(POLL)) {
    const lock = lockIfFree(directory, "exclusive");
    if (lock !== undefined || performance.now() > deadline) return lock;
  }
}
