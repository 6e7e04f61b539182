/** What containers wrote, read again: drivers, lines, times, following. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
let names = 0;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });
const run = (...args: string[]) => tsbox(args, { home: box.home });

/** Starts a shell script in the background; returns the container's name. */
async function started(flags: readonly string[], script: string): Promise<string> {
  const name = `log-${names++}`;
  await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    name,
    ...flags,
    box.image,
    "sh",
    "-c",
    script,
  );
  return name;
}

/** The same, to its end. */
async function ended(flags: readonly string[], script: string): Promise<string> {
  const name = await started(flags, script);
  await ok("wait", name);
  return name;
}

const DRIVERS = [["local"], ["json-file"]] as const;

describe.each(DRIVERS)("the driver %s", (driver) => {
  const flags = ["--log-driver", driver];

  test("keeps both streams apart, and every byte of text", async () => {
    const name = await ended(flags, "printf 'one\\n\\033[1mtwo\\n'; echo three >&2; printf rest");
    const { stdout, stderr, status } = await run("logs", name);
    expect({ stdout, stderr, status }).toEqual({
      stdout: "one\n\x1b[1mtwo\nrest",
      stderr: "three\n",
      status: 0,
    });
  });

  test("shows the last lines, times, and a part by time", async () => {
    const name = await ended(flags, "seq 1 500; sleep 0.3; echo last");
    expect(await ok("logs", "-n", "2", name)).toBe("500\nlast\n");
    expect(await ok("logs", "--tail", "0", name)).toBe("");
    const lines = (await ok("logs", "-t", name)).trim().split("\n");
    expect(lines).toHaveLength(501);
    const [time = "", text] = lines.at(-1)?.split(" ") ?? [];
    expect(text).toBe("last");
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(await ok("logs", "--since", time, name)).toBe("last\n");
    expect(await ok("logs", "--since", "10m", "--until", "0.1s", name)).not.toBe("");
    expect(await ok("logs", "--until", "1h", name)).toBe("");
    const before = await ok("logs", "--until", lines[499]?.split(" ")[0] ?? "", name);
    expect(before).toEndWith("500\n");
  });

  test("is followed to the container's end, by several, and over a restart", async () => {
    const name = await started(
      flags,
      "for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done; sleep 0.3",
    );
    const followers = [1, 2, 3].map(() => ok("logs", "-f", name));
    await Bun.sleep(300);
    await ok("restart", "-t", "0", name);
    for (const text of await Promise.all(followers)) {
      expect(text).toStartWith("line 1\n");
      expect(text).toEndWith("line 1\nline 2\nline 3\nline 4\nline 5\n");
      expect(text.match(/line 1\n/g)).toHaveLength(2);
    }
  });

  test("keeps so many files of that size", async () => {
    const limits = ["--log-opt", "max-size=10k", "--log-opt", "max-file=3"];
    const name = await ended(
      [...flags, ...limits],
      "i=0; while [ $i -lt 30 ]; do seq 1 300; i=$((i+1)); sleep 0.01; done",
    );
    const text = await ok("logs", name);
    expect(text).toEndWith("299\n300\n");
    const id = (await ok("inspect", "-f", "{{.Id}}", name)).trim();
    const files = readdirSync(`${box.home.dataRoot}/containers/${id}/log`);
    expect(files).toHaveLength(3);
    expect(text.length).toBeLessThan(3 * 14_000);
  });
});

test("a terminal's output is all on standard output", async () => {
  const name = await ended(["-t"], "echo out; echo err >&2");
  expect(await run("logs", name)).toMatchObject({ stdout: "out\r\nerr\r\n", stderr: "" });
});

test("json-file's file is docker's, with a tag and labels, where inspect says", async () => {
  const opts = ["--log-opt", "tag={{.Name}}", "--log-opt", "labels=kind", "--label", "kind=a&b"];
  const name = await ended(["--log-driver", "json-file", ...opts], "echo hello");
  const path = (await ok("inspect", "-f", "{{.LogPath}}", name)).trim();
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
    log: "hello\n",
    stream: "stdout",
    attrs: { tag: name, kind: "a&b" },
  });
  expect(await ok("logs", "--details", name)).toBe(`kind=a%26b,tag=${name} hello\n`);
  expect(JSON.parse(await ok("inspect", "-f", "{{json .HostConfig.LogConfig}}", name))).toEqual({
    Type: "json-file",
    Config: { tag: "{{.Name}}", labels: "kind" },
  });
});

test("the settings' driver and options are those of containers without flags", async () => {
  const env = { TSBOX_LOG_DRIVER: "json-file", TSBOX_LOG_OPTS: "max-size=1m,max-file=2" };
  const config = async (...flags: string[]) => {
    const name = `log-${names++}`;
    await tsboxOk(["create", "--name", name, ...flags, box.image, "true"], { home: box.home, env });
    return JSON.parse(await ok("inspect", "-f", "{{json .HostConfig.LogConfig}}", name));
  };
  const Config = { "max-size": "1m", "max-file": "2" };
  expect(await config()).toEqual({ Type: "json-file", Config });
  expect(await config("--log-opt", "max-file=3")).toEqual({
    Type: "json-file",
    Config: { ...Config, "max-file": "3" },
  });
  expect(await config("--log-driver", "local")).toEqual({ Type: "local", Config: {} });
});

describe("without a log", () => {
  test("none says so in docker's words, and keeps nothing", async () => {
    const name = await ended(["--log-driver", "none"], "echo gone");
    const { stderr, status } = await run("logs", name);
    expect([stderr, status]).toEqual([
      "tsbox: configured logging driver does not support reading\n",
      1,
    ]);
    const id = (await ok("inspect", "-f", "{{.Id}}", name)).trim();
    expect(existsSync(`${box.home.dataRoot}/containers/${id}/log`)).toBe(false);
  });

  test("a container of run --rm says who has its output; with a driver it is kept", async () => {
    const words = (...flags: string[]) => [
      ...["run", "--rm", "--network", "none", "--name", "short", ...flags, box.image],
      ...["sh", "-c", "echo here; sleep 600"],
    ];
    for (
      const [flags, text] of [[[], "'tsbox run --rm'"], [
        ["--log-driver", "local"],
        "here",
      ]] as const
    ) {
      const child = Bun.spawn([TSBOX, ...words(...flags)], {
        env: box.home.env,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "inherit",
      });
      let seen = "";
      for (const deadline = Date.now() + 10_000; Date.now() < deadline; await Bun.sleep(30)) {
        const { stdout, stderr } = await run("logs", "short");
        seen = stdout + stderr;
        if (seen.includes(text)) break;
      }
      expect(seen).toContain(text);
      await ok("kill", "short");
      await child.exited;
    }
  });

  test("of a container that was only created is empty", async () => {
    await ok("create", "--name", "unstarted", box.image, "true");
    expect(await ok("logs", "unstarted")).toBe("");
  });

  test("what cannot be obeyed is refused by name", async () => {
    const refusal = async (...flags: string[]) => {
      const { stderr, status } = await run("run", "-d", ...flags, box.image, "true");
      expect(status).toBe(125);
      return stderr;
    };
    expect(await refusal("--log-driver", "syslog")).toContain(
      "--log-driver syslog is not supported",
    );
    expect(await refusal("--log-driver", "paper")).toContain("no log driver named 'paper'");
    expect(await refusal("--log-opt", "tag=x")).toContain("unknown log opt 'tag' for local");
    expect(await refusal("--log-opt", "max-size=much")).toContain("max-size=much: not a size");
    expect(await refusal("--log-opt", "mode=non-blocking")).toContain("mode=non-blocking is not");
    expect(await refusal("--log-driver", "none", "--log-opt", "a=b")).toContain("driver none");
    if (!existsSync("/run/systemd/journal/socket")) {
      expect(await refusal("--log-driver", "journald")).toContain("Cannot log to the journal");
    }
    expect((await run("logs", "-n", "x", "unstarted")).stderr).toContain('"x" is no number');
    expect((await run("logs", "--since", "x", "unstarted")).stderr).toContain('"x" is no time');
  });
});

test("a container that writes without end neither loses a line nor fills the monitor", async () => {
  const script =
    "yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c 60000000; echo; echo last; sleep 600";
  const opts = ["--log-opt", "max-size=100m", "--log-opt", "max-file=2"];
  const name = await started(opts, script);
  let last = "";
  for (const deadline = Date.now() + 40_000; last !== "last\n" && Date.now() < deadline;) {
    await Bun.sleep(100);
    last = await ok("logs", "-n", "1", name);
  }
  const id = (await ok("inspect", "-f", "{{.Id}}", name)).trim();
  const monitor = readdirSync("/proc").find((pid) => holdsLog(pid, id)) ?? "";
  const anonymous = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${monitor}/status`, "utf8"));
  expect(Number(anonymous?.[1])).toBeLessThan(120_000);
  const child = Bun.spawn([TSBOX, "logs", name], { env: box.home.env, stdout: "pipe" });
  let [size, newlines] = [0, 0];
  for await (const bytes of child.stdout) {
    size += bytes.length;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) newlines++;
  }
  expect({ size, newlines }).toEqual({
    size: 60_000_006,
    newlines: Math.floor(60_000_000 / 37) + 2,
  });
  await ok("rm", "-f", name);
}, 60_000);

/** Whether a process has the log of a container open. */
function holdsLog(pid: string, id: string): boolean {
  if (!/^\d+$/.test(pid)) return false;
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    if (!text.includes("@monitor")) return false;
    const maps = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    return maps.some((path) => path.includes(`/${id}/log/`));
  } catch {
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return process.getBuiltinModule("node:fs").readlinkSync(path);
  } catch {
    return "";
  }
}

test("logs -f --until ends when its time has come, or has passed", async () => {
  const name = await started([], "echo begun; sleep 600");
  while (await ok("logs", name) === "") await Bun.sleep(20);
  expect(await ok("logs", "-f", "--until", "0s", name)).toBe("begun\n");
  const soon = String(Date.now() / 1000 + 0.5);
  expect(await ok("logs", "-f", "--until", soon, name)).toBe("begun\n");
  await ok("rm", "-f", name);
});

test("a monitor that is killed ends who follows its log", async () => {
  const name = await started([], "echo begun; sleep 600");
  const follower = Bun.spawn([TSBOX, "logs", "-f", name], {
    env: box.home.env,
    stdout: "pipe",
    stderr: "ignore",
  });
  await Bun.sleep(300);
  const id = (await ok("inspect", "-f", "{{.Id}}", name)).trim();
  const monitor = Number(readdirSync("/proc").find((pid) => holdsLog(pid, id)));
  expect(monitor).toBeGreaterThan(0);
  process.kill(monitor, "SIGKILL");
  await until("the follower has ended", () => follower.exitCode !== null);
  expect(await follower.stdout.text()).toBe("begun\n");
});
