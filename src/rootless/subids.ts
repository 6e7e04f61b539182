/** Which subordinate ids are the caller's, by /etc/subuid and /etc/subgid (subuid(5)). */
import { readTextIfAny } from "../ffi/quick_files.ts";
import { TsboxError } from "../errors.ts";
import { findHelper, ID_HELPERS } from "./id_helpers.ts";
import { fullMap, type IdMap, type IdRange, singleMap } from "./id_map.ts";
import { HOST_FILES, type IdFiles, type IdRequest, idSource } from "./id_source.ts";

/** Whose ids are asked for: a line is theirs by name or by number. */
export interface Owner {
  uid: number;
  /** Undefined when nobody knows the name of the uid. */
  name: string | undefined;
}

/** The caller's ids for a user namespace. */
export interface OwnIdMap extends IdMap {
  /** Why it is single although more was wanted; to be printed as a warning, or thrown where full is needed. */
  reason?: TsboxError | undefined;
}

/** The kernel's largest id, exclusive: (uid_t)-1 means "no id". */
const ID_END = 0xffff_ffff;
/** How many ids docker and useradd hand out. */
const USUAL_COUNT = 65536;
const FIRST_SUBID = 100_000;

interface OwnedRange extends IdRange {
  owner: string;
}

/** The well-formed lines `owner:start:count`; the others mean nothing to newuidmap either. */
function parseLines(text: string): OwnedRange[] {
  return text.split("\n").flatMap((line) => {
    const match = /^([^:#\s]+):(\d{1,10}):(\d{1,10})\s*$/.exec(line);
    const [, owner = "", start = "", count = ""] = match ?? [];
    const range = { owner, start: Number(start), count: Number(count) };
    const sound = match !== null && range.start > 0 && range.count > 0 &&
      range.start + range.count <= ID_END;
    return sound ? [range] : [];
  });
}

/** What is left of `range` when `taken` is cut out of it. */
function without(range: IdRange, taken: IdRange): IdRange[] {
  const [end, takenEnd] = [range.start + range.count, taken.start + taken.count];
  if (takenEnd <= range.start || end <= taken.start) return [range];
  const before = { start: range.start, count: taken.start - range.start };
  const after = { start: takenEnd, count: end - takenEnd };
  return [before, after].filter((rest) => rest.count > 0);
}

/** Ranges that share no id with each other or with `own`: the kernel refuses a map that names one twice. */
function disjoint(ranges: readonly IdRange[], own: number): IdRange[] {
  const kept: IdRange[] = [];
  for (const { start, count } of ranges) {
    const taken = [{ start: own, count: 1 }, ...kept];
    kept.push(...taken.reduce((rest, t) => rest.flatMap((r) => without(r, t)), [{ start, count }]));
  }
  return kept;
}

/**
 * The owner's ranges in a file's order. Comments and malformed lines are skipped, ids named twice are
 * used once, and `own`, the id that is mapped anyway, is left out.
 */
export function parseSubids(text: string, owner: Owner, own = owner.uid): IdRange[] {
  const names = [owner.name, String(owner.uid)];
  return disjoint(parseLines(text).filter((line) => names.includes(line.owner)), own);
}

/** The first 65536 ids above all that a file hands out: what an administrator may give away next. */
export function nextFreeRange(...texts: readonly string[]): IdRange {
  const ends = texts.flatMap(parseLines).map((range) => range.start + range.count);
  return { start: Math.max(FIRST_SUBID, ...ends), count: USUAL_COUNT };
}

/** The user's name in the text of a passwd file. */
export function nameOf(passwd: string, uid: number): string | undefined {
  for (const line of passwd.split("\n")) {
    const [name, , id] = line.split(":");
    if (name && id === String(uid)) return name;
  }
  return undefined;
}

function textOf(path: string): string {
  return readTextIfAny(path) ?? "";
}

/**
 * Ranges that only libsubid knows (`subid: sss` in nsswitch.conf). The tool is not started where files
 * are the source, which is nearly everywhere: it would cost more than everything else here.
 */
function rangesByTool(files: IdFiles, owner: Owner, { kind, own }: Side): IdRange[] {
  if (owner.name === undefined || !/^subid:\s*(?!files\s*$)\S/m.test(textOf(files.nsswitch))) {
    return [];
  }
  const args = kind === "gid" ? ["-g", owner.name] : [owner.name];
  try {
    const { stdout } = Bun.spawnSync(["getsubids", ...args], { stdin: "ignore", stderr: "ignore" });
    return parseGetsubids(stdout.toString(), own);
  } catch {
    return [];
  }
}

/** The lines `0: alice 100000 65536` of getsubids(1). */
export function parseGetsubids(text: string, own: number): IdRange[] {
  const found = [...text.matchAll(/^\d+: \S+ (\d+) (\d+)$/gm)];
  return disjoint(
    found.map(([, start, count]) => ({ start: Number(start), count: Number(count) })),
    own,
  );
}

/** One file's part in a map: the ids it gives the owner, and the caller's own id beside them. */
interface Side {
  kind: "uid" | "gid";
  file: string;
  own: number;
}

/** Ids, and whether they stand in the host's files; else only a tool knows them. */
interface Found {
  ranges: IdRange[];
  listed: boolean;
}

function rangesOf(side: Side, owner: Owner, files: IdFiles): Found | TsboxError {
  const text = textOf(side.file);
  const listed = parseSubids(text, owner, side.own);
  if (listed.length > 0) return { ranges: listed, listed: true };
  const known = rangesByTool(files, owner, side);
  if (known.length === 0) return missingRange(side, owner, text);
  return { ranges: known, listed: false };
}

function missingRange({ kind, file }: Side, owner: Owner, text: string): TsboxError {
  const { start, count } = nextFreeRange(text);
  const who = owner.name ?? String(owner.uid);
  const range = `${start}-${start + count - 1}`;
  return new TsboxError("host", `cannot map ${kind} range: ${file} has no entry for ${who}`, {
    hint: `ask an administrator to run 'usermod --add-sub${kind}s ${range} ${who}', ` +
      "or pass --userns=single",
  });
}

function missingHelper(files: IdFiles): TsboxError | undefined {
  const missing = ID_HELPERS.find((name) => findHelper(name, files.helpers) === undefined);
  if (missing === undefined) return undefined;
  return new TsboxError("host", `cannot map subordinate ids: ${missing} is not installed`, {
    hint: "ask an administrator to run 'apt install uidmap', or pass --userns=single",
  });
}

/** The caller's subordinate ids. */
export interface OwnRanges {
  uids: IdRange[];
  gids: IdRange[];
  /** All of them stand in the host's files. */
  listed?: boolean;
}

/** All subordinate ids of the caller, or why there are none of one kind. */
export function ownRanges(
  { uid, gid, name }: Omit<IdRequest, "mode">,
  files: IdFiles = HOST_FILES,
): OwnRanges | TsboxError {
  const owner = { uid, name: nameOf(textOf(files.passwd), uid) ?? name };
  const uids = rangesOf({ kind: "uid", file: files.subuid, own: uid }, owner, files);
  if (uids instanceof TsboxError) return uids;
  const gids = rangesOf({ kind: "gid", file: files.subgid, own: gid }, owner, files);
  if (gids instanceof TsboxError) return gids;
  return { uids: uids.ranges, gids: gids.ranges, listed: uids.listed && gids.listed };
}

/**
 * The id maps of the caller: all subordinate ids, else only their own with the reason why.
 * Never fails; reads three small files.
 */
export function ownIdMap(request: IdRequest, files: IdFiles = HOST_FILES): OwnIdMap {
  const { uid, gid } = request;
  // Before anything is read: what changes afterwards is noticed by the next command.
  const source = idSource(request, files);
  const single = { ...singleMap(uid, gid), source: idSource({ uid, gid, mode: "single" }) };
  if (request.mode === "single") return single;
  const ranges = ownRanges(request, files);
  const reason = ranges instanceof TsboxError ? ranges : missingHelper(files);
  if (ranges instanceof TsboxError || reason !== undefined) return { ...single, reason };
  const { uids, gids, listed } = ranges;
  const map: IdMap = { kind: "full", uids: fullMap(uid, uids), gids: fullMap(gid, gids) };
  return listed ? { ...map, source } : map;
}

/** The caller's name for a message: what /etc/passwd says, else the given one, else the number. */
export function callerName({ uid, name }: Omit<IdRequest, "mode">): string {
  return nameOf(textOf(HOST_FILES.passwd), uid) ?? name ?? String(uid);
}
