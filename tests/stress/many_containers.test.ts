/** A hundred containers started at once, five hundred running: no error, and nothing left when they are gone. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { tsboxOk } from "../support/cli.ts";
import { family } from "../support/process_family.ts";

const AT_ONCE = 100;
const RUNNING = Number(process.env["TSBOX_STRESS_RUNNING"] ?? 500);
const TIMEOUT = 240_000;

let box: BusyboxContainers;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home, timeout: TIMEOUT });
const lines = (text: string) => text.split("\n").filter(Boolean);

/** Starts containers with these numbers, all at once. */
async function start(from: number, to: number): Promise<void> {
  await Promise.all(
    Array.from({ length: to - from }, (_, i) =>
      ok(
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        `many-${from + i}`,
        box.image,
        "sh",
        "-c",
        'trap "exit 7" TERM; sleep 100000 & wait',
      )),
  );
}

/** Pages of memory that nobody else has, in kB, of every monitor. */
function privateMemory(): number[] {
  return family(box.home.path).filter(({ role }) => role === "monitor").map(({ pid }) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+)/gm)]
      .reduce((sum, [, size]) => sum + Number(size), 0);
  });
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN;

test(`${AT_ONCE} at once, ${RUNNING} running, stopped and removed again`, async () => {
  await start(0, AT_ONCE);
  expect(lines(await ok("ps", "-q")).length).toBe(AT_ONCE);
  for (let from = AT_ONCE; from < RUNNING; from += 20) {
    await start(from, Math.min(RUNNING, from + 20));
  }
  const ids = lines(await ok("ps", "-q"));
  expect(ids.length).toBe(RUNNING);
  expect(family(box.home.path).filter(({ role }) => role === "monitor").length).toBe(RUNNING);
  // They have gone to sleep.
  await Bun.sleep(2000);
  const memory = median(privateMemory());
  process.stderr.write(`private memory of a monitor: ${memory} kB\n`);
  expect(memory).toBeLessThan(5 * 1024);
  for (let i = 0; i < ids.length; i += 50) await ok("stop", ...ids.slice(i, i + 50));
  const states = lines(await ok("ps", "-a", "--format", "{{.State}} {{.Status}}"));
  expect(states.length).toBe(RUNNING);
  expect(states.filter((line) => !line.startsWith("exited Exited (7)"))).toEqual([]);
  await ok("rm", ...ids);
  await until("everything has ended", () => family(box.home.path).length === 0);
  expect(box.leftovers()).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(box.home.path);
  expect(
    readdirSync(box.home.runtimeDir).filter((name) => !/^(keeper-|overlay-|launches$)/.test(name)),
  )
    .toEqual([]);
}, TIMEOUT);
