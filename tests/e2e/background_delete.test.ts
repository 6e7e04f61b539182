/** Large deletions: the command returns at once, and what it promised is done whoever is killed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { lockFile } from "../../src/storage/lock.ts";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";

const FILES = 1600;

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const trash = () => readdirSync(`${box.home.dataRoot}/tmp`);
const workers = () => processesWith(`"kind":"discard","dataRoot":"${box.home.dataRoot}"`);

async function pullLarge(name: string): Promise<string> {
  const folders = Array.from({ length: 8 }, (_, i) => `many${i}`);
  const files = folders.flatMap((folder) =>
    Array.from({ length: FILES / 8 }, (_, i) => ({ path: `${folder}/${i}`, content: name }))
  );
  const { reference } = await pushImage(box.registry, name, {
    layers: [[
      ...folders.map((path) => ({ path: `${path}/`, type: "directory" as const })),
      ...files,
    ]],
  });
  await tsboxOk(["pull", "-q", reference], { home: box.home });
  return reference;
}

test("rmi of a large image leaves the deleting to a worker, which ends by itself", async () => {
  const blobs = () => readdirSync(`${box.home.dataRoot}/blobs/sha256`).sort();
  const others = blobs();
  const reference = await pullLarge("large");
  expect(blobs().length).toBeGreaterThan(others.length);
  const said = await tsboxOk(["rmi", reference], { home: box.home });
  // Out of the store at once, wherever they are until they are deleted.
  expect(blobs()).toEqual(others);
  expect(said).toMatch(/^Untagged: .*\nUntagged: .*\nDeleted: sha256:.*\nDeleted: sha256:/);
  await until("it is deleted", () => trash().length === 0);
  await until("the worker has ended", () => workers().length === 0);
  expect(await tsboxOk(["images", "-q"], { home: box.home })).toMatch(/^[0-9a-f]{12}\n$/);
});

/** A tree that a worker has begun to delete. */
function halfDeleted(): string {
  const tree = `${box.home.dataRoot}/tmp/trash-layer-${crypto.randomUUID()}`;
  mkdirSync(tree);
  for (let i = 0; i < FILES; i++) writeFileSync(`${tree}/${i}`, "");
  writeFileSync(`${tree}.lock`, "");
  return tree;
}

test("what a killed worker has left is deleted behind the next command", async () => {
  halfDeleted();
  await tsboxOk(["ps", "-aq"], { home: box.home });
  await until("it is deleted", () => trash().length === 0);
});

test("what a living worker is deleting is left to it", async () => {
  const tree = halfDeleted();
  const lock = lockFile(`${tree}.lock`, "exclusive", { wait: false });
  await tsboxOk(["ps", "-aq"], { home: box.home });
  expect(workers()).toEqual([]);
  expect(readdirSync(tree).length).toBe(FILES);
  lock?.release();
});

test("rm of a large container frees its name at once", async () => {
  const script = `mkdir /m; cd /m; for i in $(seq ${FILES}); do : > $i; done; chown -R nobody /m`;
  const words = box.words(["--name", "big"], ["sh", "-c", script]).filter((w) => w !== "--rm");
  await tsboxOk(words, { home: box.home });
  expect(await tsboxOk(["rm", "big"], { home: box.home })).toBe("big\n");
  expect(existsSync(`${box.home.dataRoot}/names/big`)).toBe(false);
  expect(readdirSync(`${box.home.dataRoot}/containers`)).toEqual([]);
  await until("it is deleted", () => box.leftovers().length === 0);
});
