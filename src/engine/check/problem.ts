/** Something in the store that is not as it must be. */
export interface Problem {
  /** What is wrong, on what, in one line. */
  what: string;
  /** What `--repair` does about it, or what the user can do where it cannot. */
  remedy: string;
  /** Mends it; undefined where nothing but the user can. The caller holds layers.lock exclusively. */
  mend?: () => void | Promise<void>;
}

/** Names for people: a digest's first twelve digits. */
export function short(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}
