import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Arch } from "../../ffi/numbers.ts";
import { INIT_EXEC_FAILED, initElf } from "./init_elf.ts";

const PATH = "/usr/bin:/bin";
const OWN_ARCH: Arch = process.arch === "arm64" ? "arm64" : "x64";

/** Leaves a process behind that ends soon, and looks whether anybody waited for it. */
const ORPHAN = [
  "(sh -c 'echo $$ >orphan; exec sleep 0.05' &)",
  "sleep 0.3",
  "echo child of $PPID",
  "test -s orphan && test ! -e /proc/$(cat orphan) && echo reaped",
].join("\n");

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-init-"));
  for (const arch of ["x64", "arm64"] as const) {
    writeFileSync(`${folder}/${arch}`, initElf(arch), { mode: 0o755 });
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The command line that starts the init; for the other architecture by the emulator. */
function init(arch: Arch, ...command: string[]): string[] {
  const emulator = `/usr/bin/qemu-${arch === "arm64" ? "aarch64" : "x86_64"}-static`;
  const start = arch === process.arch ? [`${folder}/${arch}`] : [emulator, `${folder}/${arch}`];
  return [...start, "--", ...command];
}

function run(arch: Arch, command: string[], env: Record<string, string> = { PATH }) {
  const done = Bun.spawnSync(init(arch, ...command), { env, timeout: 20_000 });
  return { code: done.exitCode, out: done.stdout.toString() };
}

/** What the init reports on descriptor 100 when it cannot execute a command. */
function report(arch: Arch, command: string): { code: number; report: bigint[] } {
  const file = `${folder}/report`;
  const script = 'exec "$@" 100>"$REPORT"';
  const done = Bun.spawnSync(["bash", "-c", script, "bash", ...init(arch, command)], {
    env: { PATH, REPORT: file },
    timeout: 20_000,
  });
  const bytes = readFileSync(file);
  const words = Array.from(
    { length: bytes.length / 8 },
    (_, i) => bytes.readBigInt64LE(i * 8),
  );
  return { code: done.exitCode, report: words };
}

function executable(name: string, text: string, mode = 0o755): void {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), mode);
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  return text;
}

for (const arch of ["x64", "arm64"] as const) {
  describe(`on ${arch}`, () => {
    test("the init ends with the code of its command, whose arguments it passes on", () => {
      expect(run(arch, ["sh", "-c", 'echo "$0" "$@"; exit 7', "a b", "--", ""])).toEqual({
        code: 7,
        out: "a b -- \n",
      });
    });

    test("a command killed by a signal gives 128 and the signal", () => {
      expect(run(arch, ["sh", "-c", "kill -KILL $$"]).code).toBe(137);
    });

    test("the command leads a process group", () => {
      const { out } = run(arch, ["sh", "-c", "cut -d' ' -f1,5 /proc/$$/stat"]);
      expect(out).toMatch(/^(\d+) \1\n$/);
    });

    test("signals that were ignored or blocked are not for the command", () => {
      const inner = init(arch, "grep", "-E", "Sig(Ign|Blk)", "/proc/self/status");
      const script = 'trap "" PIPE XFSZ USR1; exec "$@"';
      const done = Bun.spawnSync(["bash", "-c", script, "bash", ...inner], { env: { PATH } });
      // Signal 32 is the emulator's own (its C library's): a guest cannot reset it.
      const ignored = arch === OWN_ARCH ? /0{16}/ : /0{8}[08]0{7}/;
      const pattern = new RegExp(`^SigBlk:\\t0{16}\\nSigIgn:\\t${ignored.source}\\n$`);
      expect(done.stdout.toString()).toMatch(pattern);
    });

    for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGWINCH"] as const) {
      test(`${signal} is sent on to the command`, async () => {
        const script = `trap 'exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.02; done`;
        const child = Bun.spawn(init(arch, "sh", "-c", script), { env: { PATH }, stdout: "pipe" });
        await firstLine(child.stdout);
        child.kill(signal);
        expect(await child.exited).toBe(9);
      });
    }

    test("as process 1 it reaps the orphans of its namespace", () => {
      const unshare = "unshare --user --map-root-user --pid --fork --mount-proc".split(" ");
      const done = Bun.spawnSync([...unshare, ...init(arch, "sh", "-c", ORPHAN)], { cwd: folder });
      expect(done.stdout.toString()).toBe("child of 1\nreaped\n");
    });

    test("a command is found in the first directory of PATH that has it", () => {
      executable("one/which", "#!/bin/sh\necho one\n");
      executable("two/which", "#!/bin/sh\necho two\n");
      const path = `::relative:${folder}/missing:${folder}/one/which:${folder}/one:${folder}/two`;
      expect(run(arch, ["which"], { PATHS: "/x", PATH: path }).out).toBe("one\n");
    });

    test("a file that may not be executed does not hide one further down PATH", () => {
      executable("plain/tool", "#!/bin/sh\necho plain\n", 0o644);
      executable("good/tool", "#!/bin/sh\necho good\n");
      expect(run(arch, ["tool"], { PATH: `${folder}/plain:${folder}/good` }).out).toBe("good\n");
      expect(run(arch, ["tool"], { PATH: `${folder}/plain` }).code).toBe(126);
    });

    test("a directory of PATH that is longer than any path is passed over", () => {
      expect(run(arch, ["sh", "-c", "exit 4"], { PATH: `/${"x".repeat(5000)}:/bin` }).code).toBe(4);
      expect(run(arch, ["sh", "-c", "exit 4"], { PATH: `/${"x".repeat(4094)}:/bin` }).code).toBe(4);
    });

    test("a missing command is 127 and reported with its errno", () => {
      const missing = { code: 127, report: [BigInt(INIT_EXEC_FAILED), -2n] };
      expect(report(arch, "no-such-command")).toEqual(missing);
      expect(report(arch, "/no/such/command")).toEqual(missing);
      expect(report(arch, "")).toEqual(missing);
      expect(report(arch, "x".repeat(300))).toEqual(missing);
      expect(run(arch, ["sh"], {}).code).toBe(127);
    });

    test("what cannot be executed is 126 and reported with its errno", () => {
      executable("data", "no program", 0o644);
      executable("garbage", "no program");
      expect(report(arch, `${folder}/data`)).toEqual({
        code: 126,
        report: [BigInt(INIT_EXEC_FAILED), -13n],
      });
      expect(report(arch, `${folder}/garbage`)).toEqual({
        code: 126,
        report: [BigInt(INIT_EXEC_FAILED), -8n],
      });
    });

    test("a command that starts reports nothing", () => {
      expect(report(arch, "true")).toEqual({ code: 0, report: [] });
    });

    test("on a terminal the command's group is the foreground one", () => {
      const inner = init(arch, "sh", "-c", "cut -d' ' -f5,8 /proc/$$/stat").map((word) =>
        `'${word.replaceAll("'", `'\\''`)}'`
      );
      const done = Bun.spawnSync(["script", "-qec", inner.join(" "), "/dev/null"], {
        env: { PATH },
        stdin: "ignore",
      });
      expect(done.stdout.toString().trim()).toMatch(/^(\d+) \1$/);
    });
  });
}

// The emulator does not know PR_SET_CHILD_SUBREAPER.
test("orphans become its children also where it is not process 1", () => {
  const done = Bun.spawnSync(init(OWN_ARCH, "sh", "-c", ORPHAN), { cwd: folder, env: { PATH } });
  expect(done.stdout.toString()).toMatch(/^child of \d+\nreaped\n$/);
});

// The emulator has descriptors of its own, so this one is for the machine's own architecture.
test("the command gets no descriptor but the standard ones, and the init keeps none", () => {
  const script = "for p in self $PPID; do ls /proc/$p/fd | tr '\\n' ' '; done";
  const done = Bun.spawnSync(
    [
      "bash",
      "-c",
      'exec "$@" 7</dev/null 100>/dev/null',
      "bash",
      ...init(OWN_ARCH, "sh", "-c", script),
    ],
    { env: { PATH } },
  );
  // ls itself opens the directory it lists as 3.
  expect(done.stdout.toString()).toBe("0 1 2 3 0 1 2 ");
});
