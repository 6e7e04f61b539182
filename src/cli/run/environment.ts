import { ERRNO } from "../../ffi/errno.ts";
import { isErrno, readBytes } from "../../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../../errors.ts";

/** Variables to set, in order, and names to take out of the image's. */
export interface Environment {
  env: string[];
  unsetEnv: string[];
}

type Lookup = Readonly<Record<string, string | undefined>>;

/**
 * `--env-file` files first, then `-e`; of one name the last counts. A bare `-e K` takes the
 * caller's K, and removes the image's when the caller has none.
 */
export function makeEnvironment(
  files: readonly string[],
  flags: readonly string[],
  caller: Lookup,
): Environment {
  const values = new Map<string, string | undefined>();
  const set = (name: string, value: string | undefined) => {
    values.delete(name);
    values.set(name, value);
  };
  for (const path of files) {
    for (const [name, value] of readKeyValues(path, "env")) {
      const known = value ?? caller[name];
      if (known !== undefined) set(name, known);
    }
  }
  for (const flag of flags) {
    const [name, value] = splitPair(flag);
    set(name, value ?? caller[name]);
  }
  const env: string[] = [];
  const unsetEnv: string[] = [];
  for (const [name, value] of values) {
    if (value === undefined) unsetEnv.push(name);
    else env.push(`${name}=${value}`);
  }
  return { env, unsetEnv };
}

/** `K=V` into name and value; the value is undefined without an equals sign. */
export function splitPair(text: string): [string, string | undefined] {
  const equals = text.indexOf("=");
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** The lines of a file in docker's env-file grammar: `K=V`, `K`, `# comment`, blank. */
export function readKeyValues(
  path: string,
  kind: "env" | "label",
): [string, string | undefined][] {
  const lines = fileLines(path, kind);
  const wrong = (reason: string) =>
    new TsboxError("invalid-argument", `invalid ${kind} file (${path}): ${reason}`);
  const pairs: [string, string | undefined][] = [];
  for (const raw of lines) {
    const line = raw.trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const [name, value] = splitPair(line);
    if (/\s/.test(name)) throw wrong(`variable '${name}' contains whitespaces`);
    if (name === "") throw wrong(`no variable name on line '${line}'`);
    if (line.includes("\0")) throw wrong(`variable '${name}' contains a zero byte`);
    pairs.push([name, value]);
  }
  return pairs;
}

function fileLines(path: string, kind: string): string[] {
  const bytes = readFile(path);
  try {
    // A byte order mark at the start is dropped by the decoder, as docker does.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).split(/\r?\n/);
  } catch (cause) {
    throw new TsboxError("invalid-argument", `invalid ${kind} file (${path}): not valid UTF-8`, {
      cause,
    });
  }
}

/** Reads a file the user named. Throws TsboxError("not-found"|"invalid-argument"). */
export function readFile(path: string): Uint8Array {
  try {
    return readBytes(path);
  } catch (cause) {
    if (isErrno(cause, ERRNO.ENOENT)) {
      throw new TsboxError("not-found", `open ${path}: no such file or directory`, { cause });
    }
    throw new TsboxError("invalid-argument", `Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
