/** What container a word means. */
import { TsboxError } from "../errors.ts";
import { exactId, isFileName, isHexadecimal } from "./container_id.ts";
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
