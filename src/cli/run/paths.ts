/** Removes `.`, `..` and doubled slashes from an absolute path, without looking at the disk. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return "/" + parts.join("/");
}

/** `path` seen from the directory `cwd`. */
export function absolutePath(cwd: string, path: string): string {
  return cleanPath(path.startsWith("/") ? path : `${cwd}/${path}`);
}
