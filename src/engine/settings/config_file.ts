/** The settings file: who owns it decides which registries are trusted. */
import { TsboxError } from "../../errors.ts";
import { S_IFMT, S_IFREG } from "../../ffi/constants.ts";
import { closeFile, openFileStatus, readOpenFile } from "../../ffi/quick_files.ts";
import { fieldsOf } from "./kinds.ts";

/** A file that was opened by its name; what is looked at is what is read. */
export interface OpenConfig {
  path: string;
  fd: number;
}

const WRITABLE_BY_ALL = 0o002;
/** Bytes. */
const MAX_SIZE = 1024 * 1024;

/**
 * The fields of the file's object; the file is closed.
 * @param uid the caller: the file must be theirs, or root's
 * @throws TsboxError("host") for a file that others can change, "invalid-argument" for what is no JSON object
 */
export function readConfig({ path, fd }: OpenConfig, uid: number): ReadonlyMap<string, unknown> {
  try {
    refuseForeign(path, fd, uid);
    const bytes = readOpenFile(fd, path, MAX_SIZE + 1);
    if (bytes.length > MAX_SIZE) throw notUsable(path, "it is larger than 1 MiB");
    return parse(path, bytes);
  } finally {
    closeFile(fd);
  }
}

function refuseForeign(path: string, fd: number, uid: number): void {
  const status = openFileStatus(fd);
  if (status === undefined || (status.mode & S_IFMT) !== S_IFREG) {
    throw notUsable(path, "it is no file");
  }
  const isOwn = status.uid === uid || status.uid === 0;
  if (isOwn && (status.mode & WRITABLE_BY_ALL) === 0) return;
  const why = isOwn ? "everybody can write it" : `it belongs to the user ${status.uid}`;
  throw new TsboxError("host", `Cannot use "${path}": ${why}`, {
    hint: "it decides which registries are trusted: make it yours, with mode 0644",
  });
}

function parse(path: string, bytes: Uint8Array): ReadonlyMap<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TsboxError("invalid-argument", `Cannot use "${path}": it is not JSON`, {
      cause,
      hint: reason(cause),
    });
  }
  try {
    return fieldsOf(value, "");
  } catch {
    throw notUsable(path, "it is not a JSON object");
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.slice(0, 120) : "check its syntax";
}

function notUsable(path: string, why: string): TsboxError {
  return new TsboxError("invalid-argument", `Cannot use "${path}": ${why}`, {
    hint: 'it looks like {"registry-mirrors": ["https://mirror.example"]}',
  });
}
