/** `exec` in scripts: the container's monitor does it, where it can. What it does is tested by exec.test.ts. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterEach(async () => {
  await tsbox(["rm", "-f", "box"], { home: box.home });
});
afterAll(() => box.stop());

/** With a monitor that is ready for the next exec. */
async function start(): Promise<void> {
  await startCold();
  await tsboxOk(["exec", "box", "true"], { home: box.home });
  await until(
    "the monitor is warm",
    () => containers().some((path) => existsSync(`${path}/execute.sock`)),
  );
}

async function startCold(): Promise<void> {
  const words = box.words(["-d", "--name", "box"], ["sleep", "600"]);
  await tsboxOk(words, { home: box.home });
}

function containers(): string[] {
  const folder = `${box.home.dataRoot}/containers`;
  return readdirSync(folder).map((id) => `${folder}/${id}`);
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

const processes = () => readdirSync("/proc").map(Number).filter((pid) => pid > 0);

/** Of the only container of this test's home. */
function monitor(): number {
  const [pid = 0] = processes().filter((pid) => read(`/proc/${pid}/cmdline`).includes("@monitor"))
    .filter((pid) => read(`/proc/${pid}/environ`).includes(`HOME=${box.home.path}\0`));
  expect(pid).toBeGreaterThan(0);
  return pid;
}

const parentOf = (pid: number) =>
  Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);

interface Sleeper {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Host pid of the command. */
  pid: number;
  /** Whoever waits for it on the host's side has this parent. */
  starter: number;
}

/** A command that sleeps as long as no other one does. */
async function sleeping(seconds: string, program = TSBOX, ...flags: string[]): Promise<Sleeper> {
  const { path: cwd, env } = box.home;
  const words = ["exec", ...flags, "box", "sleep", seconds];
  const child = Bun.spawn([program, ...words], {
    cwd,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const found = () =>
    processes().find((pid) => read(`/proc/${pid}/cmdline`) === `sleep\0${seconds}\0`);
  await until(`sleep ${seconds} runs`, () => found() !== undefined);
  const pid = found() ?? 0;
  return { child, pid, starter: parentOf(parentOf(pid)) };
}

test("streams that can be handed over are, and the monitor starts the command", async () => {
  await start();
  for (const flags of [[], ["-i"], ["-e", "A=b"]]) {
    const { child, pid, starter } = await sleeping(`61.0${flags.length}`, TSBOX, ...flags);
    expect(starter).toBe(monitor());
    process.kill(pid, "SIGTERM");
    expect(await child.exited).toBe(143);
  }
});

test("the first one is done by the command line, which takes less time than to load what it takes", async () => {
  await startCold();
  const { child, pid, starter } = await sleeping("60.01");
  expect(starter).toBe(child.pid);
  process.kill(pid, "SIGKILL");
  expect(await child.exited).toBe(137);
});

test("another executable, of which who knows what it means, does it itself", async () => {
  await start();
  const other = `${box.home.path}/other`;
  copyFileSync(TSBOX, other);
  const { child, pid, starter } = await sleeping("62.01", other);
  expect(starter).toBe(child.pid);
  process.kill(pid, "SIGKILL");
  expect(await child.exited).toBe(137);
});

test("the command outlives who waits for it", async () => {
  await start();
  const { child, pid } = await sleeping("63.01");
  child.kill("SIGKILL");
  await child.exited;
  expect((await tsbox(["exec", "box", "true"], { home: box.home })).status).toBe(0);
  process.kill(pid, 0);
  process.kill(pid, "SIGKILL");
});

test("the container's end is the command's, and its status is told", async () => {
  await start();
  const { child } = await sleeping("64.01");
  await tsboxOk(["rm", "-f", "box"], { home: box.home });
  expect(await child.exited).toBe(137);
  expect(await child.stderr.text()).toBe("");
});

test("a monitor that dies cannot tell, and exec says so", async () => {
  await start();
  const { child } = await sleeping("65.01");
  process.kill(monitor(), "SIGKILL");
  expect(await child.exited).toBe(1);
  expect(await child.stderr.text()).toBe(
    "tsbox: Cannot tell how the command ended: the container's monitor died\n",
  );
});

test("many at once get what is theirs, and leave nothing in the monitor", async () => {
  await start();
  const descriptors = () => readdirSync(`/proc/${monitor()}/fd`).length;
  const address = () => Number(/^VmSize:\s+(\d+)/m.exec(read(`/proc/${monitor()}/status`))?.[1]);
  const round = async () => {
    const results = await Promise.all(
      Array.from(
        { length: 30 },
        (_, i) =>
          // All there at the same time: what the monitor holds for each adds up.
          tsbox(["exec", "box", "sh", "-c", `echo ${i}; echo e${i} >&2; sleep 1; exit ${i}`], {
            home: box.home,
          }),
      ),
    );
    results.forEach((result, i) =>
      expect(result).toEqual({ stdout: `${i}\n`, stderr: `e${i}\n`, status: i })
    );
  };
  await round();
  const [before, space] = [descriptors(), address()];
  await round();
  await round();
  // The last connections may be ending.
  await until("no descriptor is left", () => descriptors() <= before);
  // 60 programs of a mebibyte each would be seen.
  expect(address() - space).toBeLessThan(30 * 1024);
});
