import { cleanPath } from "../../container/paths.ts";

/** `path` seen from the directory `cwd`. */
export function absolutePath(cwd: string, path: string): string {
  return cleanPath(path.startsWith("/") ? path : `${cwd}/${path}`);
}
