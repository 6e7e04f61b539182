/**
 * Answers what a module imports from itself.
 *
 * `import()` of a source that has become part of the same piece still loads a module of its own, which only names what is
 * there already; that takes a start 0.1 ms each time.
 */
import ts from "typescript";

/** What modules that only name parts of another one call them, by the specifier they are imported with. */
export type Facades = ReadonlyMap<string, readonly Naming[]>;

export interface Naming {
  /** As the other module exports it. */
  from: string;
  /** As this one does. */
  to: string;
}

/** What the module `text` calls the exports of `piece`; undefined when it is or imports something else, too. */
export function facadeOf(text: string, piece: string): Naming[] | undefined {
  const { statements } = parsed(text);
  const known = new Map<string, string>();
  const namings: Naming[] = [];
  for (const statement of statements) {
    if (ts.isImportDeclaration(statement)) {
      const names = namesFrom(statement, piece);
      if (names === undefined) return undefined;
      for (const { name, propertyName } of names) {
        known.set(name.text, (propertyName ?? name).text);
      }
    } else if (ts.isExportDeclaration(statement) && !statement.moduleSpecifier) {
      for (const { name, propertyName } of exportsOf(statement)) {
        const from = known.get((propertyName ?? name).text);
        if (from === undefined) return undefined;
        namings.push({ from, to: name.text });
      }
    } else return undefined;
  }
  return namings;
}

/** The module `text`, which does not load `facades` of its own. */
export function withoutOwnImports(text: string, facades: Facades): string {
  const source = parsed(text);
  const locals = new Map<string, string>();
  for (const statement of source.statements) {
    if (!ts.isExportDeclaration(statement)) continue;
    for (const { name, propertyName } of exportsOf(statement)) {
      locals.set(name.text, (propertyName ?? name).text);
    }
  }
  const localOf = (exported: string) => {
    const local = locals.get(exported);
    if (local === undefined) throw new Error(`nothing is exported as ${exported}`);
    return local;
  };
  let [result, at] = ["", 0];
  const visit = (node: ts.Node) => {
    const facade = facades.get(importedBy(node) ?? "");
    if (facade === undefined) return void node.forEachChild(visit);
    const parts = facade.map(({ from, to }) => `${to}: ${localOf(from)}`);
    result += `${text.slice(at, node.getStart())}Promise.resolve({ ${parts.join(", ")} })`;
    at = node.end;
  };
  visit(source);
  return result + text.slice(at);
}

function parsed(text: string): ts.SourceFile {
  return ts.createSourceFile("module.js", text, ts.ScriptTarget.ESNext, true);
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

function exportsOf({ exportClause }: ts.ExportDeclaration): readonly ts.ExportSpecifier[] {
  return exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : [];
}
