/** The event log: who writes what, what events shows of it, and that it stays small and whole. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, statSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });

/** What has happened since then, in a line each. */
async function past(since: number, ...flags: string[]): Promise<string[]> {
  const text = await ok("events", "--since", String(since), "--until", "0s", ...flags);
  return text.split("\n").slice(0, -1);
}

const now = () => Date.now() / 1000;
const ACTION = ["--format", "{{.Type}} {{.Action}}"];

describe("the log", () => {
  test("tells of the life of a container in order", async () => {
    const begin = now();
    await ok("run", "--rm", "--network", "none", "--label", "a=b", box.image, "sh", "-c", "exit 0");
    expect(await past(begin, ...ACTION)).toEqual(
      ["create", "attach", "start", "die", "destroy"].map((action) => `container ${action}`),
    );
    const [, , , die = ""] = await past(begin, "--format", "{{json .}}");
    const event = JSON.parse(die);
    expect(event).toMatchObject({
      Type: "container",
      Action: "die",
      status: "die",
      from: box.image,
      scope: "local",
      Actor: { Attributes: { a: "b", exitCode: "0", image: box.image } },
    });
    expect(event.id).toBe(event.Actor.ID);
    expect(Math.floor(event.timeNano / 1e9)).toBe(event.time);
    const [line = ""] = await past(begin);
    expect(line).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) container create [0-9a-f]{64} \(a=b, image=127\.0\.0\.1:\d+\/box:\w+, name=\w+\)$/,
    );
  });

  test("tells what was done to a container in the background", async () => {
    const begin = now();
    await ok("run", "-d", "--network", "none", "--name", "one", box.image, "sleep", "600");
    await ok("exec", "one", "echo", "hi");
    await ok("rename", "one", "two");
    await ok("restart", "-t", "0", "two");
    await ok("kill", "two");
    await ok("start", "two");
    await ok("stop", "-t", "0", "two");
    await ok("rm", "two");
    expect(await past(begin, "--format", "{{.Action}}")).toEqual([
      "create",
      "start",
      "exec_create: echo hi",
      "exec_start: echo hi",
      "exec_die",
      "rename",
      "die",
      "start",
      "restart",
      "kill",
      "die",
      "start",
      "kill",
      "kill",
      "die",
      "stop",
      "destroy",
    ]);
    const names = await past(
      begin,
      "-f",
      "event=rename",
      "--format",
      "{{.Actor.Attributes.oldName}}",
    );
    expect(names).toEqual(["/one"]);
  });

  test("tells of images and volumes", async () => {
    const begin = now();
    await ok("tag", box.image, "other:1");
    await ok("rmi", "other:1");
    await ok("pull", "-q", box.image);
    await ok("volume", "create", "v1");
    await ok("volume", "create", "v1");
    await ok("volume", "rm", "v1");
    await ok("container", "prune", "-f");
    expect(await past(begin, ...ACTION)).toEqual([
      "image tag",
      "image untag",
      "image pull",
      "volume create",
      "volume destroy",
      "container prune",
    ]);
    expect(await past(begin, ...ACTION, "-f", "type=volume", "-f", "event=create")).toEqual([
      "volume create",
    ]);
    expect(await past(begin, ...ACTION, "-f", "image=other")).toEqual(["image tag"]);
  });

  test("of checks of health says the status and the command", async () => {
    const begin = now();
    await ok(
      "run",
      "-d",
      "--network",
      "none",
      "--name",
      "sick",
      "--health-cmd",
      "true",
      "--health-interval",
      "20ms",
      box.image,
      "sleep",
      "600",
    );
    const flags = ["-f", "container=sick", "-f", "event=health_status", "--format", "{{.Action}}"];
    while ((await past(begin, ...flags)).length === 0) await Bun.sleep(20);
    expect(await past(begin, ...flags)).toEqual(["health_status: healthy"]);
    await ok("rm", "-f", "sick");
  });

  test("stays small, and a line that a crash has cut harms no other", async () => {
    const current = `${box.home.dataRoot}/events/current`;
    appendFileSync(current, '{"time":1,"type":"cont');
    const begin = now();
    await ok("volume", "create", "w1");
    expect(await past(begin, ...ACTION)).toEqual(["volume create"]);
    appendFileSync(current, `${"x".repeat(1000)}\n`.repeat(1100));
    await ok("volume", "rm", "w1");
    await ok("volume", "create", "w1");
    expect(statSync(current).size).toBeLessThan(1000);
    expect(await past(begin, ...ACTION)).toEqual([
      "volume create",
      "volume destroy",
      "volume create",
    ]);
  });
});

describe("events", () => {
  test("goes on telling what happens, also over the end of a file, until it is interrupted", async () => {
    const words = [TSBOX, "events", "--format", "{{.Action}}"];
    const listener = Bun.spawn(words, { env: box.home.env, stdout: "pipe", timeout: 20_000 });
    await Bun.sleep(500);
    await ok("volume", "create", "x1");
    appendFileSync(`${box.home.dataRoot}/events/current`, `${"x".repeat(1000)}\n`.repeat(1100));
    await ok("volume", "rm", "x1");
    await ok("volume", "create", "y1");
    await ok("volume", "rm", "y1");
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of listener.stdout) {
      text += decoder.decode(bytes);
      if (text.split("\n").length === 5) listener.kill("SIGINT");
    }
    expect(text).toBe("create\ndestroy\ncreate\ndestroy\n");
    expect(await listener.exited).toBe(130);
  });

  test("ends when its time has come", async () => {
    const begin = Date.now();
    expect(await ok("events", "--until", String(now() + 1))).toBe("");
    expect(Date.now() - begin).toBeGreaterThan(900);
  });

  test("refuses filters that mean nothing, and those of swarms by name", async () => {
    for (
      const [filter, message] of [
        ["type=planet", "invalid filter 'type=planet'"],
        ["colour=red", "invalid filter 'colour'"],
        ["node=1", "--filter node is not supported"],
      ] as const
    ) {
      const { stderr, status } = await tsbox(["events", "-f", filter], { home: box.home });
      expect(stderr).toContain(message);
      expect(status).not.toBe(0);
    }
  });
});
