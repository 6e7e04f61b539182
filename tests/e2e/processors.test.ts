/** On which processors containers, and what tsbox starts beside them, may run: where their caller may. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { TSBOX } from "../support/cli.ts";
import { family } from "../support/process_family.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const LINE = /^Cpus_allowed:\s*(\S+)$/m;
const ALLOWED = ["grep", "Cpus_allowed:", "/proc/self/status"];

function output(words: readonly string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...words], { env: box.home.env });
  if (exitCode === 0) return stdout.toString().trim();
  throw new Error(`${words.join(" ")}: ${stderr}`);
}

const maskOf = (status: string) => LINE.exec(status)?.[1];

for (
  const [who, before] of [
    ["a caller who may run anywhere", []],
    ["a caller who is kept to one processor", ["taskset", "-c", "0"]],
  ] as const
) {
  describe(who, () => {
    test("has containers in the foreground that may run where he may", () => {
      const wanted = maskOf(output([...before, ...ALLOWED]));
      expect(wanted).toBeDefined();
      // Again with what the first one has kept.
      for (let i = 0; i < 2; i++) {
        expect(maskOf(output([...before, TSBOX, ...box.words([], ALLOWED)]))).toBe(wanted);
      }
    });

    test("has containers in the background that do, with all beside them, also started again", async () => {
      const wanted = maskOf(output([...before, ...ALLOWED]));
      const id = output([
        ...before,
        ...[TSBOX, "run", "-d", "--network", "none", box.image, "sleep", "1000"],
      ]);
      const pid = () => Number(output([TSBOX, "inspect", "-f", "{{.State.Pid}}", id]));
      const masks = () =>
        family(box.home.path).map(({ pid, words }) => [
          words.join(" "),
          maskOf(readFileSync(`/proc/${pid}/status`, "utf8")),
        ]);
      const first = pid();
      for (const [, mask] of masks()) expect(mask).toBe(wanted);
      expect(masks().map(([words]) => words)).toContain("sleep 1000");
      output([TSBOX, "restart", "-t", "0", id]);
      await until("it runs again", () => pid() > 0 && pid() !== first);
      for (const [, mask] of masks()) expect(mask).toBe(wanted);
      output([TSBOX, "rm", "-f", id]);
    });
  });
}
