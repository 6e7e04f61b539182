import { expect, test } from "bun:test";
import { loadModule } from "../../tests/support/load_module.ts";
import { withoutPrivateNames } from "./private_names.ts";

test("classes do the same without private names", async () => {
  const text = withoutPrivateNames(`
    class Base { #n = 1; get base() { return this.#n; } }
    class Counter extends Base {
      static #made = 0;
      #n = 10;
      static made() { return Counter.#made; }
      constructor() { super(); Counter.#made++; }
      async#later() { return this.#n; }
      #twice(n = this.#n) { return n * 2; }
      inner() {
        const outer = this;
        return new (class { #n = 5; sum() { return this.#n + outer.#twice(); } })().sum();
      }
      all() { return Promise.all([this.base, this.#twice(3), this.#later(), this.inner()]); }
    }
    export const result = async () => [...await new Counter().all(), Counter.made()];
  `);
  expect(text).not.toContain("#");
  const { result } = await loadModule(text);
  expect(await result()).toEqual([1, 6, 10, 25, 1]);
});

test("a private name gets one that nothing else has", () => {
  const text = withoutPrivateNames("class A { #a = 1; _a_1 = 2; get() { return this.#a; } }");
  expect(text).toBe("class A {  _a_2 = 1; _a_1 = 2; get() { return this. _a_2; } }");
});

test("no two private names get the same", () => {
  const fields = Array.from({ length: 20 }, () => "#x; #x1; #x_1;");
  const text = withoutPrivateNames(fields.map((all, i) => `class A${i} { ${all} }`).join("\n"));
  const names = text.match(/_x\w+/g) ?? [];
  expect(new Set(names).size).toBe(60);
});

test("asking whether an object has a private name is refused", () => {
  expect(() => withoutPrivateNames("class A { #a; is(x) { return #a in x; } }")).toThrow("#a in");
});
