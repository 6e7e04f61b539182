import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadModule } from "../../tests/support/load_module.ts";
import { inlinedFunctions } from "./inlined_functions.ts";

/** What becomes of the module `text`. */
async function inlined(text: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-inlined-"));
  try {
    return await inlinedFunctions(text, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("functions and constants that one place uses are put there", async () => {
  const text = await inlined(`
    const LIMIT = 3;
    function limited(list) { if (list.length > LIMIT) throw new Error("too long"); return list; }
    function doubled(list) { const found = []; for (const n of list) found.push(n * 2); return found; }
    export { twice };
    function twice(list) { const all = limited(list); return doubled(all); }
  `);
  expect(text.match(/function/g)).toHaveLength(1);
  expect(text).not.toContain("LIMIT");
  const { twice } = await loadModule(text);
  expect(twice([1, 2])).toEqual([2, 4]);
  expect(() => twice([1, 2, 3, 4])).toThrow("too long");
});

test("what is imported and exported keeps its names, whatever it became", async () => {
  const text = await inlined(`
    import { join as path } from "node:path";
    import "node:os";
    const WORD = "value";
    class Box { #inside = WORD; open() { return this.#inside; } }
    function later() { return import("node:path"); }
    export { WORD as word, Box, later, path as joined };
  `);
  expect(text).toContain('import "node:os"');
  const { word, Box, later, joined } = await loadModule(text);
  expect([word, new Box().open(), joined("a", "b")]).toEqual(["value", "value", "a/b"]);
  expect((await later()).join("a", "b")).toBe("a/b");
});

test("the order in which things happen stays", async () => {
  const text = await inlined(`
    const said = [];
    function say(word) { said.push(word); return word; }
    function first(a) { say("in first"); return a + say("1"); }
    function second(b, c = say("default")) { try { return say("2") + b + c; } finally { say("finally"); } }
    function all() {
      said.length = 0;
      return { text: { a: say("a"), b: first(say("b")), ...{ c: second(say("c")) } }, said };
    }
    export { all };
  `);
  const { all } = await loadModule(text);
  expect(all()).toEqual({
    text: { a: "a", b: "b1", c: "2cdefault" },
    said: ["a", "b", "in first", "1", "c", "default", "2", "finally"],
  });
});

test("what is exported and changes later is what it is then", async () => {
  const text = await inlined(`
    let count = 0;
    const [NOTHING, MOST] = [null, Infinity];
    function more() { count++; return count; }
    export { count, more, NOTHING as nothing, MOST as most };
  `);
  const module = await loadModule(text);
  expect([module.count, module.more(), module.count]).toEqual([0, 1, 1]);
  expect([module.nothing, module.most]).toEqual([null, Infinity]);
});

test("lists of words stay lists", async () => {
  const words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
  const letters = [..."abcdefghijklmnop"];
  const text = await inlined(`
    const WORDS = ${JSON.stringify(words)}, LETTERS = ${JSON.stringify(letters)};
    export { WORDS, LETTERS };
  `);
  expect(text).not.toContain("split");
  expect(await loadModule(text)).toEqual({ WORDS: words, LETTERS: letters });
});

test("a module that cannot be read is an error that says where", async () => {
  await expect(inlined("function broken( { return 1; }\nexport { broken };")).rejects.toThrow(
    /Closure Compiler: .*piece\.js:1/,
  );
});
