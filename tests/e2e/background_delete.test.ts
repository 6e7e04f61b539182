/** Large deletions: the command returns at once, and what it promised is done whoever is killed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";

const FILES = 4000;

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
  const reference = await pullLarge("large");
  const said = await tsboxOk(["rmi", reference], { home: box.home });
  expect(said).toMatch(/^Untagged: .*\nUntagged: .*\nDeleted: sha256:.*\nDeleted: sha256:/);
  await until("it is deleted", () => trash().length === 0);
  await until("the worker has ended", () => workers().length === 0);
  expect(await tsboxOk(["images", "-q"], { home: box.home })).toMatch(/^[0-9a-f]{12}\n$/);
});

test("a worker that was killed is replaced by the next command", async () => {
  const reference = await pullLarge("killed");
  await tsboxOk(["rmi", reference], { home: box.home });
  const [worker] = workers();
  expect(worker).toBeGreaterThan(0);
  process.kill(worker ?? 0, "SIGKILL");
  await until("it is gone", () => workers().length === 0);
  expect(trash().length).toBeGreaterThan(0);
  await tsboxOk(["ps", "-aq"], { home: box.home });
  await until("it is deleted", () => trash().length === 0);
});

test("rm of a large container frees its name at once", async () => {
  const script = `mkdir /m; cd /m; for i in $(seq ${
    FILES / 4
  }); do : > $i; done; chown -R nobody /m`;
  const words = box.words(["--name", "big"], ["sh", "-c", script]).filter((w) => w !== "--rm");
  await tsboxOk(words, { home: box.home });
  expect(await tsboxOk(["rm", "big"], { home: box.home })).toBe("big\n");
  expect(existsSync(`${box.home.dataRoot}/names/big`)).toBe(false);
  expect(readdirSync(`${box.home.dataRoot}/containers`)).toEqual([]);
  await until("it is deleted", () => box.leftovers().length === 0);
});
