/** Patterns of names of images, by the rules of Go's path.Match, which docker's filter `reference` has. Pure. */
import { TsboxError } from "../errors.ts";

/** One character of a class: `-` and `]` only behind a backslash. */
const MEMBER = String.raw`(?:\\.|[^\\\]\-])`;
const RANGE = `(${MEMBER})(?:-(${MEMBER}))?`;
const PIECE = [
  String.raw`\\(?<quoted>.)`,
  String.raw`(?<wild>\*+|\?)`,
  String.raw`\[(?<not>\^?)(?<ranges>(?:${MEMBER}(?:-${MEMBER})?)+)\]`,
  String.raw`(?<plain>[^\\[])`,
].join("|");

/** `*` and `?` stay within a path component, `[a-z]` and `[^a-z]` do not; a backslash makes any character plain. */
const WILD: Readonly<Record<string, string>> = { "*": "[^/]*", "?": "[^/]" };

/**
 * What fits is a whole text.
 * @throws TsboxError "invalid-argument" for a class without end and a backslash at the end
 */
export function namePattern(text: string): RegExp {
  const piece = new RegExp(PIECE, "suy");
  let source = "";
  while (piece.lastIndex < text.length) {
    const { groups } = piece.exec(text) ?? {};
    if (groups === undefined) throw badPattern(text);
    const { quoted, wild = "", not = "", ranges, plain = "" } = groups;
    if (ranges !== undefined) source += `[${not}${members(ranges)}]`;
    else source += WILD[wild.charAt(0)] ?? literal(quoted ?? plain);
  }
  return new RegExp(`^(?:${source})$`, "su");
}

/** A range that runs backwards has nothing in it. */
function members(ranges: string): string {
  let source = "";
  for (const [, from = "", to = from] of ranges.matchAll(new RegExp(RANGE, "gsu"))) {
    const [first, last] = [codeOf(from), codeOf(to)];
    if (first <= last) source += `${escaped(first)}-${escaped(last)}`;
  }
  return source;
}

function codeOf(member: string): number {
  return member.replace(/^\\(?=.)/su, "").codePointAt(0) ?? 0;
}

function literal(character: string): string {
  return escaped(character.codePointAt(0) ?? 0);
}

function escaped(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

function badPattern(text: string): TsboxError {
  return new TsboxError("invalid-argument", `syntax error in pattern ${JSON.stringify(text)}`, {
    hint: "write \\[ and \\\\ where a bracket or a backslash is meant",
  });
}
