/** Where the caller's ids come from, and whether that is still as it was. */
import { fileStatus } from "../ffi/quick_files.ts";
import { HELPER_FOLDERS } from "./id_helpers.ts";

/** Whose ids are wanted, and which. */
export interface IdRequest {
  uid: number;
  gid: number;
  /** The caller's name if /etc/passwd does not know the uid (users of NIS, LDAP, sssd): `$USER`. */
  name?: string | undefined;
  mode: "auto" | "single";
}

/** Where the facts are; tests give their own. */
export interface IdFiles {
  passwd: string;
  subuid: string;
  subgid: string;
  nsswitch: string;
  /** Folders where newuidmap and newgidmap are looked for. */
  helpers: readonly string[];
}

export const HOST_FILES: IdFiles = {
  passwd: "/etc/passwd",
  subuid: "/etc/subuid",
  subgid: "/etc/subgid",
  nsswitch: "/etc/nsswitch.conf",
  helpers: HELPER_FOLDERS,
};

/**
 * A text that changes whenever what {@link IdRequest} gets by the files may change: who asks, and which
 * files these are, how large and when they were changed. They need not be read for it.
 */
export function idSource({ uid, gid, name = "", mode }: IdRequest, files = HOST_FILES): string {
  if (mode === "single") return `${uid} ${gid} single`;
  const { passwd, subuid, subgid } = files;
  return `${uid} ${gid} ${name} ${stamp(passwd)} ${stamp(subuid)} ${stamp(subgid)}`;
}

/** Replacing a file gives it another inode, writing to it another time of change, which nobody can set. */
function stamp(path: string): string {
  const status = fileStatus(path);
  if (status === undefined) return "none";
  const { device, inode, size, changed } = status;
  return `${device}/${inode}/${size}/${changed}`;
}
