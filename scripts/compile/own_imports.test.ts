import { expect, test } from "bun:test";
import { facadeOf, withoutOwnImports } from "./own_imports.ts";

test("a module that only names parts of a piece is known as that", () => {
  const text = `import { f as g, h } from "./piece.js";\nexport { g as run, h };`;
  expect(facadeOf(text, "./piece.js")).toEqual([{ from: "f", to: "run" }, { from: "h", to: "h" }]);
  expect(facadeOf(`import "./piece.js";`, "./piece.js")).toEqual([]);
});

test.each([
  ["does something", `import { f } from "./piece.js";\nf();\nexport { f };`],
  ["loads another one, too", `import { f } from "./piece.js";\nimport "./more.js";\nexport { f };`],
  ["has its own", `const f = 1;\nexport { f };`],
  ["names all", `import * as f from "./piece.js";\nexport { f };`],
])("one that %s is none", (_, text) => {
  expect(facadeOf(text, "./piece.js")).toBeUndefined();
});

test("what a piece imports from itself is answered at once, by the names it has there", () => {
  const facades = new Map([["./own.js", [{ from: "f", to: "run" }, { from: "k", to: "k" }]]]);
  const text = withoutOwnImports(
    `const a = () => import("./own.js");\nconst b = () => import("./other.js");\nexport { local as f, k };`,
    (specifier) => facades.get(specifier),
  );
  expect(text).toContain("const a = () => Promise.resolve({ run: local, k: k });");
  expect(text).toContain(`const b = () => import("./other.js");`);
});
