/**
 * Keeps the code that common commands load in few pieces of the executable.
 *
 * The bundler puts modules together that the same import()s lead to. `run` shares one part of its modules
 * with the workers, another with `ps`, and so on: a dozen pieces, each of which takes 30 to 40 microseconds to
 * load, and whatever a function uses of another piece is looked up anew in each function. So there are five, and
 * whatever is loaded by import() and shares something with one of them is made to lead to all of it, which costs rarer
 * commands half a millisecond at most: all that a `run` needs, together with what two of the others share; the rest of
 * `exec`, of the lists `ps` and `images`, and of the settings; and what an `exec` needs besides that no monitor does.
 * No module of ours does anything when it is loaded.
 */
import { dirname, join, relative } from "node:path";
import type { BunPlugin } from "bun";

/** With what runs in the background: to load that apart takes `run -d` more than it takes a `run` to load it for nothing. */
const START = [
  "src/cli/main.ts",
  "src/cli/quick_exec.ts",
  "src/cli/commands/run.ts",
  "src/engine/monitor/run_here.ts",
];
const EXEC = "src/cli/commands/exec.ts";
/** What `exec` needs where no monitor does it, and the monitor that does. */
const EXEC_HERE = ["src/engine/exec.ts", "src/engine/exec/session.ts"];
const SETTINGS = "src/cli/global.ts";
const LISTS = ["src/cli/commands/ps.ts", "src/cli/commands/images.ts"];

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

/** The modules of each piece; all need the first. */
function pieces(graph: Graph): { start: Set<string>; others: Set<string>[] } {
  const [run, exec] = [reached(graph, ...START), reached(graph, EXEC)];
  const [here, lists] = [reached(graph, ...EXEC_HERE), reached(graph, ...LISTS)];
  const settings = reached(graph, SETTINGS);
  const start = run.union(exec.union(here).intersection(lists.union(settings)))
    .union(lists.intersection(settings)).union(exec.intersection(here));
  const besides = here.difference(exec);
  return {
    start,
    others: [exec, besides, lists, settings].map((piece) => piece.difference(start)),
  };
}

/** What each module is made to import beside its own imports. */
function additions(graph: Graph): Map<string, Set<string>> {
  const { start, others } = pieces(graph);
  const added = new Map<string, Set<string>>();
  for (const entry of laterEntries(graph)) {
    const own = reached(graph, entry);
    const met = [start, ...others].filter((piece) => !piece.isDisjointFrom(own));
    if (met.length > 0) added.set(entry, met.reduce((all, piece) => all.union(piece), start));
  }
  return added;
}

function laterEntries(graph: Graph): Set<string> {
  return new Set([...graph.values()].flatMap(({ later }) => later));
}

function reached(graph: Graph, ...entries: string[]): Set<string> {
  const found = new Set<string>();
  const waiting = [...entries];
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
