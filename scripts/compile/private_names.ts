/** Gives what is private in classes public names that nothing else has: for tools that do not know `#name`. */
import ts from "typescript";
import { parsedModule, rewritten } from "./module_text.ts";

/** The JavaScript module `text` with `_name_1` in the place of `#name`. Throws at `#name in object`, which says more. */
export function withoutPrivateNames(text: string): string {
  const names = new Map<ts.Node, Map<string, string>>();
  let count = 0;
  const fresh = (like: string) => {
    let name;
    do name = `_${like.slice(1)}_${++count}`; while (text.includes(name));
    return name;
  };
  return rewritten(parsedModule(text), (node) => {
    if (!ts.isPrivateIdentifier(node)) return undefined;
    const owner = classDeclaring(node);
    const own = names.get(owner) ?? new Map<string, string>();
    const name = own.get(node.text) ?? fresh(node.text);
    names.set(owner, own.set(node.text, name));
    // `async#name` is two words.
    return ` ${name}`;
  });
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
