/** What a `--format` template consists of: the part of Go's text/template that docker users write. */
import { TsboxError } from "../../errors.ts";

/** A piece of a template. */
export type Node =
  | { kind: "text"; text: string }
  | { kind: "print"; pipe: Pipe }
  | { kind: "if" | "with"; pipe: Pipe; body: Node[]; otherwise: Node[] }
  | { kind: "range"; pipe: Pipe; names: string[]; body: Node[]; otherwise: Node[] }
  | { kind: "break" | "continue" };

/** `$x := a | b c`: each command gets the value of the one before as its last argument. */
export interface Pipe {
  set?: { name: string; declares: boolean };
  /** A command is an operand, or a function or method and its arguments. */
  commands: Operand[][];
}

/** `path` is what follows: the `.A.B` of `$x.A.B`. */
export type Operand =
  | { kind: "dot"; path: string[] }
  | { kind: "variable"; name: string; path: string[] }
  | { kind: "pipe"; pipe: Pipe; path: string[] }
  | { kind: "function"; name: string }
  | { kind: "literal"; value: string | number | boolean | null };

/** A word of an action. */
export interface Token {
  kind: "string" | "number" | "word" | "variable" | "field" | "dot" | "sign";
  /** Of a string its value, of a field its name without the dot, of a variable its name with `$`. */
  text: string;
  /** White space stands before it: `$x .A` are two operands, `$x.A` is one. */
  spaced: boolean;
}

/** The error for a template that is not one. */
export function syntaxError(reason: string): TsboxError {
  return new TsboxError("invalid-argument", `template parsing error: ${reason}`);
}

const TOKEN =
  /("(?:[^"\\\n]|\\.)*"|`[^`]*`)|([+-]?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(\$\w*)|\.([A-Za-z_]\w*)|(\.)|(:=|[=|(),])/y;

const KINDS = ["string", "number", "word", "variable", "field", "dot", "sign"] as const;

/**
 * Cuts a template into texts and actions. `{{-` and `-}}` have removed the white space beside them,
 * comments are gone. Throws TsboxError("invalid-argument").
 */
export function cutTemplate(template: string): (string | Token[])[] {
  const pieces: (string | Token[])[] = [];
  let trim = false;
  for (let at = 0; at < template.length;) {
    const open = template.indexOf("{{", at);
    const text = open < 0 ? template.slice(at) : template.slice(at, open);
    const trimEnd = open >= 0 && /^\{\{-\s/.test(template.slice(open));
    pieces.push(trimmed(text, trim, trimEnd));
    if (open < 0) break;
    const action = readAction(template, open + (trimEnd ? 3 : 2));
    pieces.push(action.tokens);
    [at, trim] = [action.end, action.trimsAfter];
  }
  return pieces.filter((piece) => piece.length > 0);
}

function trimmed(text: string, start: boolean, end: boolean): string {
  const left = start ? text.trimStart() : text;
  return end ? left.trimEnd() : left;
}

interface Action {
  tokens: Token[];
  /** Where the text after `}}` begins. */
  end: number;
  trimsAfter: boolean;
}

function readAction(template: string, start: number): Action {
  const comment = /\s*\/\*[^]*?\*\/(\s+-)?\}\}/y;
  comment.lastIndex = start;
  const skipped = comment.exec(template);
  if (skipped) {
    return { tokens: [], end: comment.lastIndex, trimsAfter: skipped[1] !== undefined };
  }
  const tokens: Token[] = [];
  for (let at = start;;) {
    const next = skipSpace(template, at);
    const close = /(-?)\}\}/y;
    close.lastIndex = next;
    const closed = close.exec(template);
    if (closed && (closed[1] === "" || next > at)) {
      if (tokens.length === 0) throw syntaxError("missing value for command");
      return { tokens, end: close.lastIndex, trimsAfter: closed[1] === "-" };
    }
    const { token, end } = readToken(template, next);
    tokens.push({ ...token, spaced: next > at });
    at = end;
  }
}

function skipSpace(template: string, at: number): number {
  const space = /\s*/y;
  space.lastIndex = at;
  space.exec(template);
  return space.lastIndex;
}

function readToken(template: string, at: number): { token: Omit<Token, "spaced">; end: number } {
  if (at >= template.length) throw syntaxError("unclosed action");
  TOKEN.lastIndex = at;
  const match = TOKEN.exec(template);
  const index = match?.slice(1).findIndex((group) => group !== undefined) ?? -1;
  const [kind, text] = [KINDS[index], match?.[index + 1]];
  if (match === null || kind === undefined || text === undefined) {
    const rest = template.slice(at, at + 1);
    throw syntaxError(
      rest === '"' ? "unterminated quoted string" : `unexpected ${JSON.stringify(rest)} in action`,
    );
  }
  return { token: { kind, text: kind === "string" ? unquote(text) : text }, end: TOKEN.lastIndex };
}

function unquote(text: string): string {
  if (text.startsWith("`")) return text.slice(1, -1);
  try {
    const value: unknown = JSON.parse(text.replaceAll("\t", "\\t"));
    return String(value);
  } catch (cause) {
    throw new TsboxError("invalid-argument", `template parsing error: invalid string ${text}`, {
      cause,
    });
  }
}
