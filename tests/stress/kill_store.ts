/** A store that can be had again and again in one state, and commands that are killed in it. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type EngineContext, makeContext } from "../../src/engine/context.ts";
import { checkStore } from "../../src/engine/check_store.ts";
import {
  type ImageEntry,
  listEntries,
  listImages,
  replaceIndex,
} from "../../src/storage/image_index.ts";
import { blobSize, blobsOf } from "../../src/storage/image_files.ts";
import { hasLayer } from "../../src/storage/layers.ts";
import { lockFile } from "../../src/storage/lock.ts";
import { ensureVolume, findVolume, withVolumes } from "../../src/storage/volumes.ts";
import { type Home, makeHome, TSBOX } from "../support/cli.ts";
import { SELF } from "../support/worker.ts";

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/** What became of one kill. */
export interface Outcome {
  /** The command was killed before it could end. */
  killed: boolean;
  /** What the check found, before it mended. */
  problems: string[];
}

export class KillStore {
  readonly home: Home;
  readonly #template: string;
  readonly #context: EngineContext;

  constructor() {
    // In memory: what is tested is the order of things, and the disk would take most of the time.
    this.home = existsSync("/dev/shm") ? makeHome("/dev/shm") : makeHome();
    this.#template = `${this.home.path}/template`;
    const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const build = { version: "0", commit: "test" };
    this.#context = makeContext({ env: this.home.env, ...ids, build });
  }

  get #store(): string {
    return this.home.dataRoot;
  }

  /** What is in the store now is what every kill begins with. */
  keep(): void {
    rmSync(this.#template, { recursive: true, force: true });
    cpSync(this.#store, this.#template, { recursive: true, verbatimSymlinks: true });
  }

  /** @param change given the index's text, for commands that need a new name each time */
  restore(change?: (index: string) => string): void {
    rmSync(this.#store, { recursive: true, force: true, maxRetries: 20 });
    cpSync(this.#template, this.#store, { recursive: true, verbatimSymlinks: true });
    if (change === undefined) return;
    const entries: ImageEntry[] = JSON.parse(change(JSON.stringify(listEntries(this.#store))));
    replaceIndex(this.#store, entries);
  }

  /** Runs a command and kills it after so many milliseconds; says whether it was still alive then. */
  async kill(words: readonly string[], delay: number): Promise<boolean> {
    const start = performance.now();
    const child = this.#start(words);
    const whole = Math.floor(delay - 1);
    if (whole > 0) await Promise.race([Bun.sleep(whole), child.exited]);
    // The timer knows milliseconds only.
    while (performance.now() - start < delay && child.exitCode === null);
    child.kill("SIGKILL");
    await child.exited;
    return child.signalCode === "SIGKILL";
  }

  /** Milliseconds that the command takes when nobody kills it; it must succeed. */
  async duration(words: readonly string[]): Promise<number> {
    const start = performance.now();
    const child = this.#start(words);
    await child.exited;
    if (child.exitCode === 0) return performance.now() - start;
    throw new Error(`tsbox ${words.join(" ")}: ${child.exitCode} ${await child.stderr.text()}`);
  }

  #start(words: readonly string[]): Bun.Subprocess<"ignore", "ignore", "pipe"> {
    return Bun.spawn([TSBOX, ...words], {
      cwd: this.home.path,
      env: this.home.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
  }

  /** Checks and mends the store; what the check found first. @throws Error when it cannot be mended */
  async mend(): Promise<string[]> {
    await this.#locksAreFree();
    const signal = new AbortController().signal;
    const run = (repair: boolean) => checkStore(this.#context, SELF, { repair, signal });
    const found = await run(false);
    if (found.length === 0) return [];
    const bad = (await run(true)).filter(({ state }) => state !== "mended");
    const left = bad.length > 0 ? bad : await run(false);
    if (left.length > 0) throw new Error(`not mended: ${JSON.stringify(left)}`);
    return found.map(({ what }) => what);
  }

  /** The workers of a killed command die with it, a moment later. */
  async #locksAreFree(): Promise<void> {
    for (const name of new Bun.Glob("**/{*.lock,lock}").scanSync(this.#store)) {
      if (name.startsWith("layers/")) continue;
      for (let tries = 0;; tries++) {
        if (!existsSync(`${this.#store}/${name}`)) break;
        const lock = lockFile(`${this.#store}/${name}`, "exclusive", { wait: false });
        lock?.release();
        if (lock !== undefined) break;
        if (tries === 100) throw new Error(`${name} has survived its holder`);
        await Bun.sleep(5);
      }
    }
  }

  /** @throws Error unless the image with this name is there with every blob and layer */
  expectWhole(name: string): void {
    const image = listImages(this.#store).find(({ names }) => names.includes(name));
    if (image === undefined) {
      throw new Error(`${name} is lost: ${JSON.stringify(listEntries(this.#store))}`);
    }
    const blob = [...blobsOf(image)].find((digest) => blobSize(this.#store, digest) === 0);
    if (blob !== undefined) throw new Error(`${name} has lost the blob ${blob}`);
    const layer = image.chainIDs.find((chainID) => !hasLayer(this.#store, chainID));
    if (layer !== undefined) throw new Error(`${name} has lost the layer ${layer}`);
  }

  /** Makes a volume with something in it. @param labels of the volume */
  addVolume(name: string, labels: Record<string, string> = {}): void {
    const { data } = withVolumes(this.#store, () => ensureVolume(this.#store, { name, labels }));
    writeFileSync(`${data}/file`, name);
  }

  /** @throws Error unless the volume is there with what was in it */
  expectVolume(name: string): void {
    const volume = findVolume(this.#store, name);
    if (volume === undefined) throw new Error(`the volume ${name} is lost`);
    const found = readFileSync(`${volume.data}/file`, "utf8");
    if (found !== name) throw new Error(`the volume ${name} has "${found}" in it`);
  }

  names(): string[] {
    return listEntries(this.#store).flatMap(({ names }) => names);
  }
}
