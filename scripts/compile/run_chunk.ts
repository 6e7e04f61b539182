/**
 * Keeps the code that every `run` loads in one piece of the executable.
 *
 * The bundler puts modules together that the same import()s lead to. `run` shares one part of its modules
 * with the workers, another with `ps`, and so on: a dozen pieces, each of which takes 30 to 40 microseconds to
 * load. So whatever is loaded by import() and shares something with `run` is made to lead to all of `run`,
 * which costs the others half a millisecond. No module of ours does anything when it is loaded.
 *
 * In the same way what every command line loads first is one piece, and not five: whatever else is loaded by
 * import() shares some of it, and is made to lead to all of it. Commands come after it anyway; workers and
 * monitors load 20 KB more.
 */
import { dirname, join, relative } from "node:path";
import type { BunPlugin } from "bun";

const CLI = "src/cli/main.ts";
const RUN = "src/cli/commands/run.ts";
/** What is loaded by import() for every command: with `run`, so that it is no further piece. */
const CONTEXT = "src/cli/context.ts";

type Graph = ReadonlyMap<string, { always: readonly string[]; later: readonly string[] }>;

/** For Bun.build of the sources in `root`. */
export async function runChunk(root: string): Promise<BunPlugin> {
  const added = additions(await importGraph(root));
  return {
    name: "run-chunk",
    setup(build) {
      build.onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, async ({ path }) => {
        const text = await Bun.file(path).text();
        let contents = text;
        for (const onto of added.get(relative(root, path)) ?? []) {
          contents += `\nimport "./${relative(dirname(path), join(root, onto))}";\n`;
        }
        return { loader: "ts", contents };
      });
    },
  };
}

/** What each module is made to import beside its own imports. */
function additions(graph: Graph): Map<string, string[]> {
  const first = reached(graph, CLI);
  const added = new Map<string, string[]>();
  for (const entry of laterEntries(graph)) {
    if (entry !== CLI && !reached(graph, entry).isDisjointFrom(first)) added.set(entry, [CLI]);
  }
  for (const path of companions(graph)) added.set(path, [CLI, RUN]);
  added.set(RUN, [CLI, CONTEXT]);
  return added;
}

function laterEntries(graph: Graph): Set<string> {
  return new Set([...graph.values()].flatMap(({ later }) => later));
}

/** What is loaded by import() and shares modules with `run`, beyond those of every command line. */
export function companions(graph: Graph): string[] {
  const shared = reached(graph, RUN);
  for (const path of reached(graph, CLI)) shared.delete(path);
  return [...laterEntries(graph)].filter((entry) =>
    entry !== RUN && entry !== CLI && !reached(graph, entry).isDisjointFrom(shared)
  );
}

function reached(graph: Graph, entry: string): Set<string> {
  const found = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    waiting.push(...(graph.get(path)?.always ?? []));
  }
  return found;
}

async function importGraph(root: string): Promise<Graph> {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const graph = new Map<string, { always: string[]; later: string[] }>();
  for await (const path of new Bun.Glob("src/**/*.ts").scan(root)) {
    if (path.endsWith(".test.ts")) continue;
    const imports = transpiler.scanImports(await Bun.file(join(root, path)).text());
    const local = imports.filter((found) => found.path.startsWith("."));
    const of = (kind: string) =>
      local.filter((found) => found.kind === kind).map((found) => join(dirname(path), found.path));
    graph.set(path, { always: of("import-statement"), later: of("dynamic-import") });
  }
  return graph;
}
