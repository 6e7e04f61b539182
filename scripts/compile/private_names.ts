/** Gives what is private in classes public names that nothing else has: for tools that do not know `#name`. */
import ts from "typescript";

/** The JavaScript module `text` with `_name_1` in the place of `#name`. Throws at `#name in object`, which says more. */
export function withoutPrivateNames(text: string): string {
  const source = ts.createSourceFile("module.js", text, ts.ScriptTarget.ESNext, true);
  const names = new Map<ts.Node, Map<string, string>>();
  let [result, at, count] = ["", 0, 0];
  const nameOf = (identifier: ts.PrivateIdentifier) => {
    const own = names.get(classDeclaring(identifier)) ?? new Map<string, string>();
    let name = own.get(identifier.text);
    while (name === undefined || text.includes(name) && !own.has(identifier.text)) {
      name = `_${identifier.text.slice(1)}_${++count}`;
    }
    names.set(classDeclaring(identifier), own.set(identifier.text, name));
    return name;
  };
  const visit = (node: ts.Node) => {
    if (ts.isPrivateIdentifier(node)) {
      // `async#name` is two words.
      result += `${text.slice(at, node.getStart())} ${nameOf(node)}`;
      at = node.end;
    }
    node.forEachChild(visit);
  };
  visit(source);
  return result + text.slice(at);
}

/** The innermost class around `name` that has it. */
function classDeclaring(name: ts.PrivateIdentifier): ts.Node {
  const { parent } = name;
  if (ts.isBinaryExpression(parent)) throw new Error(`${name.text} in: not supported here`);
  const found = ts.findAncestor(
    name,
    (node) =>
      ts.isClassLike(node) && node.members.some((member) => member.name?.getText() === name.text),
  );
  if (found === undefined) throw new Error(`${name.text}: no class has it`);
  return found;
}
