/** Filling volumes, by a real worker in a real user namespace that may be killed at any moment. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { SELF, Workshop } from "../../tests/support/worker.ts";
import { runAsRoot } from "../../tests/support/user_namespace.ts";
import { startJob } from "../engine/worker.ts";
import type { WorkerJob } from "../engine/worker_jobs.ts";

const shop = new Workshop();
afterAll(async () => {
  await shop.work({ kind: "remove", paths: [`${shop.folder}/volumes`] });
  await shop.clear();
});

let count = 0;
/** A new empty volume. */
let volume: string;
const layer = `${shop.folder}/layers/image`;
const FILES = 150;

beforeEach(async () => {
  volume = `${shop.folder}/volumes/v${count++}`;
  mkdirSync(`${volume}/_data`, { recursive: true });
  if (existsSync(layer)) return;
  mkdirSync(`${layer}/d/deep`, { recursive: true });
  for (let i = 0; i < FILES; i++) writeFileSync(`${layer}/d/${i}`, `${i}\n`.repeat(200));
  writeFileSync(`${layer}/d/deep/x`, "x\n");
  symlinkSync("/etc/passwd", `${layer}/d/link`);
  await root("mkfifo d/pipe; ln d/0 d/zero; chown -R 7:8 d/deep; chown 5:6 d; chmod 2750 d");
});

const root = (script: string) =>
  runAsRoot(shop.userns, ["/bin/sh", "-c", `cd ${layer}; ${script}`]);
const job = (rest: Partial<Extract<WorkerJob, { kind: "fill" }>> = {}): WorkerJob => ({
  kind: "fill",
  layers: [layer],
  ids: "full",
  volatile: true,
  volumes: [{ volume, path: "/d" }],
  ...rest,
});
const names = (folder: string) => readdirSync(`${volume}/${folder}`);
const list = () =>
  runAsRoot(shop.userns, ["/bin/sh", "-c", `cd ${volume}/_data; stat -c '%n %u:%g %a %h %F' * .`]);

test("owners, modes, hard links, links and pipes are as in the image; nothing else is left", async () => {
  expect(await shop.work(job({ volatile: false }))).toEqual([]);
  const lines = (await list()).split("\n");
  expect(lines).toContain("0 0:0 644 2 regular file");
  expect(lines).toContain("zero 0:0 644 2 regular file");
  expect(lines).toContain("deep 7:8 755 2 directory");
  expect(lines).toContain("link 0:0 777 1 symbolic link");
  expect(lines).toContain("pipe 0:0 644 1 fifo");
  expect(lines).toContain(". 5:6 2750 3 directory");
  expect(readdirSync(volume).sort()).toEqual(["_data", "lock"]);
});

test("a volume with anything in it is left alone", async () => {
  writeFileSync(`${volume}/_data/.hidden`, "");
  await shop.work(job());
  expect(names("_data")).toEqual([".hidden"]);
});

test("a path that is a file, a link to the host or not there gives nothing", async () => {
  symlinkSync("../../../../../../etc", `${layer}/up`, "dir");
  for (const path of ["/d/0", "/d/link", "/none", "/up"]) {
    await shop.work(job({ volumes: [{ volume, path }] }));
    expect(names("_data")).toEqual([]);
  }
});

test("data that is a link is an error, and what it leads to stays as it is", async () => {
  const swapped = `${shop.folder}/volumes/swapped`;
  const target = `${shop.folder}/volumes/target`;
  mkdirSync(swapped);
  mkdirSync(target);
  symlinkSync(target, `${swapped}/_data`);
  const work = shop.work(job({ volumes: [{ volume: swapped, path: "/d" }] }));
  expect(await work.catch(String)).toContain(
    'Cannot copy "/d" of the image into the volume "swapped"',
  );
  expect(readdirSync(target)).toEqual([]);
});

test("with a single id everything becomes root's, and setuid bits of others go", async () => {
  const single = new Workshop((await import("../../tests/support/worker.ts")).SINGLE_MAP);
  try {
    const image = `${single.folder}/layers/i`;
    mkdirSync(`${image}/d`, { recursive: true, mode: 0o755 });
    writeFileSync(`${image}/d/tool`, "", { mode: 0o755 });
    const place = `${single.folder}/store/v`;
    mkdirSync(`${place}/_data`, { recursive: true });
    const volumes = [{ volume: place, path: "/d" }];
    expect(await single.work(job({ layers: [image], ids: "single", volumes }))).toEqual([]);
    expect(lstatSync(`${place}/_data/tool`).uid).toBe(process.getuid?.() ?? -1);
  } finally {
    await single.clear();
  }
});

test("what a running container has written meanwhile counts more than the image's", async () => {
  mkdirSync(`${volume}/arriving`);
  for (const [place, text] of [["arriving/a", "image"], ["arriving/b", "b"], ["_data/a", "own"]]) {
    writeFileSync(`${volume}/${place}`, text ?? "");
  }
  await shop.work(job({ volumes: [{ volume }] }));
  expect(names("_data").sort()).toEqual(["a", "b"]);
  expect(readFileSync(`${volume}/_data/a`, "utf8")).toBe("own");
  expect(existsSync(`${volume}/arriving`)).toBe(false);
});

/** A generator of numbers below 1 that is the same every time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
}

test("killed at any moment, the next filling makes it whole", async () => {
  const random = seeded(4);
  const begin = performance.now();
  await shop.work(job());
  const duration = performance.now() - begin;
  const seen = { nothing: 0, copying: 0, moving: 0, done: 0 };
  const end = begin + 12_000;
  for (let i = 0; i < 60 && performance.now() < end; i++) {
    volume = `${shop.folder}/volumes/killed${i}`;
    mkdirSync(`${volume}/_data`, { recursive: true });
    const running = startJob(job(), shop.userns, SELF);
    const ended = running.result.then(() => true, () => false);
    // Most of a worker's life is its start.
    await Bun.sleep(duration * (0.35 + 0.65 * random()));
    running.stop();
    await ended;
    const left = readdirSync(volume);
    if (left.includes("arriving")) seen.moving++;
    else if (left.includes("filling")) seen.copying++;
    else if (await dataCount() > 0) seen.done++;
    else seen.nothing++;
    // Never half a copy that looks like a whole one.
    if (!left.includes("arriving")) expect([0, FILES + 4]).toContain(await dataCount());
    await shop.work(job());
    expect(await dataCount()).toBe(FILES + 4);
    expect(readdirSync(volume).sort()).toEqual(["_data", "lock"]);
  }
  // Of 60 on a busy machine: 5 nothing, 29 copying, 4 moving, 22 done.
  expect(seen.copying).toBeGreaterThan(0);
}, 60_000);

/** As root of the namespace: the image's folder is not ours to look into. */
async function dataCount(): Promise<number> {
  const out = await runAsRoot(shop.userns, ["/bin/sh", "-c", `ls -A ${volume}/_data | wc -l`]);
  return Number(out);
}
