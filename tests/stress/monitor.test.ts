/**
 * SIGKILL at 256 points of commands that work with monitors: of the command, of the monitor, of the container's first
 * process, of everything at once. The next command tells the truth, and nothing is left.
 *
 * TSBOX_STRESS_SEED repeats a run; TSBOX_STRESS_POINTS takes more points.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, unlinkSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { type CliResult, TSBOX, tsbox, tsboxOk } from "../support/cli.ts";
import { randomFrom } from "./kill_store.ts";
import { family, type FamilyMember, isSameLife, killAll } from "../support/process_family.ts";

const POINTS = Number(process.env["TSBOX_STRESS_POINTS"] ?? 256);
const SEED = Number(process.env["TSBOX_STRESS_SEED"] ?? Date.now() % 1_000_000_007);
/** Milliseconds after which something hangs. */
const PATIENCE = 20_000;
/** Every point uses it again: a name that is not free shows. */
const NAME = "victim";
/** The only volume that may be left. */
const VOLUME = "kept";

let box: BusyboxContainers;
let mark: string;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });
const run = (...args: string[]) => tsbox(args, { home: box.home });

/** `--name` and all behind it, of a container that ends when it is asked to. */
function container(): string[] {
  const script = 'trap "exit 7" TERM; sleep 100000 & wait';
  return ["--network", "none", "--name", NAME, box.image, "sh", "-c", script, mark];
}

interface Operation {
  before?: () => string[];
  words: () => string[];
}

const OPERATIONS: Record<string, Operation> = {
  create: { words: () => ["create", ...container()] },
  start: { before: () => ["create", ...container()], words: () => ["start", NAME] },
  "run -d": { words: () => ["run", "-d", "--restart", "always", ...container()] },
  "run -d --rm": { words: () => ["run", "-d", "--rm", ...container()] },
  "run -d --rm -v": {
    words: () => ["run", "-d", "--rm", "-v", "/anonymous", "-v", `${VOLUME}:/kept`, ...container()],
  },
  run: { words: () => ["run", ...container()] },
  stop: { before: () => ["run", "-d", ...container()], words: () => ["stop", NAME] },
  restart: {
    before: () => ["run", "-d", "--restart", "always", ...container()],
    words: () => ["restart", NAME],
  },
  "rm -f": { before: () => ["run", "-d", ...container()], words: () => ["rm", "-f", NAME] },
  rename: {
    before: () => ["run", "-d", ...container()],
    words: () => ["rename", NAME, `${NAME}-too`],
  },
};

const VICTIMS: Record<string, (member: FamilyMember, all: readonly FamilyMember[]) => boolean> = {
  "the command": ({ role }) => role === "command",
  "the monitor": ({ role }) => role === "monitor",
  "the first process": ({ parent, words }, all) =>
    words.includes(mark) && all.some(({ pid, role }) => pid === parent && role === "monitor"),
  everything: () => true,
};

/** What is wrong with what `ps` says; empty when it is the truth. */
async function untruth(): Promise<string> {
  const states = (await ok("ps", "-a", "--format", "{{.State}}")).trim();
  const members = family(box.home.path, { mark });
  const [alive, monitored] = [
    members.some(({ words }) => words.includes(mark)),
    members.some(({ role }) => role === "monitor"),
  ];
  if (states === "restarting") return monitored ? "" : "restarting without a monitor";
  const running = states === "running";
  return running === alive && running === monitored
    ? ""
    : `state "${states}", ${alive ? "" : "no "}process, ${monitored ? "" : "no "}monitor`;
}

/** Waits until `look` finds nothing wrong. */
async function settled(look: () => string | Promise<string>): Promise<void> {
  for (const deadline = performance.now() + PATIENCE;; await Bun.sleep(5)) {
    const wrong = await look();
    if (wrong === "") return;
    if (performance.now() > deadline) throw new Error(wrong);
  }
}

/** Removes what is there, until nothing comes any more. */
async function removed(): Promise<string> {
  for (const id of (await ok("ps", "-aq")).split("\n").filter(Boolean)) {
    const { status, stderr } = await run("rm", "-f", "-v", id);
    if (status !== 0 && !stderr.includes("No such container")) throw new Error(stderr);
  }
  const left = family(box.home.path, { mark });
  return left.map(({ pid, words }) => `${pid} ${words.join(" ")}`).join("; ");
}

/** A volume that was being made is none, and goes with the next one. */
function volumes(): string[] {
  const path = `${box.home.dataRoot}/volumes`;
  return existsSync(path) ? readdirSync(path).filter((name) => name !== ".new") : [];
}

/** One that is killed between its first two calls leaves its mark, which others believe for a minute. */
function forgetMarks(): void {
  const store = box.home.dataRoot;
  for (const id of readdirSync(`${store}/unsettled`)) {
    if (!existsSync(`${store}/containers/${id}`)) unlinkSync(`${store}/unsettled/${id}`);
  }
}

/** What should not be there when all containers are gone, and nobody makes one. */
function litter(before: readonly FamilyMember[]): string[] {
  forgetMarks();
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [
    ...box.leftovers(),
    ...before.filter(isSameLife).map(({ pid, words }) => `process ${pid} ${words[0]}`),
    ...mounts.filter((line) => line.includes(box.home.path)),
    ...volumes().filter((name) => name !== VOLUME),
    // What the first commands found out about the host stays.
    ...readdirSync(box.home.runtimeDir).filter((name) =>
      !/^(keeper-|overlay-|launches$)/.test(name)
    ),
  ];
}

/** Milliseconds of an operation that nobody disturbs; one that does not end by itself gets as long as `run -d`. */
async function duration(name: string): Promise<number> {
  const { before, words } = OPERATIONS[name === "run" ? "run -d" : name] ?? { words: () => [] };
  if (before !== undefined) await ok(...before());
  const start = performance.now();
  await ok(...words());
  const time = performance.now() - start;
  await settled(removed);
  return time;
}

function expectTidyError({ stderr }: Pick<CliResult, "stderr">): void {
  expect(stderr).not.toMatch(/internal error| at .*\.ts:|Conflict/);
}

interface Point {
  operation: Operation;
  victim: string;
  delay: number;
}

/** Says how many processes were hit. */
async function kill({ operation, victim, delay }: Point): Promise<number> {
  if (operation.before !== undefined) await ok(...operation.before());
  const known = family(box.home.path, { mark });
  const command = Bun.spawn([TSBOX, ...operation.words()], {
    cwd: box.home.path,
    env: box.home.env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  await Bun.sleep(delay);
  // The numbers begin anew now and then: such a point hits nobody.
  const members = family(box.home.path, { mark, after: command.pid - 1, known });
  const victims = members.filter((member) => VICTIMS[victim]?.(member, members));
  killAll(victims);
  await settled(untruth);
  await settled(removed);
  await settled(() => command.exitCode === null && command.signalCode === null ? "it hangs" : "");
  expectTidyError({ stderr: await command.stderr.text() });
  await settled(async () => {
    const left = litter(members);
    // What ended so late that its lock was not free yet is found by the next command.
    if (left.length > 0) await ok("ps", "-a");
    return left.join("; ");
  });
  return victims.length;
}

test("SIGKILL at any point leaves the truth and nothing else", async () => {
  const random = randomFrom(SEED);
  const durations: Record<string, number> = {};
  for (const name of Object.keys(OPERATIONS)) {
    mark = `mark-${SEED}-${name.replaceAll(" ", "")}`;
    durations[name] = await duration(name);
  }
  const kinds = Object.keys(OPERATIONS).flatMap((name) =>
    Object.keys(VICTIMS).map((victim) => ({ name, victim }))
  );
  let hits = 0;
  for (let i = 0; i < POINTS; i++) {
    const { name, victim } = kinds[i % kinds.length] ?? { name: "", victim: "" };
    const operation = OPERATIONS[name];
    if (operation === undefined) throw new Error("no operation");
    const delay = random() * 1.1 * (durations[name] ?? 0);
    mark = `mark-${SEED}-${i}`;
    try {
      if (await kill({ operation, victim, delay }) > 0) hits++;
    } catch (error) {
      const where = `${name}, ${victim} after ${delay.toFixed(1)} ms, seed ${SEED}, point ${i}`;
      throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
  process.stderr.write(`seed ${SEED}: ${POINTS} points, ${hits} hit somebody\n`);
  expect(hits).toBeGreaterThan(POINTS / 4);
}, 600_000);
