/** Where the setuid programs newuidmap and newgidmap are: never looked up by the caller's PATH. */

import { exists } from "../ffi/quick_files.ts";

export const HELPER_FOLDERS = ["/usr/bin", "/run/wrappers/bin", "/usr/local/bin", "/bin"] as const;

/** The two programs that write maps with subordinate ids. */
export const ID_HELPERS = ["newuidmap", "newgidmap"] as const;

/** The path of a helper; undefined when it is not installed. */
export function findHelper(
  name: string,
  folders: readonly string[] = HELPER_FOLDERS,
): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find((path) => exists(path));
}
