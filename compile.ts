/** Builds dist/tsbox. */
const version: string = (await Bun.file("package.json").json()).version;
const git = Bun.spawnSync(["git", "-c", "safe.directory=*", "rev-parse", "--short=7", "HEAD"]);
const commit = git.success ? git.stdout.toString().trim() : "unknown";
const result = await Bun.build({
  entrypoints: ["src/main.ts"],
  target: "bun",
  minify: true,
  bytecode: true,
  format: "esm",
  define: { TSBOX_VERSION: JSON.stringify(version), TSBOX_COMMIT: JSON.stringify(commit) },
  compile: { outfile: "dist/tsbox" },
});
process.stdout.write(`${result.success ? "built" : "failed"} dist/tsbox\n`);
export {};
