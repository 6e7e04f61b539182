/** What a container's root filesystem is made of, and the ways to put it together. */

/** From best to last: native overlay, the same by a fuse daemon, a plain copy of all layers. */
export type DriverName = "overlay" | "fuse-overlayfs" | "copy";

/** Directories that together are a root filesystem. All paths absolute; all directories exist. */
export interface LayeredRootfs {
  /** Unpacked layers, the topmost first; none of them is written to. */
  lower: readonly string[];
  /** Takes what the container writes. */
  upper: string;
  /** Empty, on the file system of `upper`: overlay's own. */
  work: string;
}
