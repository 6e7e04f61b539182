import { isFunction } from "./template_functions.ts";
import { cutTemplate, type Node, type Operand, type Pipe, syntaxError } from "./template_syntax.ts";
import type { Token } from "./template_syntax.ts";

/** The words that end a body. */
type Ending = "end" | "else" | "text's end";

/** Reads a template. Throws TsboxError("invalid-argument"), docker's "template parsing error: ...". */
export function parseTemplate(template: string): Node[] {
  const parser = new Parser(cutTemplate(template));
  const { nodes, ending } = parser.body();
  if (ending !== "text's end") throw syntaxError(`unexpected {{${ending}}}`);
  return nodes;
}

class Parser {
  readonly #pieces: readonly (string | Token[])[];
  #next = 0;
  #loops = 0;

  constructor(pieces: readonly (string | Token[])[]) {
    this.#pieces = pieces;
  }

  /** The nodes up to the `end` or `else` that closes them; `rest` is what follows an `else`. */
  body(): { nodes: Node[]; ending: Ending; rest: TokenReader } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#next++];
      if (piece === undefined) {
        return { nodes, ending: "text's end", rest: new TokenReader([]) };
      }
      if (typeof piece === "string") {
        nodes.push({ kind: "text", text: piece });
        continue;
      }
      const tokens = new TokenReader(piece);
      if (tokens.takeWord("end")) return { nodes, ending: "end", rest: tokens.done() };
      if (tokens.takeWord("else")) return { nodes, ending: "else", rest: tokens };
      nodes.push(this.#action(tokens));
    }
  }

  #action(tokens: TokenReader): Node {
    if (tokens.takeWord("if")) return this.#conditional("if", tokens);
    if (tokens.takeWord("with")) return this.#conditional("with", tokens);
    if (tokens.takeWord("range")) return this.#range(tokens);
    for (const kind of ["break", "continue"] as const) {
      if (!tokens.takeWord(kind)) continue;
      if (this.#loops === 0) throw syntaxError(`{{${kind}}} outside {{range}}`);
      tokens.done();
      return { kind };
    }
    for (const word of ["define", "template", "block"]) {
      if (tokens.takeWord(word)) throw syntaxError(`{{${word}}} is not supported by tsbox`);
    }
    return { kind: "print", pipe: wholePipe(tokens) };
  }

  #conditional(kind: "if" | "with", tokens: TokenReader): Node {
    const pipe = wholePipe(tokens);
    return { kind, pipe, ...this.#branches(kind) };
  }

  /** Both bodies; `else if` is an `else` that holds one more conditional, closed by the same `end`. */
  #branches(kind: "if" | "with" | "range"): { body: Node[]; otherwise: Node[] } {
    const { nodes: body, ending, rest } = this.body();
    if (ending === "text's end") throw syntaxError("unexpected EOF");
    if (ending === "end") return { body, otherwise: [] };
    if (kind !== "range" && rest.takeWord(kind)) {
      return { body, otherwise: [this.#conditional(kind, rest)] };
    }
    rest.done();
    const last = this.body();
    if (last.ending !== "end") throw syntaxError("expected {{end}}");
    return { body, otherwise: last.nodes };
  }

  #range(tokens: TokenReader): Node {
    const names = tokens.takeRangeNames();
    const pipe = wholePipe(tokens);
    this.#loops++;
    const branches = this.#branches("range");
    this.#loops--;
    return { kind: "range", pipe, names, ...branches };
  }
}

function wholePipe(tokens: TokenReader): Pipe {
  const pipe = readPipe(tokens);
  tokens.done();
  return pipe;
}

function readPipe(tokens: TokenReader): Pipe {
  const set = tokens.takeAssignment();
  const commands = [readCommand(tokens)];
  while (tokens.takeSign("|")) commands.push(readCommand(tokens));
  return { commands, ...(set && { set }) };
}

function readCommand(tokens: TokenReader): Operand[] {
  const operands: Operand[] = [];
  for (;;) {
    const operand = readOperand(tokens);
    if (operand === undefined) break;
    operands.push(operand);
  }
  if (operands.length === 0) throw syntaxError("missing value for command");
  return operands;
}

function readOperand(tokens: TokenReader): Operand | undefined {
  const token = tokens.take((t) => t.kind !== "sign" || t.text === "(");
  switch (token?.kind) {
    case undefined:
      return undefined;
    case "dot":
      return { kind: "dot", path: [] };
    case "field":
      return { kind: "dot", path: [token.text, ...tokens.takePath()] };
    case "variable":
      return { kind: "variable", name: token.text, path: tokens.takePath() };
    case "string":
      return { kind: "literal", value: token.text };
    case "number":
      return { kind: "literal", value: Number(token.text) };
    case "word":
      return word(token.text);
    case "sign":
      return parenthesized(tokens);
  }
}

function word(name: string): Operand {
  if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
  if (name === "nil") return { kind: "literal", value: null };
  // Also where no row is there to be shown.
  if (!isFunction(name)) throw syntaxError(`function "${name}" not defined`);
  return { kind: "function", name };
}

function parenthesized(tokens: TokenReader): Operand {
  const pipe = readPipe(tokens);
  if (!tokens.takeSign(")")) throw syntaxError("unclosed left paren");
  return { kind: "pipe", pipe, path: tokens.takePath() };
}

/** The tokens of one action, taken from the left. */
class TokenReader {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  take(accepts: (token: Token) => boolean): Token | undefined {
    const token = this.#tokens[this.#next];
    if (token === undefined || !accepts(token)) return undefined;
    this.#next++;
    return token;
  }

  takeWord(text: string): boolean {
    return this.take((t) => t.kind === "word" && t.text === text) !== undefined;
  }

  takeSign(text: string): boolean {
    return this.take((t) => t.kind === "sign" && t.text === text) !== undefined;
  }

  /** Fields that touch what stands before them. */
  takePath(): string[] {
    const path: string[] = [];
    for (;;) {
      const token = this.take((t) => t.kind === "field" && !t.spaced);
      if (token === undefined) return path;
      path.push(token.text);
    }
  }

  /** `$x :=` or `$x =`. */
  takeAssignment(): { name: string; declares: boolean } | undefined {
    const [variable, sign] = [this.#tokens[this.#next], this.#tokens[this.#next + 1]];
    if (variable?.kind !== "variable" || sign?.kind !== "sign") return undefined;
    if (sign.text !== ":=" && sign.text !== "=") return undefined;
    this.#next += 2;
    return { name: variable.text, declares: sign.text === ":=" };
  }

  /** The `$k, $v :=` or `$v :=` of a range. */
  takeRangeNames(): string[] {
    const rest = this.#tokens.slice(this.#next, this.#next + 4);
    const signs = rest.map((t) => t.kind === "sign" ? t.text : t.kind).join(" ");
    const count = signs.startsWith("variable :=")
      ? 1
      : signs.startsWith("variable , variable :=")
      ? 2
      : 0;
    this.#next += count * 2;
    return rest.slice(0, count * 2).filter((t) => t.kind === "variable").map((t) => t.text);
  }

  /** Throws when a token is left. */
  done(): this {
    const token = this.#tokens[this.#next];
    if (token !== undefined) throw syntaxError(`unexpected "${token.text}" in command`);
    return this;
  }
}
