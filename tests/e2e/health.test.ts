/** Health checks: of the image and of the user, seen by inspect, ps and its filters. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
} from "../support/busybox_containers.ts";
import { tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;

beforeAll(async () => {
  box = await busyboxContainers({
    config: {
      Healthcheck: {
        Test: ["CMD", "test", "-e", "/well"],
        Interval: 100e6,
        Timeout: 5e9,
        Retries: 2,
      },
      ExposedPorts: { "81/tcp": {} },
    },
  });
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });
const started = (name: string, ...flags: string[]) =>
  ok("run", "-d", "--network", "none", "--name", name, ...flags, box.image, "sleep", "600");

/** Waits until the container's health is this one; returns all of it. */
async function health(name: string, status: string) {
  for (const deadline = Date.now() + 10_000;;) {
    const [, word = "", json = ""] = /^(\w+) (.*)$/s.exec(
      await ok("inspect", "-f", "{{.State.Health.Status}} {{json .State.Health}}", name),
    ) ??
      [];
    if (word === status) return JSON.parse(json);
    if (Date.now() > deadline) throw new Error(`${name} is ${word}: ${json}`);
    await Bun.sleep(20);
  }
}

test("an image's check says starting, unhealthy, healthy, and ps tells and filters", async () => {
  await started("img");
  expect(await ok("ps", "--format", "{{.Status}}")).toMatch(
    /^Up .* \((health: starting|unhealthy)\)\n$/,
  );
  const ill = await health("img", "unhealthy");
  expect(ill.FailingStreak).toBeGreaterThanOrEqual(2);
  expect(ill.Log.at(-1)).toMatchObject({ ExitCode: 1, Output: "" });
  expect(await ok("ps", "-q", "--filter", "health=healthy")).toBe("");
  await ok("exec", "img", "touch", "/well");
  expect((await health("img", "healthy")).FailingStreak).toBe(0);
  expect(await ok("ps", "--format", "{{.Status}}", "-f", "health=healthy")).toMatch(
    /^Up .* \(healthy\)\n$/,
  );
  await Bun.sleep(700);
  expect((await health("img", "healthy")).Log.length).toBe(5);
  await ok("kill", "img");
  expect(await ok("inspect", "-f", "{{.State.Health.Status}}", "img")).toBe("unhealthy\n");
  await ok("rm", "img");
});

test("the user's command takes the place of the image's, and its output is kept", async () => {
  await started(
    "own",
    "--health-cmd",
    "echo $PWD $0; yes | head -c 5000",
    "--health-interval",
    "50ms",
    "-w",
    "/tmp",
  );
  const { Log } = await health("own", "healthy");
  expect(Log[0].Output.startsWith("/tmp /bin/sh\ny\ny\n")).toBe(true);
  expect(Log[0].Output.length).toBe(4096 + "...".length);
  expect(await ok("inspect", "-f", "{{json .Config.Healthcheck}}", "own")).toBe(
    '{"Test":["CMD-SHELL","echo $PWD $0; yes | head -c 5000"],"Interval":50000000,"Timeout":5000000000,"Retries":2}\n',
  );
  await ok("rm", "-f", "own");
});

test("a check that takes too long is killed with all it started, and fails", async () => {
  await started(
    "slow",
    "--health-cmd",
    "echo hello; sleep 76543; true",
    "--health-timeout",
    "200ms",
    "--health-retries",
    "1",
  );
  const { Log } = await health("slow", "unhealthy");
  expect(Log[0].ExitCode).toBe(-1);
  expect(Log[0].Output).toBe("Health check exceeded timeout (200ms): hello\n");
  await ok("rm", "-f", "slow");
  expect(processesWith("sleep\x0076543")).toEqual([]);
});

test("failures in the start period do not count", async () => {
  await started("period", "--health-start-period", "20s", "--health-start-interval", "50ms");
  let starting = await health("period", "starting");
  // More than the image's two retries.
  while (starting.Log.length < 3) starting = await health("period", "starting");
  expect(starting.FailingStreak).toBe(0);
  await ok("rm", "-f", "period");
});

test("--no-healthcheck ends the image's, and goes with no other flag", async () => {
  await started("none", "--no-healthcheck");
  expect(await ok("inspect", "-f", "{{json .Config.Healthcheck}}", "none")).toBe(
    '{"Test":["NONE"]}\n',
  );
  expect(await ok("inspect", "-f", "{{json .State}}", "none")).not.toContain("Health");
  expect(await ok("ps", "--format", "{{.Names}} {{.Status}}", "-f", "health=none")).toMatch(
    /^none Up [^()]*\n$/,
  );
  await ok("rm", "-f", "none");
  for (
    const [flags, message] of [
      [["--no-healthcheck", "--health-retries", "2"], "--no-healthcheck conflicts with --health-*"],
      [["--health-interval", "-1s"], "--health-interval cannot be negative"],
      [["--health-interval", "1us"], "cannot be less than 1ms"],
      [["--health-timeout", "soon"], 'invalid duration "soon"'],
    ] as const
  ) {
    const { stderr, status } = await tsbox(["run", ...flags, box.image], { home: box.home });
    expect(stderr).toContain(message);
    expect(status).toBe(125);
  }
});

test("a container that belongs to its command is checked, too", async () => {
  const out = await box.sh(
    ["--health-cmd", "touch /seen", "--health-interval", "20ms"],
    "while ! test -e /seen; do sleep 0.02; done; echo seen",
  );
  expect(out).toBe("seen\n");
});

test("ps finds ports: of the image, of the user, published or not", async () => {
  await started("ports", "--expose", "9000-9001/udp", "--no-healthcheck");
  expect(await ok("ps", "--format", "{{.Ports}}")).toBe("81/tcp, 9000-9001/udp\n");
  const names = (filter: string) => ok("ps", "-f", filter, "--format", "{{.Names}}");
  expect(await names("expose=80-81")).toBe("ports\n");
  expect(await names("expose=9001/udp")).toBe("ports\n");
  expect(await names("expose=9001")).toBe("");
  expect(await names("publish=81")).toBe("");
  await ok("rm", "-f", "ports");
});

test("ps -s shows what was written", async () => {
  await ok(
    "run",
    "-d",
    "--no-healthcheck",
    "--network",
    "none",
    "--name",
    "size",
    box.image,
    "sh",
    "-c",
    "head -c 2000 /dev/zero >/f; sleep 600",
  );
  for (let text = ""; !text.startsWith("2kB (virtual ");) {
    text = await ok("ps", "--format", "{{.Size}}");
    await Bun.sleep(20);
  }
  expect(await ok("inspect", "-s", "-f", "{{.SizeRw}}", "size")).toBe("2000\n");
  expect((await ok("ps", "-s")).split("\n")[0]).toMatch(/ NAMES +SIZE$/);
  await ok("rm", "-f", "size");
});
