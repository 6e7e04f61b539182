import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { SELF, Workshop } from "../../tests/support/worker.ts";
import { WorkerPool } from "./worker_pool.ts";
import type { WorkerJob } from "./worker_jobs.ts";

const shop = new Workshop();
afterAll(() => shop.clear());

const never = new AbortController().signal;
const quiet = () => {};

/** A pool for the test, closed after it. */
async function withPool(size: number, use: (pool: WorkerPool) => Promise<void>): Promise<void> {
  const pool = new WorkerPool(() => shop.userns, SELF, size);
  try {
    await use(pool);
  } finally {
    pool.close();
  }
}

function removal(name: string): WorkerJob & { paths: readonly [string] } {
  const path = `${shop.folder}/${name}`;
  mkdirSync(`${path}/below`, { recursive: true });
  return { kind: "remove", paths: [path] };
}

const impossible = (): WorkerJob => ({ kind: "copy", layers: [], target: "/proc/nowhere" });

test("a worker goes on to the next job", () =>
  withPool(1, async (pool) => {
    const jobs = [removal("a"), removal("b"), removal("c")];
    const pids = new Set<number>();
    for (const job of jobs) {
      const running = await pool.start(job, never, quiet);
      pids.add(running.pid);
      expect(await running.result).toBe(null);
      expect(existsSync(job.paths[0])).toBe(false);
    }
    expect(pids.size).toBe(1);
  }));

test("no more jobs are done at a time than the pool has places", () =>
  withPool(2, async (pool) => {
    const pids: number[] = [];
    const results = ["a", "b", "c", "d", "e"].map(async (name) => {
      const running = await pool.start(removal(name), never, quiet);
      pids.push(running.pid);
      return await running.result;
    });
    expect(await Promise.all(results)).toEqual([null, null, null, null, null]);
    expect(new Set(pids).size).toBe(2);
  }));

test("a job that fails takes its worker with it, and nothing else", () =>
  withPool(1, async (pool) => {
    const failing = await pool.start(impossible(), never, quiet);
    expect(await failing.result.catch((error: unknown) => String(error))).toContain(
      "/proc/nowhere",
    );
    const next = await pool.start(removal("a"), never, quiet);
    expect(await next.result).toBe(null);
    expect(next.pid).not.toBe(failing.pid);
  }));

test("a job too long for a line gets a worker of its own", () =>
  withPool(1, async (pool) => {
    await (await pool.start(removal("a"), never, quiet)).result;
    const many = Array.from({ length: 500 }, (_, i) => `${shop.folder}/not-there-${i}`);
    const long: WorkerJob = { kind: "remove", paths: [...removal("b").paths, ...many] };
    expect(await (await pool.start(long, never, quiet)).result).toBe(null);
    expect(existsSync(`${shop.folder}/b`)).toBe(false);
  }));

test("who waits for a place can give up, and a job that is killed frees its own", () =>
  withPool(1, async (pool) => {
    const blob = `${shop.folder}/blob`;
    await Bun.write(blob, "");
    const unpack: WorkerJob = {
      kind: "unpack",
      blob,
      target: `${shop.folder}/layers`,
      diffID: `sha256:${"0".repeat(64)}`,
      isBase: true,
      ids: "single",
      limits: { bytes: 1, entries: 1 },
    };
    const waiting = await pool.start(unpack, never, quiet);
    const stop = new AbortController();
    const refused = pool.start(removal("a"), stop.signal, quiet).then(quiet, (e) => e.code);
    stop.abort();
    expect(await refused).toBe("cancelled");
    waiting.stop();
    expect(await waiting.result.catch((error: unknown) => String(error))).toContain("ended early");
    expect(await (await pool.start(removal("a"), never, quiet)).result).toBe(null);
  }));
