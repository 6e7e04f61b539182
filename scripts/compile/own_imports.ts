/**
 * Answers what a module imports from itself.
 *
 * `import()` of a source that has become part of the same piece still loads a module of its own, which only names what is
 * there already; that takes a start 0.1 ms each time.
 */
import ts from "typescript";
import { exportsOf, parsedModule, rewritten } from "./module_text.ts";

export interface Naming {
  /** As the other module exports it. */
  from: string;
  /** As this one does. */
  to: string;
}

/** What the module `text` calls the exports of `piece`; undefined when it is or imports something else, too. */
export function facadeOf(text: string, piece: string): Naming[] | undefined {
  const source = parsedModule(text);
  const known = new Map<string, string>();
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement) && !statement.moduleSpecifier) continue;
    const names = ts.isImportDeclaration(statement) ? namesFrom(statement, piece) : undefined;
    if (names === undefined) return undefined;
    for (const { name, propertyName } of names) known.set(name.text, (propertyName ?? name).text);
  }
  const namings: Naming[] = [];
  for (const { local, exported } of exportsOf(source)) {
    const from = known.get(local);
    if (from === undefined) return undefined;
    namings.push({ from, to: exported });
  }
  return namings;
}

/** The module `text`, which does not load facades of its own; `facade` says what is one, by what it is imported as. */
export function withoutOwnImports(
  text: string,
  facade: (specifier: string) => readonly Naming[] | undefined,
): string {
  const source = parsedModule(text);
  const locals = new Map(exportsOf(source).map(({ exported, local }) => [exported, local]));
  const localOf = (exported: string) => {
    const local = locals.get(exported);
    if (local === undefined) throw new Error(`nothing is exported as ${exported}`);
    return local;
  };
  return rewritten(source, (node) => {
    const specifier = importedBy(node);
    const parts = specifier === undefined ? undefined : facade(specifier);
    const named = parts?.map(({ from, to }) => `${to}: ${localOf(from)}`);
    return named && `Promise.resolve({ ${named.join(", ")} })`;
  });
}

/** The specifier of an `import("...")`. */
function importedBy(node: ts.Node): string | undefined {
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return;
  const [specifier] = node.arguments;
  return specifier && ts.isStringLiteral(specifier) ? specifier.text : undefined;
}

function namesFrom(
  { importClause, moduleSpecifier }: ts.ImportDeclaration,
  piece: string,
): readonly ts.ImportSpecifier[] | undefined {
  if (!ts.isStringLiteral(moduleSpecifier) || moduleSpecifier.text !== piece) return undefined;
  if (importClause === undefined) return [];
  const { name, namedBindings } = importClause;
  const all = !name && namedBindings && ts.isNamedImports(namedBindings);
  return all ? namedBindings.elements : undefined;
}
