/** Names of archive members as places in a layer: relative, clean, never above its top. */
import type { ByteString } from "../../ffi/files.ts";
import { corruptArchive, shown } from "../tar/entry.ts";

/** A place in a layer. The top itself is "." in "". */
export interface Place {
  /** Directory, without slashes around; empty is the top. */
  parent: ByteString;
  /** Last component. */
  leaf: ByteString;
}

/** Finds components that are empty, "." or "..". */
const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * Where a member goes. Absolute names count from the top of the layer, as docker and tar take them.
 * @throws TsboxError "corrupt" when ".." leads above the top
 */
export function placeOf(name: ByteString): Place {
  const path = cleanPath(name);
  if (path === "") return { parent: "", leaf: "." };
  const slash = path.lastIndexOf("/");
  return { parent: slash < 0 ? "" : path.slice(0, slash), leaf: path.slice(slash + 1) };
}

/** The path of a place, for comparing and as a key; empty for the top. */
export function pathOf({ parent, leaf }: Place): ByteString {
  if (leaf === ".") return parent;
  return parent === "" ? leaf : `${parent}/${leaf}`;
}

function cleanPath(name: ByteString): ByteString {
  const trimmed = name.endsWith("/") ? name.slice(0, -1) : name;
  const path = trimmed.startsWith("./") ? trimmed.slice(2) : trimmed;
  return UNCLEAN.test(path) ? resolved(path) : path;
}

function resolved(path: ByteString): ByteString {
  const parts: ByteString[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw corruptArchive(`${shown(path)} leaves the layer`);
  }
  return parts.join("/");
}
