/** `exec` in scripts: the container's monitor does it, where it can. What it does is tested by exec.test.ts. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readdirSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";
import {
  monitorOf,
  startCold,
  startWarm,
  statusOf,
  waitingExec,
} from "../support/warm_container.ts";

// Machine code leaves everything to JavaScript where a variable is ours, also one that means nothing.
const KINDS = [["machine code", {}], ["JavaScript", { TSBOX_NONE: "1" }]] as const;

describe.each(KINDS)("asked by %s", (kind, env) => {
  let box: BusyboxContainers;
  beforeAll(async () => {
    box = await busyboxContainers();
    Object.assign(box.home.env, env);
  });
  afterEach(async () => {
    await tsbox(["rm", "-f", "box"], { home: box.home });
  });
  afterAll(() => box.stop());

  const start = () => startWarm(box);
  const monitor = () => monitorOf(box.home);
  const sleeping = (program = TSBOX, ...flags: string[]) =>
    waitingExec(box.home, [program, "exec", ...flags, "box"]);

  test("streams that can be handed over are, and the monitor starts the command", async () => {
    await start();
    for (const flags of [[], ["-i"], ["-e", "A=b"]]) {
      const { child, pid, starter, isMachineCode } = await sleeping(TSBOX, ...flags);
      expect(starter).toBe(monitor());
      const isPlain = flags.length === 0 && process.arch === "x64";
      expect(isMachineCode).toBe(kind === "machine code" && isPlain);
      process.kill(pid, "SIGTERM");
      expect(await child.exited).toBe(143);
    }
  });

  test("the first one is done by the command line, which takes less time than to load what it takes", async () => {
    await startCold(box);
    const { child, pid, starter } = await sleeping();
    expect(starter).toBe(child.pid);
    process.kill(pid, "SIGKILL");
    expect(await child.exited).toBe(137);
  });

  test("another executable, of which who knows what it means, does it itself", async () => {
    await start();
    const other = `${box.home.path}/other`;
    copyFileSync(TSBOX, other);
    const { child, pid, starter } = await sleeping(other);
    expect(starter).toBe(child.pid);
    process.kill(pid, "SIGKILL");
    expect(await child.exited).toBe(137);
  });

  test("the command outlives who waits for it", async () => {
    await start();
    const { child, pid } = await sleeping();
    child.kill("SIGKILL");
    await child.exited;
    expect((await tsbox(["exec", "box", "true"], { home: box.home })).status).toBe(0);
    process.kill(pid, 0);
    process.kill(pid, "SIGKILL");
  });

  test("the container's end is the command's, and its status is told", async () => {
    await start();
    const { child } = await sleeping();
    await tsboxOk(["rm", "-f", "box"], { home: box.home });
    expect(await child.exited).toBe(137);
    expect(await child.stderr.text()).toBe("");
  });

  test("a monitor that dies cannot tell, and exec says so", async () => {
    await start();
    const { child } = await sleeping();
    process.kill(monitor(), "SIGKILL");
    expect(await child.exited).toBe(1);
    expect(await child.stderr.text()).toBe(
      "tsbox: Cannot tell how the command ended: the container's monitor died\n",
    );
  });

  test("many at once get what is theirs, and leave nothing in the monitor", async () => {
    await start();
    const descriptors = () => readdirSync(`/proc/${monitor()}/fd`).length;
    const address = () => statusOf(monitor(), "VmSize");
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
});
