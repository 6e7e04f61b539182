/**
 * Runs every test file in a Bun of its own, one after the other, and ends with `N passed, N failed`.
 *
 * One process each, because the tests drive the kernel: a crash, a leaked descriptor or a changed signal
 * mask must cost its own file only, and must be counted as a failure instead of cutting the run short.
 *
 * Usage: run_tests.ts [PATTERN...]   only files whose path contains one of the patterns
 */

/** Seconds a single file may take before it is killed and counted as failed. */
const FILE_TIMEOUT = 900;

interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  output: string;
}

/** A number of Bun's summary, such as ` 12 pass`; the last one is the summary's. */
function counted(output: string, word: string): number {
  const lines = [...output.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))];
  return Number(lines.at(-1)?.[1] ?? 0);
}

/** What a finished `bun test FILE` means; whatever ended badly without a failed test counts as one. */
function outcomeOf(
  exitCode: number | null,
  signal: number | string | null,
  output: string,
): Outcome {
  const passed = counted(output, "pass");
  const skipped = counted(output, "skip") + counted(output, "todo");
  let failed = counted(output, "fail");
  if (failed === 0 && exitCode !== 0) {
    failed = 1;
    output += `\nbun test ended with ${signal ?? `status ${exitCode}`}\n`;
  }
  if (passed + failed + skipped === 0) {
    failed = 1;
    output += "\nno test ran in this file\n";
  }
  return { passed, failed, skipped, output };
}

async function runFile(file: string): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, "test", `./${file}`], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: FILE_TIMEOUT * 1000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return outcomeOf(child.exitCode, child.signalCode, stdout + stderr);
}

function testFiles(patterns: string[]): string[] {
  const files = [...new Bun.Glob("{src,tests,bench,scripts}/**/*.test.ts").scanSync(".")].sort();
  return patterns.length === 0 ? files : files.filter((f) => patterns.some((p) => f.includes(p)));
}

async function main(): Promise<number> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const print = (line: string) => process.stdout.write(line + "\n");
  for (const file of testFiles(process.argv.slice(2))) {
    const start = performance.now();
    const outcome = await runFile(file);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const counts = `${outcome.passed} passed, ${outcome.failed} failed` +
      (outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : "");
    print(`${outcome.failed > 0 ? "FAIL" : "ok  "} ${file}: ${counts} (${seconds} s)`);
    if (outcome.failed > 0) print(outcome.output);
    else {for (const [line] of outcome.output.matchAll(/^\((skip|todo)\).*$/gm)) {
        print(`     ${line}`);
      }}
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
  }
  if (total.passed + total.failed === 0) print("no test ran");
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  print(`${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

process.exitCode = await main();

export {};
