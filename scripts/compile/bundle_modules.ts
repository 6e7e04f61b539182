/** Bundles the sources into modules of plain JavaScript, few, and the one that a start loads with few functions. */
import { basename, dirname, join } from "node:path";
import { inlinedFunctions } from "./inlined_functions.ts";
import { facadeOf, withoutOwnImports } from "./own_imports.ts";
import { runChunk } from "./run_chunk.ts";

const ENTRY = "src/main.ts";
/** What the piece that every command line loads has. */
const STARTS = "async function cliMain";

/** Writes the modules to `folder`, and returns the path of the one that is the program. Throws when a source is wrong. */
export async function bundleModules(
  root: string,
  folder: string,
  define: Record<string, string>,
): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(root, ENTRY)],
    root,
    outdir: join(folder, "modules"),
    target: "bun",
    minify: { syntax: true },
    splitting: true,
    plugins: [await runChunk(root)],
    format: "esm",
    define,
  });
  await mergeStart(outputs.map(({ path }) => path), folder);
  return join(folder, "modules", ENTRY.replace(/\.ts$/, ".js"));
}

/** Changes the piece that every start loads. Throws when there is none. */
async function mergeStart(paths: readonly string[], folder: string): Promise<void> {
  const texts = new Map<string, string>();
  for (const path of paths) texts.set(path, await Bun.file(path).text());
  const [path, text] = [...texts].find(([, text]) => text.includes(STARTS)) ?? [];
  if (path === undefined || text === undefined) throw new Error(`no module has "${STARTS}"`);
  const facade = (specifier: string) => {
    const content = texts.get(join(dirname(path), specifier));
    return content === undefined ? undefined : facadeOf(content, `./${basename(path)}`);
  };
  await Bun.write(path, await inlinedFunctions(withoutOwnImports(text, facade), folder));
}
