/** JavaScript modules as text: read by TypeScript's parser, and changed in places. */
import ts from "typescript";

/** What a module calls one of its exports. */
export interface Export {
  local: string;
  exported: string;
}

export function parsedModule(text: string): ts.SourceFile {
  return ts.createSourceFile("module.js", text, ts.ScriptTarget.ESNext, true);
}

/** The text of `source` with what `replacement` says in the place of nodes; it is not asked about what is in those. */
export function rewritten(
  source: ts.SourceFile,
  replacement: (node: ts.Node) => string | undefined,
): string {
  const { text } = source;
  let [result, at] = ["", 0];
  const visit = (node: ts.Node) => {
    const replaced = replacement(node);
    if (replaced === undefined) return void node.forEachChild(visit);
    result += text.slice(at, node.getStart()) + replaced;
    at = node.end;
  };
  source.forEachChild(visit);
  return result + text.slice(at);
}

/** What is exported, all by lists of names of the module. Throws when something is exported in another way. */
export function exportsOf({ statements }: ts.SourceFile): Export[] {
  return statements.filter(ts.isExportDeclaration).flatMap(({ exportClause, moduleSpecifier }) => {
    if (moduleSpecifier || !exportClause || !ts.isNamedExports(exportClause)) {
      throw new Error("export: only of names of the module");
    }
    return exportClause.elements.map(({ propertyName, name }) => ({
      local: (propertyName ?? name).text,
      exported: name.text,
    }));
  });
}
