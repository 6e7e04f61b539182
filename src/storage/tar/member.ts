/** Puts together what a header block and the extensions before it say about one member. */
import type { ByteString } from "../../ffi/files.ts";
import {
  corruptArchive,
  type EntryKind,
  shown,
  type SparseRegion,
  type TarEntry,
} from "./entry.ts";
import type { Header } from "./header.ts";
import { PaxValues } from "./pax.ts";
import { checkRegions, hasMapInData, regionsOfPax } from "./sparse.ts";
import { TsboxError } from "../../errors.ts";

const KINDS: Readonly<Record<string, EntryKind>> = {
  "0": "file",
  "7": "file", // "contiguous": no system of today knows the difference
  S: "file", // GNU's old sparse format
  "1": "hardlink",
  "2": "symlink",
  "3": "device",
  "4": "device",
  "5": "directory",
  "6": "fifo",
};

/** Largest id: the one above means "leave it" to chown(2). */
const MAX_ID = 0xffff_fffe;

/** What came before a header and counts for the member it introduces. */
export interface Extensions {
  pax: PaxValues;
  longName?: ByteString;
  longLink?: ByteString;
}

/** A member, and whether its sparse map still has to be read from the data. */
export interface Member {
  entry: TarEntry;
  mapInData: boolean;
}

/** @throws TsboxError "unsupported" for a kind of member no image has, "corrupt" for impossible values */
export function makeMember(header: Header, { pax, longName, longLink }: Extensions): Member {
  const name = pax.text("GNU.sparse.name") ?? pax.text("path") ?? longName ?? header.name;
  const kind = kindOf(header, name);
  const stored = kind === "file" ? pax.number("size") ?? header.size : 0;
  if (stored < 0) throw corruptArchive(`the size of ${shown(name)} is negative`);
  const regions = regionsOfPax(pax);
  const mapInData = kind === "file" && hasMapInData(pax);
  const size = pax.number("GNU.sparse.realsize") ?? pax.number("GNU.sparse.size") ?? stored;
  const entry: TarEntry = {
    kind,
    name,
    link: pax.text("linkpath") ?? longLink ?? header.link,
    mode: header.mode,
    uid: checkId(pax.number("uid") ?? header.uid, name),
    gid: checkId(pax.number("gid") ?? header.gid, name),
    mtime: pax.time("mtime") ?? { seconds: header.mtime, nanoseconds: 0 },
    size: kind === "file" ? size : 0,
    stored,
    xattrs: pax.attributes(),
  };
  return { entry: kind === "file" && regions ? withRegions(entry, regions) : entry, mapInData };
}

/** @throws TsboxError "corrupt" when the map does not fit the entry */
export function withRegions(entry: TarEntry, sparse: SparseRegion[]): TarEntry {
  checkRegions(sparse, entry.size, entry.stored);
  return { ...entry, sparse };
}

function kindOf(header: Header, name: ByteString): EntryKind {
  // Before POSIX a directory was a file whose name ends in a slash.
  if (header.type === "0" && name.endsWith("/")) return "directory";
  const kind = KINDS[header.type];
  if (kind !== undefined) return kind;
  throw new TsboxError(
    "unsupported",
    `Cannot unpack the layer: ${shown(name)} has the unknown type ${shown(header.type)}`,
  );
}

function checkId(id: number, name: ByteString): number {
  if (id >= 0 && id <= MAX_ID) return id;
  throw corruptArchive(`the owner of ${shown(name)} is out of range`);
}
