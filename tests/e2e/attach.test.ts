/** Attaching to containers that run: several at once, slow ones, without input, without signals. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { TSBOX, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });

/** Starts a shell script in the background. */
const start = (name: string, script: string, ...flags: string[]) =>
  ok("run", "-d", "--network", "none", "--name", name, ...flags, box.image, "sh", "-c", script);

const attach = (...args: string[]) =>
  Bun.spawn([TSBOX, "attach", ...args], {
    env: box.home.env,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });

test("two at once both get all output from then on, streams apart, and the exit status", async () => {
  await start("two", "sleep 1; seq 1 1000; echo error >&2; exit 7");
  const both = [attach("two"), attach("two")];
  for (const child of both) {
    expect(await child.exited).toBe(7);
    expect((await child.stdout.text()).trim().split("\n")).toHaveLength(1000);
    expect(await child.stderr.text()).toBe("error\n");
  }
});

test("--no-stdin passes no input on, another one may", async () => {
  await start("input", "cat", "-i");
  const [deaf, typing] = [attach("--no-stdin", "input"), attach("input")];
  await Bun.sleep(300);
  await deaf.stdin.write("from the deaf\n");
  await deaf.stdin.end();
  await typing.stdin.write("typed\n");
  await typing.stdin.flush();
  await Bun.sleep(200);
  await ok("kill", "input");
  expect(await deaf.stdout.text()).toBe("typed\n");
  expect(await typing.stdout.text()).toBe("typed\n");
});

test("signals go to the container; with --sig-proxy=false they end attach alone", async () => {
  await start("signals", "trap 'echo caught' TERM; while :; do sleep 0.05; done");
  const [passing, keeping] = [attach("signals"), attach("--sig-proxy=false", "signals")];
  await Bun.sleep(300);
  keeping.kill("SIGTERM");
  expect(await keeping.exited).not.toBe(0);
  expect(await keeping.stdout.text()).toBe("");
  passing.kill("SIGTERM");
  await until(
    "the log has it",
    () =>
      Bun.spawnSync([TSBOX, "logs", "signals"], { env: box.home.env }).stdout.toString() ===
        "caught\n",
  );
  await ok("kill", "signals");
  expect(await passing.stdout.text()).toBe("caught\n");
});

test("one that takes nothing holds nobody up, and is told that it was cut off", async () => {
  await start(
    "slow",
    "sleep 0.5; yes 0123456789abcdef | head -c 30000000; echo; echo done; sleep 600",
  );
  // Nobody reads its output until the end.
  const slow = Bun.spawn([TSBOX, "attach", "slow"], {
    env: box.home.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  slow.kill("SIGSTOP");
  await Bun.sleep(100);
  slow.kill("SIGCONT");
  await Bun.sleep(300);
  slow.kill("SIGSTOP");
  let last = "";
  for (const deadline = Date.now() + 30_000; last !== "done\n" && Date.now() < deadline;) {
    await Bun.sleep(100);
    last = await ok("logs", "-n", "1", "slow");
  }
  expect(last).toBe("done\n");
  slow.kill("SIGCONT");
  const [, error] = await Promise.all([slow.stdout.text(), slow.stderr.text()]);
  expect(await slow.exited).toBe(1);
  expect(error).toContain("its output was not taken in time");
  await ok("rm", "-f", "slow");
}, 60_000);
