/** What container a word means. */
import { TsboxError } from "../errors.ts";
import { ownerOf } from "./container_name.ts";
import { hasUnreadableRecord } from "./container_record.ts";
import { containerIds, readContainer, type StoredContainer } from "./containers.ts";

/**
 * The container a user means: by full id, by name, by unambiguous prefix of the id, docker's order.
 * Throws TsboxError("not-found") or ("invalid-argument") in docker's words, ("corrupt") for a damaged one.
 */
export function findContainer(dataRoot: string, text: string): StoredContainer {
  const found = meant(dataRoot, text, (id) => readContainer(`${dataRoot}/containers/${id}`));
  if (found !== undefined) return found;
  if (damagedContainer(dataRoot, text) === undefined) {
    throw new TsboxError("not-found", `No such container: ${text}`);
  }
  throw new TsboxError("corrupt", `Cannot use the container ${text}: its record cannot be read`, {
    hint: "'tsbox system check' says where its files are",
  });
}

/** The id of the container a user means, when it has a record that cannot be read; else undefined. */
export function damagedContainer(dataRoot: string, text: string): string | undefined {
  const damaged = (id: string) =>
    hasUnreadableRecord(`${dataRoot}/containers/${id}`) ? id : undefined;
  return meant(dataRoot, text, damaged);
}

/** What `look` finds for the first id that a word may mean: the exact one, or else one that it begins. */
function meant<T>(
  dataRoot: string,
  text: string,
  look: (id: string) => T | undefined,
): T | undefined {
  const word = text.startsWith("/") ? text.slice(1) : text;
  if (!isFileName(word)) return undefined;
  const exact = exactId(dataRoot, word);
  const found = exact === undefined ? undefined : look(exact);
  if (found !== undefined) return found;
  const begun = idThatBegins(dataRoot, word);
  return begun === undefined ? undefined : look(begun);
}

/** Anything else would be a path. Without a regular expression, each of which takes its time. */
function isFileName(word: string): boolean {
  return word !== "" && !word.startsWith(".") && !word.includes("/") && !word.includes("\0");
}

function exactId(dataRoot: string, word: string): string | undefined {
  if (isId(word)) return word;
  const named = ownerOf(dataRoot, word);
  // A link that somebody else made could lead anywhere.
  return named !== undefined && isId(named) ? named : undefined;
}

const isId = (word: string) => word.length === 64 && isHexadecimal(word);

/** Lower case only. Without a regular expression, as above. */
function isHexadecimal(word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if (!"0123456789abcdef".includes(word.charAt(i))) return false;
  }
  return true;
}

function idThatBegins(dataRoot: string, word: string): string | undefined {
  if (!isHexadecimal(word)) return undefined;
  const ids = containerIds(dataRoot).filter((id) => id.startsWith(word));
  if (ids.length <= 1) return ids[0];
  throw new TsboxError(
    "invalid-argument",
    `Multiple IDs found with provided prefix: ${word}`,
    { hint: "use more of the ID" },
  );
}
