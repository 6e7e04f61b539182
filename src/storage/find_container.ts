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
  for (const id of meantIds(dataRoot, text)) {
    const found = readContainer(`${dataRoot}/containers/${id}`);
    if (found !== undefined) return found;
  }
  if (damagedContainer(dataRoot, text) === undefined) {
    throw new TsboxError("not-found", `No such container: ${text}`);
  }
  throw new TsboxError("corrupt", `Cannot use the container ${text}: its record cannot be read`, {
    hint: "'tsbox system check' says where its files are",
  });
}

/** The id of the container a user means, when it has a record that cannot be read; else undefined. */
export function damagedContainer(dataRoot: string, text: string): string | undefined {
  for (const id of meantIds(dataRoot, text)) {
    if (hasUnreadableRecord(`${dataRoot}/containers/${id}`)) return id;
  }
  return undefined;
}

/** What a word may mean, the best first. */
function* meantIds(dataRoot: string, text: string): Generator<string> {
  const word = text.startsWith("/") ? text.slice(1) : text;
  if (!isFileName(word)) return;
  const exact = exactId(dataRoot, word);
  if (exact !== undefined) yield exact;
  const begun = idThatBegins(dataRoot, word);
  if (begun !== undefined) yield begun;
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

const isId = (word: string) => word.length === 64 && /^[a-f0-9]+$/.test(word);

function idThatBegins(dataRoot: string, word: string): string | undefined {
  if (!/^[a-f0-9]+$/.test(word)) return undefined;
  const ids = containerIds(dataRoot).filter((id) => id.startsWith(word));
  if (ids.length <= 1) return ids[0];
  throw new TsboxError(
    "invalid-argument",
    `Multiple IDs found with provided prefix: ${word}`,
    { hint: "use more of the ID" },
  );
}
