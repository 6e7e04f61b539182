/** Whether a volume would be any different after it was filled: a worker costs more than to look. */
import { attributeNames } from "../ffi/file_copy.ts";
import { bytesOfText, openAt, statusAt } from "../ffi/files.ts";
import { AT_FDCWD } from "../ffi/constants.ts";
import { ERRNO } from "../ffi/errno.ts";
import { closeFile, isErrno } from "../ffi/quick_files.ts";
import { closeSources, openLayers, openMergedDirectory } from "./merged_path.ts";
import { mergedNames, OPEN_DIRECTORY, type Source } from "./merged_tree.ts";

/**
 * False when the image has no directory at `path`, or an empty one that is like the volume's already. True
 * also when the caller, who is not root of the user namespace, may not look.
 * @param layers absolute paths of unpacked layers, the topmost first
 * @param data absolute path of the volume's data, which is empty
 * @throws SyscallError
 */
export function needsFilling(layers: readonly string[], path: string, data: string): boolean {
  let tops: Source[] = [];
  try {
    tops = openLayers(layers);
    const sources = openMergedDirectory(tops, bytesOfText(path));
    if (sources === undefined) return false;
    try {
      return mergedNames(sources).size > 0 || !isLike(sources, data);
    } finally {
      closeSources(sources);
    }
  } catch (thrown) {
    if (isErrno(thrown, ERRNO.EACCES)) return true;
    throw thrown;
  } finally {
    closeSources(tops);
  }
}

function isLike([top]: readonly Source[], data: string): boolean {
  const fd = openAt(AT_FDCWD, bytesOfText(data), OPEN_DIRECTORY);
  if (fd < 0) return false;
  try {
    const [ours, theirs] = [statusAt(fd, ""), top && statusAt(top.fd, "")];
    return top !== undefined && attributeNames(top.fd).length === 0 &&
      ours?.mode === theirs?.mode && ours?.uid === theirs?.uid && ours?.gid === theirs?.gid;
  } finally {
    closeFile(fd);
  }
}
