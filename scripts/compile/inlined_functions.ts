/**
 * Puts functions and constants where they are used, in the piece of the executable that a start loads.
 *
 * A start executes nearly everything once, and pays for each function and each variable of a module: a table of what
 * its code refers to, a place in the module. We write small functions because they are read; the executable need
 * not have them. Bun's minifier shortens names and looks at one source at a time, and so leaves them as they are. Google's
 * Closure Compiler sees the whole piece. It is told to assume nothing about what it does not see: no names of properties
 * are changed, and reading one may do anything, but taking an object apart into variables that nothing reads.
 */
import { join } from "node:path";
import ts from "typescript";
import { type Export, exportsOf, parsedModule, rewritten } from "./module_text.ts";
import { withoutPrivateNames } from "./private_names.ts";

/** Stand for what the compiler would look up itself. */
const [EXPORTS, IMPORT] = ["tsboxExports", "tsboxImport"];
const FLAGS = [
  "--compilation_level=SIMPLE",
  "--assume_function_wrapper",
  "--language_in=UNSTABLE",
  "--language_out=UNSTABLE",
  "--strict_mode_input",
  "--emit_use_strict=false",
  "--env=CUSTOM",
  "--warning_level=QUIET",
];

/** The JavaScript module `text`, doing the same; `folder` is for files on the way. Throws when it cannot be read. */
export async function inlinedFunctions(text: string, folder: string): Promise<string> {
  const { imports, names, exports, body } = separated(withoutPrivateNames(text));
  const externs = [...names, EXPORTS, IMPORT].map((name) => `/** @type {?} */ var ${name};\n`);
  const [input, outside] = [join(folder, "piece.js"), join(folder, "externs.js")];
  await Bun.write(outside, `/** @externs */\n${externs.join("")}`);
  // Named twice, so that nothing is only used there and moved into the call.
  const named = `${EXPORTS}(${exports.map(({ local }) => local).join(", ")});\n`;
  await Bun.write(input, `${body}\n${named}${named}`);
  const result = await compiled([...FLAGS, `--js=${input}`, `--externs=${outside}`]);
  return `${imports.join("\n")}\n` + joined(result, exports.map(({ exported }) => exported));
}

interface Parts {
  imports: string[];
  /** What the imports bring. */
  names: string[];
  exports: Export[];
  body: string;
}

/** The module without what connects it with others. */
function separated(text: string): Parts {
  const source = parsedModule(text);
  const imports = source.statements.filter(ts.isImportDeclaration);
  return {
    imports: imports.map((statement) => statement.getText()),
    names: imports.flatMap(importedNames),
    exports: exportsOf(source),
    body: rewritten(source, (node) => {
      if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return "";
      return node.kind === ts.SyntaxKind.ImportKeyword ? IMPORT : undefined;
    }),
  };
}

function importedNames({ importClause, moduleSpecifier }: ts.ImportDeclaration): string[] {
  if (importClause === undefined) return [];
  const { namedBindings } = importClause;
  if (importClause.name || !namedBindings || !ts.isNamedImports(namedBindings)) {
    throw new Error(`import from ${moduleSpecifier.getText()}: only of names`);
  }
  return namedBindings.elements.map(({ name }) => name.text);
}

/** Undoes what separated() did; `exported` are the names of what the last call is given. */
function joined(text: string, exported: readonly string[]): string {
  const source = parsedModule(text);
  let values: string[] = [];
  let result = rewritten(source, (node) => {
    if (ts.isIdentifier(node) && node.text === IMPORT) return "import";
    if (isSplitText(node)) {
      const { expression: { expression: words }, arguments: [sign] } = node;
      return JSON.stringify(words.text.split(sign.text));
    }
    if (!ts.isCallExpression(node) || node.expression.getText() !== EXPORTS) return undefined;
    values = node.arguments.map((value) => value.getText());
    return "0";
  });
  if (values.length !== exported.length) throw new Error("not all that is exported is left");
  const own = namesOf(source);
  const names = values.map((value, i) => {
    // Itself, where it has a name: it may change.
    if (own.has(value)) return `${value} as ${exported[i]}`;
    result += `const ${EXPORTS}${i} = ${value};\n`;
    return `${EXPORTS}${i} as ${exported[i]}`;
  });
  return `${result}\nexport { ${names.join(", ")} };\n`;
}

/** What the statements of a module declare. */
function namesOf({ statements }: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of statements) {
    if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      if (statement.name) names.add(statement.name.text);
    } else if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.add(name.getText());
    }
  }
  return names;
}

type SplitText = ts.CallExpression & {
  expression: ts.PropertyAccessExpression & { expression: ts.StringLiteral };
  arguments: readonly [ts.StringLiteral];
};

/** `"a b".split(" ")`, or `"ab".split("")`, as the compiler writes lists of words: shorter, but to be done each time. */
function isSplitText(node: ts.Node): node is SplitText {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false;
  const { expression: text, name } = node.expression;
  const [sign, limit] = node.arguments;
  return ts.isStringLiteral(text) && name.text === "split" && limit === undefined &&
    sign !== undefined && ts.isStringLiteral(sign);
}

/** What the compiler makes of what the flags name. */
async function compiled(flags: string[]): Promise<string> {
  const path = Bun.resolveSync(
    `google-closure-compiler-linux${process.arch === "arm64" ? "-arm64" : ""}/compiler`,
    import.meta.dir,
  );
  const compiler = Bun.spawn([path, ...flags], { stdout: "pipe", stderr: "pipe" });
  const [text, said] = await Promise.all([compiler.stdout.text(), compiler.stderr.text()]);
  if (await compiler.exited !== 0) throw new Error(`Closure Compiler: ${said}`);
  return text;
}
