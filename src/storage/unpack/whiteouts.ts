/** Members whose name says that something of the layers below is gone (OCI image spec, layer.md, "Whiteouts"). */
import type { ByteString } from "../../ffi/files.ts";
import { corruptArchive, shown } from "../tar/entry.ts";
import { pathOf, type Place, placeOf } from "./names.ts";

export type Whiteout =
  | { kind: "name"; place: Place }
  | { kind: "opaque"; directory: Place }
  /** Bookkeeping of aufs, in layers of old dockers. */
  | { kind: "ignored" };

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";
const AUFS = ".wh..wh.";

/**
 * What a member hides; undefined for an ordinary one.
 * @throws TsboxError "corrupt" when it would hide no name
 */
export function whiteoutOf(place: Place): Whiteout | undefined {
  const { parent, leaf } = place;
  if (parent.includes(AUFS) && parent.split("/").some(isAufs)) return { kind: "ignored" };
  if (!leaf.startsWith(PREFIX)) return undefined;
  if (leaf === OPAQUE) return { kind: "opaque", directory: placeOf(parent) };
  if (isAufs(leaf)) return { kind: "ignored" };
  const name = leaf.slice(PREFIX.length);
  if (name === "" || name === "." || name === "..") {
    throw corruptArchive(`the whiteout ${shown(pathOf(place))} names nothing`);
  }
  return { kind: "name", place: { parent, leaf: name } };
}

function isAufs(name: ByteString): boolean {
  return name.startsWith(AUFS);
}
