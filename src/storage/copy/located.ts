/** Finding what a path means below a directory that is taken for "/": the host's root, or a container's. */
import {
  type ByteString,
  type FileStatus,
  openInRoot,
  readLinkAt,
  statusAt,
  textOfBytes,
} from "../../ffi/files.ts";
import { O } from "../../ffi/constants.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { raw, SyscallError } from "../../ffi/libc.ts";
import { TsboxError } from "../../errors.ts";
import { isDirectory, TYPE } from "../merged_tree.ts";

/** As many links as the kernel follows on one path. */
const MAX_LINKS = 40;
const ELOOP = 40;

/** Where something is, or would be. */
export interface Located {
  /** O_PATH: the directory it is in, to be closed by the caller. */
  parent: number;
  /** Its name there; `.` for a directory that was named so, or the top. */
  leaf: ByteString;
  /** Below the root, absolute: where `parent` was found. */
  folder: ByteString;
  /** Undefined: nothing is there. */
  status: FileStatus | undefined;
}

/**
 * Finds an absolute path below `root`.
 * @param follow a symbolic link at the end is followed, also one to nothing
 * @returns undefined when the directory it is in does not exist
 * @throws SyscallError, TsboxError "invalid-argument" for a file that is to be a directory
 */
export function locate(root: number, path: ByteString, follow: boolean): Located | undefined {
  const followed = follow || namesDirectory(path);
  for (let links = 0, at = path; links < MAX_LINKS; links++) {
    const { folder, leaf } = split(at);
    const parent = openInRoot(root, folder, O.PATH | O.DIRECTORY);
    if (parent === -ERRNO.ENOENT) return undefined;
    if (parent < 0) throw failed(parent, folder);
    const status = statusAt(parent, leaf);
    const link = followed && status !== undefined && isLink(status) && readLinkAt(parent, leaf);
    if (!link) return { parent, leaf, folder, status: checkedStatus(status, path) };
    raw("close", parent);
    at = link.startsWith("/") ? link : `${folder}/${link}`;
  }
  throw failed(-ELOOP, path);
}

/** Whether a path says that it means a directory. */
export function namesDirectory(path: ByteString): boolean {
  return path.endsWith("/") || path.endsWith("/.") || path === ".";
}

/** Without slashes at the end; a directory's own name for itself stays a name. */
function split(path: ByteString): { folder: ByteString; leaf: ByteString } {
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  const slash = path.lastIndexOf("/", end - 1);
  const leaf = path.slice(slash + 1, end);
  // `..` is what the kernel finds, which need not be what the text says.
  if (leaf === "" || leaf === "." || leaf === "..") return { folder: path, leaf: "." };
  return { folder: path.slice(0, slash) || "/", leaf };
}

function checkedStatus(status: FileStatus | undefined, path: ByteString): FileStatus | undefined {
  if (status === undefined || isDirectory(status) || !namesDirectory(path)) return status;
  throw new TsboxError("invalid-argument", `"${textOfBytes(path)}" is not a directory`);
}

const isLink = ({ mode }: FileStatus) => (mode & TYPE.MASK) === TYPE.LINK;

function failed(result: number, path: ByteString): Error {
  if (result === -ERRNO.ENOTDIR) {
    return new TsboxError("invalid-argument", `"${textOfBytes(path)}" is not a directory`);
  }
  return new SyscallError(`open "${textOfBytes(path)}"`, "openat2", -result);
}
