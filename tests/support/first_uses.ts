/**
 * Preloaded into `bun src/main.ts`: writes down, a line each, which of our lines use for the first time what costs a
 * start 20 to 100 microseconds then. To the file that FIRST_USES names, when the process ends or is asked to.
 */
import { writeFileSync } from "node:fs";

const METHODS = "map filter forEach some every find findIndex findLast flatMap flat reduce at";
const WRITE = 300;

const found = new Map<string, string>();
let busy = false;

/** Bun's own code does not come by here: it uses what was there before. */
function note(what: string): void {
  if (busy) return;
  busy = true;
  const line = new Error().stack?.split("\n").find((text) => /\/src\/\w/.test(text)) ?? "";
  const place = /\/src\/([\w/]+\.ts)/.exec(line)?.[1];
  if (place !== undefined) found.set(`${place} ${what}`, "");
  busy = false;
}

function watch(owner: object, key: string | symbol, what: string): void {
  const method: unknown = Reflect.get(owner, key);
  if (typeof method !== "function") return;
  const watched = function (this: unknown, ...args: unknown[]): unknown {
    note(what);
    return Reflect.apply(method, this, args);
  };
  Object.defineProperty(owner, key, { value: watched, writable: true, configurable: true });
}

for (const name of METHODS.split(" ")) watch(Array.prototype, name, `Array ${name}`);
for (const key of ["exec", "test", Symbol.replace, Symbol.split, Symbol.match] as const) {
  watch(RegExp.prototype, key, "RegExp");
}
watch(Object.getPrototypeOf(Uint8Array), "of", "TypedArray of");
watch(performance, "now", "performance");
for (const name of Object.getOwnPropertyNames(Math)) watch(Math, name, "Math");

const write = () => {
  const path = process.env["FIRST_USES"];
  if (path !== undefined) writeFileSync(path, [...found.keys()].sort().join("\n"));
};
process.on("exit", write);
// A monitor does not end.
if (process.env["TSBOX_BEGUN"] !== undefined) setTimeout(write, WRITE);
