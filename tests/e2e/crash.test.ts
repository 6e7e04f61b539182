/**
 * Commands that are killed at any moment, or run into a full disk, or into each other: the next command
 * finds a store it can work with, and what they left is taken away.
 */
import { afterAll, beforeAll, expect, setSystemTime, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { listImages } from "../../src/storage/image_index.ts";
import { scanForList } from "../../src/storage/list_containers.ts";
import { collectTrash } from "../../src/storage/temporary.ts";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";
import { digestOf } from "../support/images.ts";

const MINUTE = 60_000;
/** In the command line of everything that runs in a container here. */
const MARK = "98127";

let box: BusyboxContainers;
beforeAll(async () => {
  // Some files, so that unpacking and deleting take their time.
  const files = Array.from({ length: 200 }, (_, i) => ({ path: `data/${i}`, content: `${i}\n` }));
  box = await busyboxContainers({ layers: [files, [{ path: "top", content: "top\n" }]] });
});
afterAll(() => box.stop());

const start = (args: readonly string[]) =>
  Bun.spawn([TSBOX, ...args], {
    cwd: box.home.path,
    env: box.home.env,
    stdio: ["ignore", "ignore", "ignore"],
  });

/** Milliseconds that a command takes when it is let alone. */
async function durationOf(args: readonly string[]): Promise<number> {
  const begin = performance.now();
  await start(args).exited;
  return performance.now() - begin;
}

/** At most `count` rounds, fewer on a slow machine: none is begun after `seconds`. */
function* rounds(count: number, seconds: number): Generator<number> {
  const end = performance.now() + seconds * 1000;
  for (let i = 0; i < count && performance.now() < end; i++) yield i;
}

/** Kills a command at a random moment of a life of `duration` milliseconds, or just after. */
async function killed(args: readonly string[], duration: number): Promise<void> {
  const child = start(args);
  await Bun.sleep(Math.random() * duration * 1.1);
  child.kill("SIGKILL");
  await child.exited;
}

/** What has a name in the store is whole; nothing of the killed lives. */
async function expectConsistentStore(): Promise<void> {
  await until("all containers end", () => processesWith(`sleep ${MARK}`).length === 0);
  await until("all workers end", () => processesWith(box.home.dataRoot).length === 0);
  const blobs = join(box.home.dataRoot, "blobs/sha256");
  for (const name of readdirSync(blobs)) {
    expect(digestOf(new Uint8Array(readFileSync(join(blobs, name))))).toBe(`sha256:${name}`);
  }
  const layers = join(box.home.dataRoot, "layers");
  for (const { chainIDs } of listImages(box.home.dataRoot)) {
    for (const id of chainIDs) {
      expect(existsSync(join(layers, id.replace("sha256:", ""), "layer.json"))).toBe(true);
    }
  }
  expect(await box.sh([], "cat /data/199 /top; ls /data | wc -l")).toBe("199\ntop\n200\n");
}

/** After `ps` and the time that something half made is given, nothing is left. */
async function expectNothingLeft(): Promise<void> {
  const containers = join(box.home.dataRoot, "containers");
  const longAgo = new Date(Date.now() - 2 * MINUTE);
  for (const name of readdirSync(containers)) utimesSync(join(containers, name), longAgo, longAgo);
  const ids = (await tsboxOk(["ps", "-aq"], { home: box.home })).split("\n").filter(Boolean);
  if (ids.length > 0) await tsboxOk(["rm", "-f", ...ids], { home: box.home });
  expect(readdirSync(containers)).toEqual([]);
  // Links of what was killed before it was a container.
  setSystemTime(Date.now() + 2 * MINUTE);
  scanForList(box.home.dataRoot, { resting: false });
  setSystemTime();
  expect(readdirSync(join(box.home.dataRoot, "unsettled"))).toEqual([]);
  const left = readdirSync(join(box.home.dataRoot, "tmp")).filter((name) =>
    !name.endsWith(".lock")
  );
  const trash = collectTrash(box.home.dataRoot, Date.now() + 11 * MINUTE);
  expect(trash.map((path) => path.slice(path.lastIndexOf("/") + 1)).sort()).toEqual(left.sort());
}

test("run, killed at any moment", async () => {
  const command = ["sh", "-c", `touch /made; sleep ${MARK} & usleep 5000`];
  const duration = await durationOf(box.words(["--name", "fixed"], command));
  for (const i of rounds(60, 8)) {
    const keep = i % 2 === 0 ? [] : ["--rm"];
    const words = box.words(["--name", `fixed-${i % 4}`], command).filter((w) => w !== "--rm");
    await killed([...words.slice(0, 1), ...keep, ...words.slice(1)], duration);
  }
  await expectConsistentStore();
  await expectNothingLeft();
  // Names of what was removed can be had again.
  for (let i = 0; i < 4; i++) {
    expect(await box.sh(["--name", `fixed-${i}`], "echo ok")).toBe("ok\n");
  }
});

test("rm, killed at any moment", async () => {
  const make = (name: string) => {
    const words = box.words(["--name", name, "-u", "1000"], ["sh", "-c", "mkdir -p /tmp/a/b/c"]);
    return tsboxOk(words.filter((word) => word !== "--rm"), { home: box.home });
  };
  await make("gone");
  const duration = await durationOf(["rm", "gone"]);
  for (const _ of rounds(30, 4)) {
    await make("gone");
    await killed(["rm", "gone"], duration);
    const { status, stderr } = await tsbox(["rm", "gone"], { home: box.home });
    if (status !== 0) expect(stderr).toContain("No such container: gone");
  }
  await expectConsistentStore();
  await expectNothingLeft();
});

test("pull and rmi, killed at any moment", async () => {
  const pull = ["pull", "-q", box.image];
  const removal = await durationOf(["rmi", "-f", box.image]);
  const duration = await durationOf(pull);
  for (const _ of rounds(30, 10)) {
    await killed(["rmi", "-f", box.image], removal);
    await killed(pull, duration);
  }
  await tsboxOk(pull, { home: box.home });
  await expectConsistentStore();
  // Whatever the killed have left in the way, an ordinary removal gets past it.
  for (let i = 0; i < 2; i++) {
    await tsboxOk(["rmi", "-f", box.image], { home: box.home });
    await tsboxOk(pull, { home: box.home });
  }
  await expectConsistentStore();
  await expectNothingLeft();
});

test("pulls, runs and removals of one image at once", async () => {
  const commands = [
    ["pull", "-q", box.image],
    box.words([], ["cat", "/top"]),
    ["rmi", "-f", box.image],
    ["ps", "-a"],
    ["images"],
  ];
  const jobs = Array.from({ length: 25 }, (_, i) => commands[i % commands.length] ?? []);
  const results = await Promise.all(jobs.map((args) => tsbox(args, { home: box.home })));
  for (const [i, { status, stderr, stdout }] of results.entries()) {
    const [verb] = jobs[i] ?? [];
    // Only what was removed at the same time may be missing.
    if (verb !== "rmi" && verb !== "run") {
      expect({ verb, status, stderr }).toMatchObject({ status: 0 });
    }
    if (status !== 0) expect(stderr).toMatch(/No such image|in use|is being used|layer/i);
    else if (verb === "run") expect(stdout).toBe("top\n");
  }
  await tsboxOk(["pull", "-q", box.image], { home: box.home });
  await expectConsistentStore();
  await expectNothingLeft();
});

test("a full disk fails a pull and a run, and nothing more", async () => {
  const script = `
    mount -t tmpfs -o size=64m tmpfs "$XDG_DATA_HOME" || exit 9
    head -c 63m /dev/zero >"$XDG_DATA_HOME/filler"
    ${TSBOX} pull -q ${box.image}; echo "pull $?"
    ${TSBOX} images -q; echo "images $?"
    rm "$XDG_DATA_HOME/filler"
    ${TSBOX} pull -q ${box.image} >/dev/null; echo "pull $?"
    head -c 100m /dev/zero >"$XDG_DATA_HOME/filler" 2>/dev/null
    ${TSBOX} run --rm --network none ${box.image} true; echo "run $?"
    ${TSBOX} ps -aq; echo "ps $?"
    rm "$XDG_DATA_HOME/filler"
    ${TSBOX} run --rm --network none ${box.image} cat /top; echo "run $?"
    ls "$XDG_DATA_HOME/tsbox/containers" | wc -l`;
  const shell = Bun.spawn(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script], {
    cwd: box.home.path,
    env: box.home.env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  const [out, err] = await Promise.all([shell.stdout.text(), shell.stderr.text()]);
  expect(out).toMatch(/^pull 1\nimages 0\npull 0\nrun 125\nps 0\ntop\nrun 0\n0\n$/);
  expect(err).toMatch(/ENOSPC|No space left/);
});
