/** A container that writes as fast as it can while many read it: every reader gets every line, and the monitor stays small. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { TSBOX, tsboxOk } from "../support/cli.ts";

/** Kilobytes of a monitor's own memory; one that only sleeps has 5000, one that copies 20,000. */
const MOST_MEMORY = 80_000;

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });

/** What `seq 1 LAST` prints, as its length and digest. */
function counted(last: number): string {
  const hash = new Bun.CryptoHasher("sha1");
  let bytes = 0;
  for (let from = 1; from <= last; from += 10_000) {
    const text = Array.from({ length: 10_000 }, (_, i) => `${from + i}\n`).join("");
    hash.update(text);
    bytes += text.length;
  }
  return `${bytes} ${hash.digest("hex")}`;
}

/** The same of what a command prints. */
async function printed(...args: string[]): Promise<string> {
  const child = Bun.spawn([TSBOX, ...args], { env: box.home.env, stdin: "ignore", stdout: "pipe" });
  const hash = new Bun.CryptoHasher("sha1");
  let bytes = 0;
  for await (const piece of child.stdout) {
    hash.update(piece);
    bytes += piece.length;
  }
  return `${bytes} ${hash.digest("hex")}`;
}

const field = (file: string, name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(file, "utf8"))?.[1]);

/** The most memory of the container's monitor until it has ended, in kilobytes. */
async function mostMemory(name: string): Promise<number> {
  const first = (await ok("inspect", "-f", "{{.State.Pid}}", name)).trim();
  const status = `/proc/${field(`/proc/${first}/status`, "PPid")}/status`;
  for (let most = 0;; await Bun.sleep(20)) {
    try {
      most = Math.max(most, field(status, "RssAnon") || 0);
    } catch {
      return most;
    }
  }
}

test.each([["local", 2_000_000], ["json-file", 400_000]] as const)(
  "%s: six that follow the log and two that are attached get all of it",
  async (driver, lines) => {
    const script = `until [ -e /go ]; do sleep 0.05; done; seq 1 ${lines}`;
    const log = ["--log-driver", driver, "--log-opt", "max-size=1g", "--log-opt", "max-file=2"];
    const container = ["run", "-d", "--network", "none", "--name", driver];
    await ok(...container, ...log, box.image, "sh", "-c", script);
    const memory = mostMemory(driver);
    const followers = Array.from({ length: 6 }, () => printed("logs", "-f", driver));
    const attached = [1, 2].map(() => printed("attach", "--no-stdin", driver));
    // What was written before they were attached is not theirs.
    const attaching = ["events", "--since", "1h", "--until", "0s", "-f", "event=attach"];
    while ((await ok(...attaching, "-f", `container=${driver}`)).split("\n").length <= 2) {
      await Bun.sleep(50);
    }
    await ok("exec", driver, "touch", "/go");
    const expected = counted(lines);
    expect(await Promise.all([...followers, ...attached])).toEqual(Array(8).fill(expected));
    expect(await printed("logs", driver)).toBe(expected);
    expect(await memory).toBeLessThan(MOST_MEMORY);
    await ok("rm", driver);
  },
  120_000,
);
