/** `run` without a terminal: standard input, output and error pass byte for byte, and nothing else does. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { type CliResult, TSBOX } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const GIGABYTE = 1 << 30;

/** A shell function that prints bytes of every value, the same ones at each call. */
const RANDOM_BYTES =
  "bytes() { { openssl enc -aes-128-ctr -nosalt -K 01 -iv 02 </dev/zero || :; } 2>&1" +
  ' | head -c "$1"; }';

/** Runs a line of bash, in which `box ARGS...` is `tsbox run --rm -i IMAGE ARGS...`. */
async function bash(line: string): Promise<CliResult> {
  const [flag, words] = ["-i", box.words(["-i"]).map((word) => `'${word}'`).join(" ")];
  const prelude = `box() { ${TSBOX} ${words} "$@"; }; plain() { ${TSBOX} ${
    words.replace(`'${flag}' `, "")
  } "$@"; }; ${RANDOM_BYTES}`;
  const child = Bun.spawn(["bash", "-c", `set -o pipefail; ${prelude}\n${line}`], {
    cwd: box.home.path,
    env: box.home.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, status: await child.exited };
}

describe("what passes", () => {
  test("a gigabyte from pipe to pipe is not changed", async () => {
    const line = `bytes ${GIGABYTE} | box cat | cmp - <(bytes ${GIGABYTE}) && echo same`;
    expect(await bash(line)).toEqual({ stdout: "same\n", stderr: "", status: 0 });
  }, 120_000);

  test("a quarter of one from file to file is not changed", async () => {
    const line = `dir=$(mktemp -d -p /dev/shm); trap 'rm -r $dir' EXIT
      bytes ${
      GIGABYTE / 4
    } >$dir/in; box cat <$dir/in >$dir/out; cmp $dir/in $dir/out && echo same`;
    expect(await bash(line)).toEqual({ stdout: "same\n", stderr: "", status: 0 });
  }, 120_000);

  test("output and errors are kept apart", async () => {
    const { stdout, stderr, status } = await box.run([], ["sh", "-c", "echo out; echo err >&2"]);
    expect({ stdout, stderr, status }).toEqual({ stdout: "out\n", stderr: "err\n", status: 0 });
  });

  test("the end of the input is the end of the container's, whatever the input is", async () => {
    writeFileSync(`${box.home.path}/words`, "three short words");
    const line = "printf 'a b' | box wc -w; box wc -w <words; box wc -w </dev/null";
    expect((await bash(line)).stdout).toBe("2\n3\n0\n");
  });

  test("output into files is complete when the command has ended", async () => {
    const line = "box sh -c 'seq 200000; seq 5 >&2' >out 2>err; tail -n 1 out err; wc -l <out";
    const { stdout } = await bash(line);
    expect(stdout).toBe("==> out <==\n200000\n\n==> err <==\n5\n200000\n");
  });

  test("appending to a file keeps what is there", async () => {
    writeFileSync(`${box.home.path}/log`, "first\n");
    await bash("box echo second >>log; box echo third >>log");
    expect(readFileSync(`${box.home.path}/log`, "utf8")).toBe("first\nsecond\nthird\n");
  });

  test("a slow reader gets everything", async () => {
    const { stdout } = await bash("box seq 300000 | (sleep 0.5; wc -l)");
    expect(stdout).toBe("300000\n");
  });

  test("output of descendants of the command arrives until the command ends", async () => {
    const started = performance.now();
    const script = "(sleep 0.2; echo child) & echo parent; wait; sleep 98701 & exit 3";
    const { stdout, status } = await box.run([], ["sh", "-c", script]);
    expect({ stdout, status }).toEqual({ stdout: "parent\nchild\n", status: 3 });
    expect(performance.now() - started).toBeLessThan(10_000);
    // The guard, which has our command line, outlives us for a moment.
    await until("they are gone", () => processesWith("98701").length === 0);
  });
});

describe("what does not pass", () => {
  test("without -i the container's input is empty, and the caller's is left to others", async () => {
    const { stdout } = await bash("echo mine | (plain cat; cat)");
    expect(stdout).toBe("mine\n");
  });

  test("with -i what the container does not read is not waited for", async () => {
    const line = "{ sleep 98702 & echo $! >pid; wait; } | (box true; echo $?; kill $(cat pid))";
    expect((await bash(line)).stdout).toBe("0\n");
  });

  test("when nobody reads any more, an endless writer ends and nothing is left", async () => {
    const { stdout } = await bash(`plain sh -c 'while echo 98703; do :; done' | head -n 1`);
    expect(stdout).toBe("98703\n");
    await until("the writer has ended", () => processesWith("98703").length === 0);
    expect(box.leftovers()).toEqual([]);
  });

  test("output that cannot be written is told, and is no success", async () => {
    const { stdout, stderr } = await bash("box echo lost >/dev/full; echo $?");
    expect(stdout).toBe("125\n");
    expect(stderr).toBe("tsbox: Cannot write the container's output: ENOSPC\n");
    expect((await bash("box sh -c 'while echo x; do :; done; exit 9' >/dev/full; echo $?")).stdout)
      .toBe("9\n");
  });

  test("an endless input or output keeps neither signals nor the end from being noticed", async () => {
    expect((await bash("box true </dev/zero; echo $?")).stdout).toBe("0\n");
    const closed = "box sh -c 'exec <&-; sleep 0.2; exit 4' </dev/zero; echo $?";
    expect((await bash(closed)).stdout).toBe("4\n");
    // The signal comes twice, as from timeout(1), and when the output flows: then the trap is set.
    const endless = "trap 'exit 5' USR1; while :; do echo x; done";
    const command = [TSBOX, ...box.words([]), "sh", "-c", endless];
    const out = `${box.home.path}/endless`;
    const child = Bun.spawn(command, { env: box.home.env, stdout: Bun.file(out), stderr: "pipe" });
    await until("output flows", () => existsSync(out) && statSync(out).size > 0);
    child.kill("SIGUSR1");
    child.kill("SIGUSR1");
    expect([await child.exited, await child.stderr.text()]).toEqual([5, ""]);
  });

  test("a file given as output or input is not seen from inside: it cannot be reopened", async () => {
    const script = "for fd in 0 1 2; do readlink /proc/self/fd/$fd; done; echo x >>/proc/self/fd/0";
    writeFileSync(`${box.home.path}/input`, "untouched");
    const line = `box sh -c '${script}; : >/dev/stdout' <input >out 2>&1; cat out`;
    const { stdout } = await bash(line);
    expect(stdout).toMatch(/^pipe:\[\d+\]\npipe:\[\d+\]\npipe:\[\d+\]\n/);
    expect(readFileSync(`${box.home.path}/input`, "utf8")).toBe("untouched");
    expect(statSync(`${box.home.path}/out`).size).toBeGreaterThan(0);
  });

  test("no other descriptor is there, also none that the caller left open", async () => {
    const line = "exec 7<'/etc/passwd' 9>>log; box sh -c 'ls /proc/$$/fd; true'";
    expect((await bash(line)).stdout).toBe("0\n1\n2\n");
  });

  test("closed standard descriptors of the caller's do no harm", async () => {
    const { stdout, status } = await bash("box sh -c 'echo $(cat); exit 5' <&- ; echo $?");
    expect({ stdout, status }).toEqual({ stdout: "\n5\n", status: 0 });
    expect((await bash("box sh -c 'echo x; exit 6' >&-; echo $?")).stdout).toBe("6\n");
    expect((await bash("plain sh -c 'echo x >&2; echo y; exit 7' 2>&-; echo $?")).stdout).toBe(
      "y\n7\n",
    );
  });
});
