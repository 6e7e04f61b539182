/** Owners, modes and extended attributes of a layer's files, as far as the user namespace can have them. */
import { ERRNO } from "../../ffi/errno.ts";
import { setAttribute } from "../../ffi/files.ts";
import { TsboxError } from "../../errors.ts";
import { shown, type TarEntry } from "../tar/entry.ts";
import { isAllowedAttribute } from "./attributes.ts";
import type { WriterCounts, WriterOptions } from "./options.ts";
import { failed } from "./tree.ts";

const ENODATA = 61;
const EOPNOTSUPP = 95;

/** Refusals that mean "this file system, or this user, cannot have the attribute". */
const NOT_KEPT = new Set([ERRNO.EPERM, ERRNO.EINVAL, ENODATA, EOPNOTSUPP]);

export class Metadata {
  readonly #ids: WriterOptions["ids"];
  readonly #counts: WriterCounts;

  /** @param counts what cannot be kept is counted there */
  constructor(ids: WriterOptions["ids"], counts: WriterCounts) {
    this.#ids = ids;
    this.#counts = counts;
  }

  /**
   * Sets the owner of a file that was made by root, or, with `always`, may have another owner already.
   * @param change sets it; returns 0 or `-errno`
   * @returns whether it was set, which clears setuid and setgid
   */
  setOwner(
    { uid, gid, name }: TarEntry,
    change: (uid: number, gid: number) => number,
    always = false,
  ): boolean {
    const isRoots = uid === 0 && gid === 0;
    if (isRoots && !always) return false;
    if (this.#ids === "single") {
      if (!isRoots) this.#counts.ownersLost = true;
      return false;
    }
    const result = change(uid, gid);
    if (result === -ERRNO.EINVAL) throw unmapped(uid, gid, name);
    if (result < 0) throw failed(-result, "set the owner of", name);
    return true;
  }

  /** The mode to set. A program that ran as a user we do not have must not run as root instead. */
  modeOf({ mode, uid, gid }: TarEntry): number {
    if (this.#ids === "full") return mode;
    return mode & (uid === 0 ? ~0 : ~0o4000) & (gid === 0 ? ~0 : ~0o2000);
  }

  /** @param fd open for reading or writing */
  setAttributes(fd: number, entry: TarEntry): void {
    for (const { name, value } of entry.xattrs) {
      const result = isAllowedAttribute(name) ? setAttribute(fd, name, value) : -ERRNO.EPERM;
      if (result === 0) continue;
      if (!NOT_KEPT.has(-result)) throw failed(-result, "set an attribute of", entry.name);
      this.#counts.skippedXattrs++;
    }
  }
}

function unmapped(uid: number, gid: number, name: string): TsboxError {
  return new TsboxError(
    "unsupported",
    `Cannot unpack the layer: ${shown(name)} belongs to ${uid}:${gid}, which is not mapped`,
    { hint: "give the user more subordinate ids in /etc/subuid and /etc/subgid" },
  );
}
