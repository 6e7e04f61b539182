/** Evaluates `--format` templates over plain values. */
import { TsboxError } from "../../errors.ts";
import { entriesOf, goText, isMap } from "./go_text.ts";
import { FUNCTIONS, type FunctionTable, isTrue } from "./template_functions.ts";
import { parseTemplate } from "./template_parser.ts";
import type { Node, Operand, Pipe } from "./template_syntax.ts";

/** A template that was read once and can be filled in often. */
export type Template = (data: unknown, functions?: FunctionTable) => string;

/** Reads a template. Throws TsboxError("invalid-argument"); filling it in may throw the same. */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source);
  return (data, functions = FUNCTIONS) => {
    const scope = new Scope(data, new Map([["$", data]]), undefined);
    return new Evaluator(functions).nodes(nodes, scope);
  };
}

/** `.` and the variables that are visible. */
class Scope {
  readonly dot: unknown;
  readonly #variables: Map<string, unknown>;
  readonly #outer: Scope | undefined;

  constructor(dot: unknown, variables: Map<string, unknown>, outer: Scope | undefined) {
    this.dot = dot;
    this.#variables = variables;
    this.#outer = outer;
  }

  inner(dot: unknown): Scope {
    return new Scope(dot, new Map(), this);
  }

  get(name: string): unknown {
    if (this.#variables.has(name)) return this.#variables.get(name);
    if (this.#outer) return this.#outer.get(name);
    throw failure(`undefined variable "${name}"`);
  }

  declare(name: string, value: unknown): void {
    this.#variables.set(name, value);
  }

  assign(name: string, value: unknown): void {
    if (this.#variables.has(name)) this.#variables.set(name, value);
    else if (this.#outer) this.#outer.assign(name, value);
    else throw failure(`undefined variable "${name}"`);
  }
}

function failure(reason: string): TsboxError {
  return new TsboxError("invalid-argument", `template: ${reason}`);
}

/** Leaves the innermost range; carries what was printed in this round. */
class Jump extends Error {
  readonly kind: "break" | "continue";
  printed = "";

  constructor(kind: "break" | "continue") {
    super(kind);
    this.kind = kind;
  }
}

class Evaluator {
  readonly #functions: FunctionTable;

  constructor(functions: FunctionTable) {
    this.#functions = functions;
  }

  nodes(nodes: readonly Node[], scope: Scope): string {
    let printed = "";
    for (const node of nodes) {
      try {
        printed += this.#node(node, scope);
      } catch (thrown) {
        if (thrown instanceof Jump) thrown.printed = printed + thrown.printed;
        throw thrown;
      }
    }
    return printed;
  }

  #node(node: Node, scope: Scope): string {
    switch (node.kind) {
      case "text":
        return node.text;
      case "print": {
        const value = this.#pipe(node.pipe, scope);
        return node.pipe.set ? "" : goText(value);
      }
      case "if":
      case "with": {
        const inner = scope.inner(scope.dot);
        const value = this.#pipe(node.pipe, inner);
        if (!isTrue(value)) return this.nodes(node.otherwise, inner);
        return this.nodes(node.body, node.kind === "with" ? inner.inner(value) : inner);
      }
      case "range":
        return this.#range(node, scope);
      default:
        throw new Jump(node.kind);
    }
  }

  #range(node: Extract<Node, { kind: "range" }>, scope: Scope): string {
    const rounds = items(this.#pipe(node.pipe, scope));
    if (rounds.length === 0) return this.nodes(node.otherwise, scope.inner(scope.dot));
    let printed = "";
    for (const [key, value] of rounds) {
      const inner = scope.inner(value);
      const [first, second] = node.names;
      if (first !== undefined) inner.declare(first, second === undefined ? value : key);
      if (second !== undefined) inner.declare(second, value);
      try {
        printed += this.nodes(node.body, inner);
      } catch (thrown) {
        if (!(thrown instanceof Jump)) throw thrown;
        printed += thrown.printed;
        if (thrown.kind === "break") break;
      }
    }
    return printed;
  }

  #pipe({ commands, set }: Pipe, scope: Scope): unknown {
    let piped: unknown[] = [];
    for (const command of commands) piped = [this.#command(command, piped, scope)];
    if (set?.declares) scope.declare(set.name, piped[0]);
    else if (set) scope.assign(set.name, piped[0]);
    return piped[0];
  }

  #command([first, ...rest]: readonly Operand[], piped: unknown[], scope: Scope): unknown {
    if (first === undefined) throw failure("missing value for command");
    if (first.kind === "function") return this.#call(first.name, rest, piped, scope);
    const value = this.#operand(first, scope);
    const args = [...rest.map((operand) => this.#operand(operand, scope)), ...piped];
    if (typeof value === "function") return call(value, args);
    if (args.length > 0) throw failure(`can't give argument to non-function ${shown(first)}`);
    return value;
  }

  #call(name: string, operands: readonly Operand[], piped: unknown[], scope: Scope): unknown {
    if (name === "and" || name === "or") return this.#shortCircuit(name, operands, piped, scope);
    const known = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (!known) throw failure(`function "${name}" not defined`);
    return known(...operands.map((operand) => this.#operand(operand, scope)), ...piped);
  }

  #shortCircuit(name: string, operands: readonly Operand[], piped: unknown[], scope: Scope) {
    let value: unknown;
    for (const operand of operands) {
      value = this.#operand(operand, scope);
      if (isTrue(value) === (name === "or")) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #operand(operand: Operand, scope: Scope): unknown {
    switch (operand.kind) {
      case "literal":
        return operand.value;
      case "function":
        return this.#call(operand.name, [], [], scope);
      case "dot":
        return follow(scope.dot, operand.path);
      case "variable":
        return follow(scope.get(operand.name), operand.path);
      case "pipe":
        return follow(this.#pipe(operand.pipe, scope), operand.path);
    }
  }
}

function call(method: unknown, args: unknown[]): unknown {
  return typeof method === "function" ? Reflect.apply(method, undefined, args) : undefined;
}

function shown(operand: Operand): string {
  return "path" in operand ? operand.path.map((name) => `.${name}`).join("") || "." : "";
}

/**
 * The member at a path. Docker's own fields have capitals, so a missing one is a mistake; a missing
 * key of the user's (labels) has no value.
 */
function follow(value: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, name) => {
    if (isMap(inner) && Object.hasOwn(inner, name)) return inner[name];
    if (isMap(inner) && !/^[A-Z]/.test(name)) return undefined;
    if (inner === null || inner === undefined) {
      throw failure(`executing at <.${path.join(".")}>: nil data; no entry for key "${name}"`);
    }
    throw failure(`executing at <.${path.join(".")}>: can't evaluate field ${name}`);
  }, value);
}

function items(value: unknown): [unknown, unknown][] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.map((item: unknown, i) => [i, item]);
  if (isMap(value)) return entriesOf(value);
  if (typeof value === "number") return Array.from({ length: value }, (_, i) => [i, i]);
  throw failure(`range can't iterate over ${goText(value)}`);
}
