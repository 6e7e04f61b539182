/** Monitors whose socket is misused, whose files are damaged, that are stopped: nothing hangs, nothing crashes. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { type CliResult, tsbox, tsboxOk } from "../support/cli.ts";
import { family } from "../support/process_family.ts";

const NAME = "target";

let box: BusyboxContainers;
let directory: string;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home, timeout: 30_000 });
const run = (...args: string[]): Promise<CliResult> => tsbox(args, { home: box.home });
const state = async (field = "Status") =>
  (await ok("inspect", "-f", `{{.State.${field}}}`, NAME)).trim();
const monitor = () => family(box.home.path).find(({ role }) => role === "monitor")?.pid ?? -1;
const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
/** In kB. */
const memory = (pid: number) =>
  Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

/** A container that answers TERM and writes what it is told. */
async function begin(...flags: string[]): Promise<void> {
  const script = 'trap "exit 7" TERM; while :; do read line && echo "got $line"; done';
  await ok(
    "run",
    "-d",
    "-i",
    "--network",
    "none",
    "--name",
    NAME,
    ...flags,
    box.image,
    "sh",
    "-c",
    script,
  );
  directory = `${box.home.dataRoot}/containers/${
    readdirSync(`${box.home.dataRoot}/containers`)[0]
  }`;
}

beforeEach(() => {
  directory = "";
});
afterEach(async () => {
  await run("rm", "-f", NAME);
  await until("everything has ended", () => family(box.home.path).length === 0);
  expect(box.leftovers()).toEqual([]);
});

/** The path of the socket is longer than an address may be; its folder is short. */
async function dial(): Promise<Socket> {
  const previous = process.cwd();
  process.chdir(directory);
  const socket = connect("monitor.sock");
  process.chdir(previous);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve).once("error", resolve));
  return socket;
}

const GARBAGE: Record<string, Uint8Array> = {
  "an unknown kind": Uint8Array.of(200, 0, 0, 0, 0),
  "an endless frame": Uint8Array.of(1, 255, 255, 255, 255),
  "a frame without its end": Uint8Array.of(1, 0, 0, 16, 0, 1, 2, 3),
  "no JSON": frame(0, "{{{"),
  "null": frame(0, "null"),
  "an unknown request": frame(0, '{"op":"explode"}'),
  "a wrong request": frame(0, '{"op":"attach","size":{"rows":"x","columns":-1}}'),
  "a size of nothing": frame(3, "null"),
  "a signal that is none": frame(4, '"KILL"'),
  "a signal beyond all": frame(4, "1e300"),
  "words of a monitor": frame(9, '{"exitCode":1}'),
  "nothing at all": new Uint8Array(),
};

function frame(kind: number, text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return Uint8Array.of(kind, bytes.length, bytes.length >> 8, 0, 0, ...bytes);
}

test("garbage on the socket is no matter to the container", async () => {
  await begin();
  const pid = monitor();
  for (let round = 0; round < 20; round++) {
    const sockets = await Promise.all(
      Object.values(GARBAGE).map(async (bytes) => {
        const socket = await dial();
        socket.write(bytes);
        return socket;
      }),
    );
    await Bun.sleep(5);
    for (const socket of sockets) socket.destroy();
  }
  expect(await state()).toBe("running");
  expect(monitor()).toBe(pid);
  await ok("stop", NAME);
  expect(await state("ExitCode")).toBe("7");
});

test("a thousand connections are survived, and their descriptors given back", async () => {
  await begin();
  const pid = monitor();
  const before = descriptors(pid);
  for (let round = 0; round < 2; round++) {
    const sockets: Socket[] = [];
    for (let i = 0; i < 1000; i++) sockets.push(await dial());
    expect(descriptors(pid)).toBeLessThan(before + 600);
    expect(await state()).toBe("running");
    for (const socket of sockets) socket.destroy();
    await until("the descriptors are closed", () => descriptors(pid) <= before + 2);
  }
  expect(monitor()).toBe(pid);
  await ok("stop", NAME);
  expect(await state("ExitCode")).toBe("7");
}, 60_000);

test("who attaches and does not read is cut off, and costs little memory", async () => {
  await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    NAME,
    box.image,
    "sh",
    "-c",
    "trap 'exit 7' TERM; dd if=/dev/zero bs=1M count=300 2>/dev/null; sleep 1000 & wait",
  );
  directory = `${box.home.dataRoot}/containers/${
    readdirSync(`${box.home.dataRoot}/containers`)[0]
  }`;
  const sockets = await Promise.all([0, 1, 2].map(async () => {
    const socket = await dial();
    socket.pause();
    socket.write(frame(0, '{"op":"attach","stdin":false,"owner":false}'));
    return socket;
  }));
  await until(
    "all was written",
    () => family(box.home.path).every(({ words }) => words[0] !== "dd"),
  );
  expect(memory(monitor())).toBeLessThan(150_000);
  await ok("stop", NAME);
  expect(await state("ExitCode")).toBe("7");
  for (const socket of sockets) socket.destroy();
}, 60_000);

test("without its socket a container can be stopped, whatever its policy, and waited for", async () => {
  await begin("--restart", "always");
  rmSync(`${directory}/monitor.sock`);
  const waiting = ok("wait", NAME);
  const attached = await run("attach", NAME);
  expect(attached.status).toBe(1);
  expect(attached.stderr).toStartWith("tsbox: ");
  await ok("stop", NAME);
  expect(await waiting).toBe("7\n");
  expect(await state()).toBe("exited");
});

test("without its socket a container can be removed between two lives", async () => {
  await ok(
    "run",
    "-d",
    "--restart",
    "always",
    "--network",
    "none",
    "--name",
    NAME,
    box.image,
    "false",
  );
  directory = `${box.home.dataRoot}/containers/${
    readdirSync(`${box.home.dataRoot}/containers`)[0]
  }`;
  rmSync(`${directory}/monitor.sock`);
  await ok("rm", "-f", NAME);
  expect(box.leftovers()).toEqual([]);
});

test("a record that is damaged while the container runs is whole again at its end", async () => {
  await begin();
  const record = `${directory}/container.json`;
  writeFileSync(record, '{"id":');
  expect(await run("ps", "-a")).toMatchObject({ status: 0, stderr: "" });
  process.kill(monitor(), "SIGTERM");
  await until("it has ended", () => family(box.home.path).length === 0);
  expect(existsSync(record)).toBe(true);
  expect(await state("ExitCode")).toBe("7");
});

test("of a stopped monitor's container the truth is told when it goes on", async () => {
  await begin();
  const pid = monitor();
  process.kill(pid, "SIGSTOP");
  const inner = Number(await state("Pid"));
  process.kill(inner, "SIGKILL");
  expect(await run("ps", "-a")).toMatchObject({ status: 0, stderr: "" });
  const { status, stderr } = await run("stop", NAME);
  expect(stderr).toMatch(
    new RegExp(`ended, but its monitor \\(process ${pid}\\) does not say how`),
  );
  expect(status).toBe(1);
  process.kill(pid, "SIGCONT");
  await until("it has ended", () => family(box.home.path).length === 0);
  expect(await state("ExitCode")).toBe("137");
}, 40_000);

test("a stopped monitor does not keep its container from being removed", async () => {
  await begin();
  process.kill(monitor(), "SIGSTOP");
  await ok("rm", "-f", NAME);
  expect(box.leftovers()).toEqual([]);
}, 40_000);

test("a life costs the monitor no descriptor, and no memory that stays", async () => {
  await begin();
  const pid = monitor();
  const restart = async (times: number) => {
    for (let i = 0; i < times; i++) await ok("restart", "-t", "0", NAME);
    return { descriptors: descriptors(pid), memory: memory(pid) };
  };
  const early = await restart(5);
  const late = await restart(25);
  expect(late.descriptors).toBe(early.descriptors);
  expect(late.memory - early.memory).toBeLessThan(4000);
  expect(family(box.home.path).filter(({ parent }) => parent === pid).length).toBe(2);
}, 60_000);
