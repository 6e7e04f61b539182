/** The one entry of the executable: picks the role, and owns argv, the environment and process.exit. */
import type { CliIo, Streams } from "./cli/io.ts";

// Put in by compile.ts; absent when the source is run by `bun src/main.ts`.
declare const TSBOX_VERSION: string | undefined;
declare const TSBOX_COMMIT: string | undefined;

const build = {
  version: typeof TSBOX_VERSION === "string" ? TSBOX_VERSION : "0.0.0-source",
  commit: typeof TSBOX_COMMIT === "string" ? TSBOX_COMMIT : "source",
};

/** First argument of a process that we start ourselves, inside the user namespace. */
const WORKER = "@worker";
/** That of one that runs a container in the background. */
const MONITOR = "@monitor";
/** And one that keeps a terminal open, see engine/exec/hold_terminal.ts. */
const HOLDER = "@terminal";
/** That of one that looks whether a container is healthy. */
const PROBE = "@probe";

/** Whether this is the compiled executable: its sources are in a file system of Bun's own. */
const compiled = import.meta.path.startsWith("/$bunfs/");

/** Says that another process waits for us, and at which descriptor: scripts/compile/early_monitor_x64.s. Ours alone. */
const BEGUN = "TSBOX_BEGUN";

function starter(): number | undefined {
  const begun = process.env[BEGUN];
  if (!begun) return undefined;
  delete process.env[BEGUN];
  return Number(begun);
}

function cliIo(argv: readonly string[], streams: Streams): CliIo {
  return {
    argv,
    env: process.env,
    cwd: process.cwd(),
    uid: process.getuid?.() ?? -1,
    gid: process.getgid?.() ?? -1,
    build,
    get self() {
      return { path: process.execPath, args: compiled ? [WORKER] : [import.meta.path, WORKER] };
    },
    starter: starter(),
    ...streams,
    serveApi: async (service) => (await import("./api/serve.ts")).serveApi(service),
    columns: () => process.stdout.columns || 80,
  };
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === WORKER) {
    const { workerMain } = await import("./engine/worker_main.ts");
    return await workerMain(argv.slice(1));
  }
  if (argv[0] === MONITOR) {
    const { monitorMain } = await import("./engine/monitor/monitor_main.ts");
    return await monitorMain(process.env);
  }
  if (argv[0] === HOLDER) {
    const { holderMain } = await import("./engine/exec/hold_terminal.ts");
    return holderMain();
  }
  if (argv[0] === PROBE) {
    const { probeMain } = await import("./engine/health/probe_main.ts");
    const { writeAll } = await import("./cli/writer.ts");
    writeAll(1, await probeMain(argv.slice(1)));
    return 0;
  }
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-v")) {
    // What the streams need takes longer to load than all the rest of this.
    // deno-lint-ignore no-console
    console.log(`tsbox version ${build.version}, build ${build.commit}`);
    return 0;
  }
  if (argv[0] === "exec") {
    const { quickExec } = await import("./cli/quick_exec.ts");
    const status = await quickExec(argv.slice(1), process.env);
    if (status !== undefined) return status;
  }
  const { cliMain, streams } = await import("./cli/main.ts");
  return await cliMain(cliIo(argv, streams));
}

// Should the event loop ever run dry before a status is known, that is an error and not a success.
process.exitCode = 125;
main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    // The front ends report every error; what arrives here is a defect of ours, or a closed output.
    const message = error instanceof Error ? error.message : String(error);
    try {
      // Not by our own way to the kernel, which may be what failed.
      process.getBuiltinModule("node:fs").writeSync(2, `tsbox: internal error: ${message}\n`);
    } finally {
      process.exit(125);
    }
  },
);
