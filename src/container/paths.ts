/** Paths inside a container, as text: no file system is asked. */

/** An absolute path without `.`, `..`, double or final slashes; `..` at the root stays there. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Number of names in a clean absolute path. */
export function depth(path: string): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}

/** `path` is `folder` or below it; both clean. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
