/** Which container a word can mean, by what it looks like. Without regular expressions, each of which takes its time. */
import { readLink } from "../ffi/quick_files.ts";

/** Anything else would be a path. */
export function isFileName(word: string): boolean {
  return word !== "" && !word.startsWith(".") && !word.includes("/") && !word.includes("\0");
}

/** The id that a word is, or is the name of; whether there is such a container is another matter. @param word a file name */
export function exactId(dataRoot: string, word: string): string | undefined {
  if (isId(word)) return word;
  const named = readLink(`${dataRoot}/names/${word}`);
  // A link that somebody else made could lead anywhere.
  return named !== undefined && isId(named) ? named : undefined;
}

const isId = (word: string) => word.length === 64 && isHexadecimal(word);

/** Lower case only. */
export function isHexadecimal(word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if (!"0123456789abcdef".includes(word.charAt(i))) return false;
  }
  return true;
}
