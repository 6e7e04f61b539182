/** Holds the layering of docs/architecture.md: imports point downwards only, special powers have one home. */
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { dirname, join, normalize } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** Floor of each folder of src/; two folders on one floor never import each other. */
const FLOORS: Record<string, number> = {
  "main.ts": 7,
  cli: 6,
  api: 6,
  engine: 5,
  registry: 4,
  storage: 4,
  network: 4,
  rootless: 4,
  container: 3,
  build: 3,
  oci: 2,
  ffi: 1,
  "errors.ts": 0,
};

interface Import {
  from: string;
  to: string;
}

function importsOf(path: string, text: string): Import[] {
  const pattern =
    /(?:^|\s)(?:import|export)\s[^;]*?from\s*"([^"]+)"|import\(\s*"([^"]+)"\s*\)|^import\s*"([^"]+)"/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    from: path,
    to: match[1] ?? match[2] ?? match[3] ?? "",
  }));
}

async function sources(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const path of new Glob("src/**/*.ts").scan(ROOT)) {
    files.set(path, await Bun.file(join(ROOT, path)).text());
  }
  return files;
}

const files = await sources();
const product = [...files].filter(([path]) => !path.endsWith(".test.ts"));
const imports = product.flatMap(([path, text]) => importsOf(path, text));
/** Without comments, which may say what code must not. */
const code = (text: string): string => text.replace(/^\s*(\*|\/\*|\/\/).*$/gm, "");
const part = (path: string): string => path.split("/")[1] ?? "";
const resolved = (i: Import): string => normalize(join(dirname(i.from), i.to));

test("every folder of src/ has a floor", () => {
  const unknown = product.map(([path]) => part(path)).filter((name) => FLOORS[name] === undefined);
  expect([...new Set(unknown)]).toEqual([]);
});

test("imports point downwards only, and never sideways between folders", () => {
  const wrong = imports.filter((i) => i.to.startsWith(".")).filter((i) => {
    const [a, b] = [part(i.from), part(resolved(i))];
    return a !== b && (FLOORS[b] ?? 99) >= (FLOORS[a] ?? -1);
  });
  expect(wrong.map((i) => `${i.from} -> ${resolved(i)}`)).toEqual([]);
});

test("no module imports itself through others", () => {
  const edges = new Map<string, string[]>();
  for (const i of imports.filter((i) => i.to.startsWith("."))) {
    edges.set(i.from, [...(edges.get(i.from) ?? []), resolved(i)]);
  }
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    if (trail.includes(path) || done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});

test("bun:ffi is imported in src/ffi only, hono in src/api only", () => {
  const wrong = imports.filter((i) =>
    (i.to === "bun:ffi" && part(i.from) !== "ffi") ||
    (i.to.startsWith("hono") && part(i.from) !== "api")
  );
  expect(wrong).toEqual([]);
  const native = product.filter(([path, text]) =>
    part(path) !== "ffi" && code(text).includes("Bun.FFI")
  );
  expect(native.map(([path]) => path)).toEqual([]);
});

test("the environment is read and the process ended in main.ts only", () => {
  const wrong = product.filter(([path, text]) =>
    path !== "src/main.ts" && /process\.(env|exit)\b|Bun\.env\b/.test(code(text))
  );
  expect(wrong.map(([path]) => path)).toEqual([]);
});

test("no production file casts to any or through unknown outside src/ffi", () => {
  const wrong = product.filter(([path, text]) =>
    part(path) !== "ffi" && /\bas any\b|\bas unknown as\b|: any\b|<any>/.test(code(text))
  );
  expect(wrong.map(([path]) => path)).toEqual([]);
});
