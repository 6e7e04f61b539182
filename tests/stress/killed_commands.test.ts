/**
 * SIGKILL at 300 points, spread over its duration, of each command that changes the store: afterwards `system check`
 * finds nothing wrong or mends it, and what was complete before is complete still.
 *
 * TSBOX_STRESS_SEED repeats a run; TSBOX_STRESS_POINTS takes more points.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { exitedState, storeContainer } from "../support/container_records.ts";
import { tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import { tar } from "../support/tar.ts";
import { writeReferences } from "../../src/storage/volume_references.ts";
import { ANONYMOUS_LABEL } from "../../src/storage/volumes.ts";
import { KillStore, randomFrom } from "./kill_store.ts";

const POINTS = Number(process.env["TSBOX_STRESS_POINTS"] ?? 300);
const SEED = Number(process.env["TSBOX_STRESS_SEED"] ?? Date.now() % 1_000_000_007);
/** Its multiples, modulo 1, are spread evenly. */
const GOLDEN = 0.6180339887498949;
/** Milliseconds for one command. */
const TIMEOUT = 120_000;

let registry: RegistryProcess;
let store: KillStore;
/** Canonical names: one image stays, the other is pulled, loaded, pushed and removed; they share a layer. */
let kept: string;
let other: string;

beforeAll(async () => {
  registry = await startRegistry();
  store = new KillStore();
  const base = [{ path: "base", content: "shared by both\n" }];
  const files = (word: string) =>
    Array.from({ length: 12 }, (_, i) => ({ path: `${word}${i}`, content: `${word} ${i}\n` }));
  const image = async (name: string) =>
    (await pushImage(registry, name, { busybox: false, layers: [base, files(name)] })).reference;
  [kept, other] = [await image("kept"), await image("other")];
  const { home } = store;
  await tsboxOk(["pull", "-q", kept], { home });
  await tsboxOk(["pull", "-q", other], { home });
  await tsboxOk(["save", "-o", `${home.path}/other.tar`, other], { home });
  await Bun.write(`${home.path}/files.tar`, tar(files("imported")));
  await tsboxOk(["rmi", other], { home });
  store.addVolume("kept");
});

afterAll(async () => {
  store.home.remove();
  await registry.stop();
});

/** How a command is killed: what it begins with and what may be there afterwards. */
interface Victim {
  words: (point: number) => string[];
  /** Changes the index before each point. */
  index?: (text: string, point: number) => string;
}

async function killEverywhere(name: string, victim: Victim): Promise<void> {
  const offset = randomFrom(SEED)();
  const begin = (point: number) =>
    store.restore(victim.index && ((text) => victim.index?.(text, point) ?? text));
  const times: number[] = [];
  for (let point = -5; point < 0; point++) {
    begin(point);
    times.push(await store.duration(victim.words(point)));
  }
  let duration = times.sort((a, b) => a - b)[2] ?? 0;
  let killed = 0;
  let mended = 0;
  for (let point = 0; point < POINTS; point++) {
    begin(point);
    // Any order, evenly: what the machine does besides changes with time. Nothing happens in the first tenth.
    const part = (point * GOLDEN + offset) % 1;
    const delay = duration * (0.1 + 0.9 * part);
    if (await store.kill(victim.words(point), delay)) killed++;
    else duration *= 0.95;
    try {
      if ((await store.mend()).length > 0) mended++;
      store.expectWhole(kept);
      store.expectVolume("kept");
    } catch (error) {
      throw new Error(`${name}, seed ${SEED}, point ${point}, killed after ${delay} ms`, {
        cause: error,
      });
    }
  }
  const what = `${POINTS} kills within ${duration.toFixed(1)} ms, ${killed} in time`;
  process.stderr.write(`${name}: seed ${SEED}, ${what}, ${mended} stores mended\n`);
  // Else the points were not where they should be.
  expect(killed).toBeGreaterThan(POINTS / 3);
}

test("pull", async () => {
  store.keep();
  await killEverywhere("pull", { words: () => ["pull", "-q", other] });
}, TIMEOUT);

test("load", async () => {
  await killEverywhere("load", { words: () => ["load", "-q", "-i", "other.tar"] });
}, TIMEOUT);

test("import", async () => {
  await killEverywhere("import", { words: () => ["import", "files.tar", "imported:1"] });
}, TIMEOUT);

test("rmi", async () => {
  store.restore();
  await tsboxOk(["pull", "-q", other], { home: store.home });
  store.keep();
  await killEverywhere("rmi", { words: () => ["rmi", other] });
}, TIMEOUT);

test("push", async () => {
  const name = (point: number) => other.replace("/other:", `/pushed${point + 5}/other:`);
  await killEverywhere("push", {
    words: (point) => ["push", "-q", name(point)],
    // Each time to a repository that is empty.
    index: (text, point) => text.replace(`"${other}"`, `"${name(point)}"`),
  });
}, TIMEOUT);

test("image prune", async () => {
  store.restore((text) => text.replace(`"${other}"`, ""));
  store.keep();
  await killEverywhere("image prune", { words: () => ["image", "prune", "-f"] });
}, TIMEOUT);

/** A container that has ended, with files, a volume of its own and another. */
async function storeVictim(): Promise<void> {
  const { dataRoot } = store.home;
  const made = storeContainer(dataRoot, "victim", exitedState(0));
  for (let i = 0; i < 40; i++) await Bun.write(`${made.directory}/upper/${i % 4}/${i}`, "content");
  const own = "a".repeat(64);
  store.addVolume(own, { [ANONYMOUS_LABEL]: "" });
  writeReferences(made.directory, [
    { name: own, anonymous: true },
    { name: "kept", anonymous: false },
  ]);
  made.lock.release();
}

test("rm", async () => {
  store.restore();
  await storeVictim();
  store.keep();
  await killEverywhere("rm", { words: () => ["rm", "-v", "victim"] });
}, TIMEOUT);

test("system prune", async () => {
  store.restore((text) => text.replace(`"${other}"`, ""));
  store.keep();
  await killEverywhere("system prune", { words: () => ["system", "prune", "-f", "--volumes"] });
  rmSync(`${store.home.path}/template`, { recursive: true });
}, TIMEOUT);
