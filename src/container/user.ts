/**
 * Who the container's process is: docker's `-u` looked up in the image's own passwd and group.
 *
 * The rules are those of runc's user package; its one reading we do not follow is that a number which
 * does not parse counts as 0: such a line is not an entry here.
 */
import { TsboxError } from "../errors.ts";

/** The image's `/etc/passwd` and `/etc/group`; empty text when there is no such file. */
export interface UserFiles {
  passwd: string;
  group: string;
}

export interface ContainerUser {
  uid: number;
  gid: number;
  /** The primary group first, then supplementary ones. */
  additionalGids: number[];
  /** Those of them that do not come from the group file's lists of members alone. */
  requestedGids: number[];
  /** Home directory; `/` when nobody says. */
  home: string;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const MAX_ID = 0x7fffffff;
const MAX_DIGITS = 15;
/** Characters of a file; an image is untrusted and this is read on every start. */
const MAX_FILE = 16 * 1024 * 1024;
/** NGROUPS_MAX of linux/limits.h. */
const MAX_GROUPS = 65536;

/**
 * Resolves `user`, `uid`, `user:group`, `uid:gid`, ... and docker's `--group-add`.
 * @param spec what follows `-u`, or the image's USER; empty is root
 * @throws TsboxError("invalid-argument") for a name without an entry or a number out of range,
 *   TsboxError("limit-exceeded") for absurd files
 */
export function resolveUser(
  spec: string,
  groupAdd: readonly string[],
  files: UserFiles,
): ContainerUser {
  const colon = spec.indexOf(":");
  const name = colon < 0 ? spec : spec.slice(0, colon);
  const groupName = colon < 0 ? "" : spec.slice(colon + 1);
  const entry = findUser(name, files.passwd);
  const user = entry ?? { name: "", uid: numericUser(name), gid: 0, home: "/" };
  const gid = groupName === ""
    ? user.gid
    : findGroup(groupName, files.group, "unable to find group");
  const supplementary = groupName === "" && user.name !== ""
    ? groupsOf(user.name, files.group)
    : [];
  const added: number[] = [];
  for (const group of groupAdd) added.push(findGroup(group, files.group, "Unable to find group"));
  const additionalGids = unique([gid, ...supplementary, ...added]);
  if (additionalGids.length > MAX_GROUPS) {
    throw new TsboxError("limit-exceeded", `user "${spec}" is in more than ${MAX_GROUPS} groups`);
  }
  return {
    uid: user.uid,
    gid,
    additionalGids,
    requestedGids: unique([gid, ...added]),
    home: user.home === "" ? "/" : user.home,
  };
}

function unique(ids: readonly number[]): number[] {
  const found: number[] = [];
  for (const id of ids) if (!found.includes(id)) found.push(id);
  return found;
}

/** A number is always an id, also where the file has a user of that name. */
function findUser(name: string, passwd: string): PasswdEntry | undefined {
  const uid = name === "" ? 0 : parseNumber(name);
  let found: PasswdEntry | undefined;
  eachEntry(passwd, "passwd", (fields) => {
    const entry = passwdEntry(fields);
    const isIt = entry && (uid === undefined ? entry.name === name : entry.uid === uid);
    if (isIt) found = entry;
    return !isIt;
  });
  return found;
}

function numericUser(name: string): number {
  const uid = name === "" ? 0 : parseNumber(name);
  if (uid !== undefined) return inRange(uid);
  throw new TsboxError(
    "invalid-argument",
    `unable to find user ${name}: no matching entries in passwd file`,
  );
}

function findGroup(name: string, group: string, complaint: string): number {
  const gid = parseNumber(name);
  let found: number | undefined;
  eachEntry(group, "group", (fields) => {
    const entry = groupEntry(fields);
    const isIt = entry && (gid === undefined ? entry.name === name : entry.gid === gid);
    if (isIt) found = entry.gid;
    return !isIt;
  });
  if (found !== undefined) return found;
  if (gid !== undefined) return inRange(gid);
  throw new TsboxError(
    "invalid-argument",
    `${complaint} ${name}: no matching entries in group file`,
  );
}

function groupsOf(user: string, group: string): number[] {
  const gids: number[] = [];
  eachEntry(group, "group", (fields) => {
    const entry = groupEntry(fields);
    if (entry?.members.includes(user)) gids.push(entry.gid);
    return true;
  });
  return gids;
}

/**
 * Shows `look` the fields of each line until it returns false. No generator and no regular
 * expressions here: the first of each costs every start 0.1 ms.
 */
function eachEntry(text: string, what: string, look: (fields: string[]) => boolean): void {
  if (text.length > MAX_FILE) {
    throw new TsboxError(
      "limit-exceeded",
      `Cannot read the image's /etc/${what}: it is larger than ${MAX_FILE} bytes`,
    );
  }
  let at = 0;
  while (at < text.length) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, end).trim();
    if (line !== "" && !look(line.split(":"))) return;
    at = end + 1;
  }
}

/** name:password:uid:gid:comment:home:shell */
function passwdEntry(fields: readonly string[]): PasswdEntry | undefined {
  const [name = "", , uidText = "", gidText = "", , home = ""] = fields;
  const uid = idOf(uidText);
  const gid = idOf(gidText);
  if (uid === undefined || gid === undefined) return undefined;
  return { name, uid, gid, home };
}

/** name:password:gid:member,member */
function groupEntry(fields: readonly string[]): GroupEntry | undefined {
  const [name = "", , gidText = "", members = ""] = fields;
  const gid = idOf(gidText);
  return gid === undefined ? undefined : { name, gid, members: members.split(",") };
}

function idOf(text: string): number | undefined {
  const id = parseNumber(text);
  return id === undefined || id < 0 || id > MAX_ID ? undefined : id;
}

/** Digits with an optional sign; undefined for anything else, also for what no id can be. */
function parseNumber(text: string): number | undefined {
  const start = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
  if (text.length === start || text.length > start + MAX_DIGITS) return undefined;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return undefined;
  }
  return Number(text);
}

function inRange(id: number): number {
  if (id >= 0 && id <= MAX_ID) return id;
  throw new TsboxError("invalid-argument", `uids and gids must be in range 0-${MAX_ID}`);
}
