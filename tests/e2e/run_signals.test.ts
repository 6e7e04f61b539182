/** `run` and signals: forwarded, insisted on, and what happens when tsbox itself is killed. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, unlinkSync } from "node:fs";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { TSBOX, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

/** A container that has printed its first line. */
interface Started {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** What it prints from then on, to the end. */
  rest(): Promise<string>;
}

const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function start(flags: readonly string[], script: string): Promise<Started> {
  const child = Bun.spawn([TSBOX, ...box.words(flags, ["sh", "-c", script])], {
    cwd: box.home.path,
    env: box.home.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  children.push(child);
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("\n")) {
    const { value } = await reader.read();
    if (value === undefined) throw new Error(await child.stderr.text());
    text += decoder.decode(value);
  }
  const rest = async () => {
    let more = text.slice(text.indexOf("\n") + 1);
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) return more;
      more += decoder.decode(value);
    }
  };
  return { child, rest };
}

/** Seconds that nobody waits for: a number of our own, since other tests may run on this machine. */
const LONG = `981${process.pid}`;
const LONG_TOO = `982${process.pid}`;
const LONG_ALSO = `983${process.pid}`;

/** A script that waits, in small steps: a shell runs its traps between commands. */
const WAIT = "echo ready; for i in $(seq 500); do sleep 0.02; done; exit 9";

describe("forwarding", () => {
  test.each([
    "SIGTERM",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGUSR1",
    "SIGUSR2",
    "SIGALRM",
    "SIGWINCH",
  ])(
    "%s reaches the command, whose status is ours",
    async (signal) => {
      const trap = `trap 'echo got; exit 42' ${signal.slice(3)}`;
      const { child, rest } = await start([], `${trap}; ${WAIT}`);
      child.kill(signal as NodeJS.Signals);
      expect(await rest()).toBe("got\n");
      expect(await child.exited).toBe(42);
    },
  );

  test("a command that dies of the signal gives 128 + its number", async () => {
    const { child } = await start(["--init"], "echo ready; exec sleep 60");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
  });

  test("with streams that are handed over, the wait has one thread and no event loop", async () => {
    const { child } = await start(["--init"], "echo ready; exec sleep 60");
    const proc = `/proc/${child.pid}`;
    const files = () =>
      readdirSync(`${proc}/fd`).map((fd) => {
        try {
          return readlinkSync(`${proc}/fd/${fd}`);
        } catch {
          return "";
        }
      });
    await until("signals are held", () => files().includes("anon_inode:[signalfd]"));
    expect(readdirSync(`${proc}/task`)).toEqual([String(child.pid)]);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
  });

  test("--sig-proxy=false forwards nothing", async () => {
    const { child, rest } = await start(
      ["--sig-proxy=false"],
      "trap 'echo got' USR1; echo ready; sleep 0.4; echo end",
    );
    child.kill("SIGUSR1");
    expect(await rest()).toBe("end\n");
    expect(await child.exited).toBe(0);
  });

  test("a first process that ignores SIGINT is killed at the third", async () => {
    const { child } = await start([], `echo ready; exec sleep ${LONG_ALSO}`);
    // Until then it is the shell, which handles SIGINT.
    await until("it sleeps", () => processesWith(`sleep\x00${LONG_ALSO}`).length > 0);
    for (let i = 0; i < 3; i++) {
      expect(child.exitCode).toBe(null);
      child.kill("SIGINT");
      await Bun.sleep(150);
    }
    expect(await child.exited).toBe(137);
    expect(await child.stderr.text()).toContain("got 3 SIGTERM/SIGINTs, forcefully exiting");
    // The guard, which has our command line, outlives us for a moment.
    await until("nothing is left", () => processesWith(LONG_ALSO).length === 0);
    expect(box.leftovers()).toEqual([]);
  });

  test("a stopped tsbox goes on where it was", async () => {
    const { child, rest } = await start([], "echo ready; sleep 0.3; echo end");
    child.kill("SIGSTOP");
    await Bun.sleep(600);
    child.kill("SIGCONT");
    expect(await rest()).toBe("end\n");
    expect(await child.exited).toBe(0);
  });
});

describe("--init", () => {
  test("is process 1, gives the command the rest and reaps orphans", async () => {
    const script = "(sh -c 'sleep 0.1 & exit' &); sleep 0.5; ps -o pid,stat,args; echo $$";
    const out = await box.sh(["--init"], script);
    expect(out).toMatch(/^ +1 S .*\/sbin\/docker-init -- sh -c/m);
    expect(out).not.toMatch(/ Z /);
    expect(Number(out.trim().split("\n").at(-1))).toBeGreaterThan(1);
    const without = await box.sh([], script.replace("echo $$", "exec cat /proc/self/stat"));
    expect(without).toMatch(/^1 /m);
  });

  test("forwards to the command, whose status is ours", async () => {
    const { child, rest } = await start(["--init"], `trap 'echo got; exit 42' TERM; ${WAIT}`);
    child.kill("SIGTERM");
    expect(await rest()).toBe("got\n");
    expect(await child.exited).toBe(42);
  });
});

describe("SIGKILL of tsbox", () => {
  test.each([
    ["a root process", [], `exec sleep ${LONG}`],
    ["a process under the init", ["--init"], `sleep ${LONG}`],
    ["one with children of its own session", [], `setsid sleep ${LONG} & sleep ${LONG}`],
    ["one that changed its user", [], `exec su -s /bin/sh nobody -c 'exec sleep ${LONG}'`],
    ["one that was started as another user", ["-u", "nobody"], `exec sleep ${LONG}`],
    ["one with a network", ["--network", "private", "-e", `MARK=${LONG}`], `exec sleep ${LONG}`],
    [
      "one on the host's process ids",
      ["--pid", "host"],
      `exec su -s /bin/sh nobody -c 'exec sleep ${LONG}'`,
    ],
  ])("ends %s, and the next command leaves nothing of it", async (_, flags, script) => {
    const { child } = await start(flags, `echo ready; ${script}`);
    expect(box.leftovers().length).toBeGreaterThan(0);
    // The words of tsbox and of the shell have a blank between the two.
    await until("it runs", () => processesWith(`sleep\x00${LONG}`).length > 0);
    child.kill("SIGKILL");
    await until("all of it is gone", () => processesWith(LONG).length === 0);
    await listedNoMore();
    expect(box.leftovers()).toEqual([]);
    expect(helpers()).toEqual([]);
  });

  test("while the container is being made leaves nothing either", async () => {
    for (let delay = 1; delay < 30; delay += 4) {
      const words = box.words([], ["sleep", LONG_TOO]);
      const child = Bun.spawn([TSBOX, ...words], { env: box.home.env, stderr: "ignore" });
      await Bun.sleep(delay);
      child.kill("SIGKILL");
      await child.exited;
    }
    await until("all are gone", () => processesWith(LONG_TOO).length === 0);
    await listedNoMore();
    // One that was killed between its first two calls left its mark, which others believe for a minute.
    const store = box.home.dataRoot;
    const marks = readdirSync(`${store}/unsettled`).filter((id) =>
      !existsSync(`${store}/containers/${id}`)
    );
    expect(box.leftovers().filter((name) => !marks.includes(name))).toEqual([]);
    expect(marks.length).toBeLessThan(3);
    marks.forEach((id) => unlinkSync(`${store}/unsettled/${id}`));
  });
});

/** Waits until no container is listed: a process that has no memory any more has still to end. */
async function listedNoMore(): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await tsboxOk(["ps", "-aq"], { home: box.home }) === "") return;
    await Bun.sleep(20);
  }
  throw new Error("a killed container is still listed");
}

/** Programs that give this home's containers a network. */
function helpers(): number[] {
  return processesWith(box.home.runtimeDir).filter((pid) => {
    const name = readFileSync(`/proc/${pid}/comm`, "utf8");
    return name !== "tsbox-keeper\n";
  });
}
