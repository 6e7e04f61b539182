/** What unpacking a layer is told, and what it tells. Pure. */

/** Bounds of what a layer may become. */
export interface UnpackLimits {
  /** Of all files together, holes included, and of the uncompressed archive. */
  bytes: number;
  /** Of members. */
  entries: number;
}

export interface WriterOptions {
  /** With `single`, owners other than root cannot be set; that is counted, not refused. */
  ids: "full" | "single";
  /** There is no layer below: nothing to hide. */
  isBase: boolean;
  limits: UnpackLimits;
}

/** What was written, and what could not be. */
export interface WriterCounts {
  size: number;
  entries: number;
  ownersLost: boolean;
  skippedDevices: number;
  skippedXattrs: number;
}
