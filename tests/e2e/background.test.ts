/** Containers that no command is attached to: made, started, stopped, restarted, left and found again. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk, tsboxOnTerminal } from "../support/cli.ts";
import { family } from "../support/process_family.ts";

let box: BusyboxContainers;
let names = 0;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });
const run = (...args: string[]) => tsbox(args, { home: box.home });
const state = async (name: string, field = "Status") =>
  (await ok("inspect", "-f", `{{.State.${field}}}`, name)).trim();

const restarts = async (name: string) => await ok("inspect", "-f", "{{.RestartCount}}", name);

/** Where a descriptor leads; empty when it was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Starts a container in the background; returns its name. */
async function started(flags: readonly string[], ...command: string[]): Promise<string> {
  const name = `back-${names++}`;
  await ok("run", "-d", "--network", "none", "--name", name, ...flags, box.image, ...command);
  return name;
}

describe("a container in the background", () => {
  test("runs when its id is printed, and until it is stopped", async () => {
    const id = (await ok("run", "-d", "--network", "none", box.image, "sleep", "600")).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await state(id)).toBe("running");
    expect(await ok("ps", "-q", "--no-trunc")).toContain(id);
    expect(await ok("stop", "-t", "0", id)).toBe(`${id}\n`);
    expect(await state(id)).toBe("exited");
    expect(await state(id, "ExitCode")).toBe("137");
    await ok("rm", id);
  });

  test("ends by its stop signal, and is killed when that takes too long", async () => {
    const script = "trap 'exit 9' USR1; trap '' TERM; while :; do sleep 0.01; done";
    const name = await started(["--stop-signal", "USR1"], "sh", "-c", script);
    await ok("stop", name);
    expect(await state(name, "ExitCode")).toBe("9");
    await ok("start", name);
    await ok("stop", "-s", "TERM", "-t", "1", name);
    expect(await state(name, "ExitCode")).toBe("137");
    await ok("rm", name);
  });

  test("with -it has a terminal, whatever the caller's standard input is", async () => {
    const name = await started(["-it"], "sh", "-c", "tty; read line");
    expect(await state(name)).toBe("running");
    // Its input is open, and empty.
    while (await ok("logs", name) === "") await Bun.sleep(10);
    await ok("stop", "-t", "0", name);
    expect(await ok("logs", name)).toBe("/dev/pts/0\r\n");
    await ok("rm", name);
  });

  test("has a monitor that sleeps with 5 MB of its own, also when there is no other", async () => {
    const name = await started([], "sleep", "600");
    const [monitor] = family(box.home.path).filter(({ words, role }) =>
      role === "monitor" && words[0] === "tsbox"
    );
    if (monitor === undefined) throw new Error("no monitor");
    const own = () => {
      const text = readFileSync(`/proc/${monitor.pid}/smaps`, "utf8");
      const sizes = [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)];
      return sizes.reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0);
    };
    await until("it sleeps", () => own() < 5000);
    await ok("rm", "-f", name);
  });

  test("whose options are wrong leaves no monitor behind", async () => {
    const { status, stderr } = await run("run", "-d", "--memory", "much", box.image, "true");
    expect([status, stderr]).toEqual([125, expect.stringContaining("invalid size: 'much'")]);
    const monitors = () => family(box.home.path).filter(({ role }) => role === "monitor");
    await until("no monitor is left", () => monitors().length === 0);
  });

  test("needs nothing of the caller's descriptors, and leaves none of them to its monitor", async () => {
    const command = `${TSBOX} run -d --network none ${box.image} sleep 600`;
    const many = 'for fd in $(seq 3 120); do eval "exec $fd</etc/passwd"; done; ';
    for (
      const script of [`exec ${command} <&- 2>&-`, `exec ${command} 3</etc/passwd`, many + command]
    ) {
      const done = Bun.spawnSync(["bash", "-c", script], {
        env: { ...box.home.env, TSBOX_BEGUN: "$%" },
      });
      expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
      const id = done.stdout.toString().trim();
      expect(await state(id)).toBe("running");
      const monitor = family(box.home.path).find(({ role }) => role === "monitor")?.pid ?? -1;
      const open = readdirSync(`/proc/${monitor}/fd`).map((fd) =>
        linkOf(`/proc/${monitor}/fd/${fd}`)
      );
      expect(open).not.toContain("/etc/passwd");
      expect(open.slice(0, 3)).toEqual(["/dev/null", "/dev/null", "/dev/null"]);
      expect(readFileSync(`/proc/${monitor}/comm`, "utf8")).toBe("tsbox\n");
      await ok("rm", "-f", id);
    }
  });

  test("is not what a word of the container's own asks for", async () => {
    for (const word of ["-d", "-itd", "--detach"]) {
      const { stdout, status } = await box.run(["--entrypoint=/bin/echo"], [word]);
      expect([stdout, status]).toEqual([`${word}\n`, 0]);
    }
    // A shell that knows no such flag: the status is the command's.
    expect((await box.run(["--entrypoint=/bin/sh"], ["-td"])).status).toBe(2);
  });

  test("is not begun for a command whose own words look like options of run", async () => {
    const words = [TSBOX, ...box.words([], ["sh", "-c", "echo go; cat", "sh", "-d", "--detach"])];
    words.splice(2, 0, "-i");
    const child = Bun.spawn(words, { env: box.home.env, stdin: "pipe", stdout: "pipe" });
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("go\n");
    const monitors = () => family(box.home.path).filter(({ role }) => role === "monitor");
    await until("no monitor is left", () => monitors().length === 0);
    child.stdin.end();
    expect(await child.exited).toBe(0);
  });

  test("shows nothing of what it was started with, and is nobody's child", async () => {
    const name = await started(["-e", "SECRET=very"], "sleep", "600");
    const [monitor] = family(box.home.path).filter(({ role }) => role === "monitor");
    expect(monitor?.words.slice(0, 2)).toEqual(["tsbox", "@monitor"]);
    expect(monitor?.words.join(" ")).not.toContain("very");
    const stat = readFileSync(`/proc/${monitor?.pid}/stat`, "utf8").split(") ")[1]?.split(" ");
    // Process group and session.
    expect(stat?.slice(2, 4)).toEqual([`${monitor?.pid}`, `${monitor?.pid}`]);
    expect(readlinkSync(`/proc/${monitor?.pid}/cwd`)).toBe("/");
    await ok("rm", "-f", name);
  });

  test("reads files that the caller has open only", async () => {
    const command = `${TSBOX} run -d --rm --network none --env-file <(echo A=b)`;
    const script = `${command} ${box.image} sleep 600`;
    const done = Bun.spawnSync(["bash", "-c", script], { env: box.home.env });
    expect(done.stderr.toString()).toBe("");
    const id = done.stdout.toString().trim();
    expect(await ok("exec", id, "sh", "-c", "echo $A")).toBe("b\n");
    await ok("rm", "-f", id);
  });

  test("heeds variables that name what the caller has open", () => {
    const script = `mkdir -p "$1/tsbox" && echo { >"$1/tsbox/config.json" && exec 7<"$1"
      XDG_CONFIG_HOME=/dev/fd/7 exec ${TSBOX} run -d --network none ${box.image} sleep 600`;
    const done = Bun.spawnSync(["bash", "-c", script, "bash", `${box.home.path}/config`], {
      env: box.home.env,
    });
    expect(done.stderr.toString()).toStartWith(`tsbox: Cannot use "/dev/fd/7/`);
    expect(done.exitCode).toBe(125);
  });

  test("runs on when its id cannot be printed, which is an error all the same", async () => {
    const words = ["run", "-d", "--network", "none", box.image, "sleep", "600"];
    for (const [to, status, message] of [["/dev/full", 125, "ENOSPC"], ["-", 141, ""]] as const) {
      const output = to === "-" ? "| true; exit ${PIPESTATUS[0]}" : `>${to}`;
      const script = `(sleep 0.2; "$@") ${output}`;
      const done = Bun.spawnSync(["bash", "-c", script, "bash", TSBOX, ...words], {
        env: box.home.env,
      });
      expect([done.exitCode, done.stderr.toString()]).toEqual([
        status,
        expect.stringContaining(message),
      ]);
      const id = (await ok("ps", "-q")).trim();
      expect(id).toMatch(/^[0-9a-f]{12}$/);
      await ok("rm", "-f", id);
    }
  });

  test("is looked after while nobody takes its id, which is told when somebody does", async () => {
    // A pipe that is full.
    const script = `mkfifo "$1" && exec 4<>"$1" && dd if=/dev/zero bs=65536 count=1 >&4 2>/dev/null
      shift; exec "$@" >&4`;
    const command = [TSBOX, "run", "-d", "--network", "none", "--name", "unheard", box.image];
    const fifo = `${box.home.path}/full`;
    const child = Bun.spawn(["bash", "-c", script, "bash", fifo, ...command, "sleep", "600"], {
      env: box.home.env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const status = async () => (await run("inspect", "-f", "{{.State.Status}}", "unheard")).stdout;
    while (await status() !== "running\n") await Bun.sleep(20);
    expect(await ok("exec", "unheard", "echo", "x")).toBe("x\n");
    await ok("stop", "-t", "0", "unheard");
    expect(await status()).toBe("exited\n");
    expect(child.exitCode).toBeNull();
    const written = Bun.spawn(["cat", fifo], { stdin: "ignore", stdout: "pipe" });
    expect(await child.exited).toBe(0);
    expect((await written.stdout.text()).slice(65536)).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await child.stderr.text()).toBe("");
    await ok("rm", "unheard");
  });

  test("has no monitor that waits for a reader when its command was killed", async () => {
    const script = `mkfifo "$1" && exec 4<>"$1" && dd if=/dev/zero bs=65536 count=1 >&4 2>/dev/null
      shift; "$@" >&4 & echo $!; wait $!; exec sleep 600`;
    const command = [TSBOX, "run", "-d", "--network", "none", "--name", "unread", box.image];
    const fifo = `${box.home.path}/unread`;
    const child = Bun.spawn(["bash", "-c", script, "bash", fifo, ...command, "sleep", "600"], {
      env: box.home.env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      const { value } = await child.stdout.getReader().read();
      const status = async () => (await run("inspect", "-f", "{{.State.Status}}", "unread")).stdout;
      while (await status() !== "running\n") await Bun.sleep(20);
      process.kill(Number(new TextDecoder().decode(value)), "SIGKILL");
      const monitor = family(box.home.path).find(({ role }) => role === "monitor")?.pid ?? -1;
      const open = () =>
        readdirSync(`/proc/${monitor}/fd`).map((fd) => linkOf(`/proc/${monitor}/fd/${fd}`));
      await until("it has given up the pipe", () => !open().includes(fifo));
      await ok("rm", "-f", "unread");
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("whose monitor cannot be reached never runs its command", async () => {
    const folder = `${box.home.path}/unreached`;
    mkdirSync(folder);
    const script = "touch /mnt/ran; sleep 600";
    const flags = ["--network", "none", "-v", `${folder}:/mnt`, "--name", "unreached"];
    const id = (await ok("create", ...flags, box.image, "sh", "-c", script)).trim();
    const socket = `${box.home.dataRoot}/containers/${id}/monitor.sock`;
    mkdirSync(socket);
    for (let i = 0; i < 5; i++) expect((await run("start", "unreached")).status).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
    rmdirSync(socket);
    await ok("start", "unreached");
    await until("it runs", () => existsSync(`${folder}/ran`));
    await ok("rm", "-f", "unreached");
  });

  test("is started by a caller that ignores the end of its children", async () => {
    const words = ["--rm", "--network", "none", box.image];
    const started = (flag: string, ...command: string[]) =>
      Bun.spawnSync(["env", "--ignore-signal=CHLD", TSBOX, "run", flag, ...words, ...command], {
        env: box.home.env,
      });
    expect(started("-i", "sh", "-c", "exit 4").exitCode).toBe(4);
    const missing = started("-d", "no-such-command");
    expect([missing.exitCode, missing.stderr.toString()]).toEqual([
      127,
      expect.stringContaining("no-such-command"),
    ]);
    const done = started("-d", "sleep", "600");
    expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
    await ok("rm", "-f", done.stdout.toString().trim());
  });

  test("needs no more open files than the least that is usual", async () => {
    for (const flags of ["-d", "--rm"]) {
      const script = `ulimit -n 128; exec ${TSBOX} run ${flags} --network none ${box.image} true`;
      const done = Bun.spawnSync(["bash", "-c", script], { env: box.home.env });
      expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
      if (flags === "-d") await ok("rm", "-f", done.stdout.toString().trim());
    }
  });

  test("says why it cannot be started where too few files may be open", () => {
    for (const [limit, errno] of [[11, "EMFILE"], [64, "EBADF"]] as const) {
      const script = `ulimit -n ${limit}; exec ${TSBOX} run -d --network none ${box.image} true`;
      const done = Bun.spawnSync(["bash", "-c", script], { env: box.home.env });
      expect(done.exitCode).toBe(125);
      const wanted = new RegExp(`^tsbox: Cannot .*: ${errno}.*; allow more open files, by 'ulimit`);
      expect(done.stderr.toString()).toMatch(wanted);
    }
  });

  test("runs when its id can be written nowhere, as its command is told", async () => {
    const script = `sleep 1 | { ${TSBOX} run -d --network none ${box.image} sleep 600 >&0; }`;
    const done = Bun.spawnSync(["bash", "-c", script], { env: box.home.env, timeout: 20_000 });
    expect([done.exitCode, done.stderr.toString()]).toEqual([
      125,
      "tsbox: Cannot write output: EBADF\n",
    ]);
    const id = (await ok("ps", "-q")).trim();
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    await ok("rm", "-f", id);
  });

  test("does not take its parent for dead that is of another pid namespace", async () => {
    const words = [TSBOX, "run", "-d", "--network", "none", box.image, "no-such-command"];
    const done = Bun.spawnSync(["unshare", "-Urp", ...words], { env: box.home.env });
    expect(done.stderr.toString()).toStartWith("tsbox: ");
    expect([125, 127]).toContain(done.exitCode);
    for (const id of (await ok("ps", "-aq")).split("\n").filter(Boolean)) await ok("rm", "-f", id);
  });

  test("pulls its image first, and then has a monitor that knows nothing of that", async () => {
    const words = ["run", "-d", "--network", "none", "--pull", "always", box.image, "sleep", "600"];
    const { stdout, stderr, status } = await run(...words);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^[0-9a-f]{64}\n$/)]);
    expect(stderr).toContain("Pulling from");
    const monitors = family(box.home.path).filter(({ role }) => role === "monitor");
    // Not the room of longer words.
    expect(monitors.map(({ words }) => words)).toContainEqual(["tsbox", "@monitor"]);
    await ok("rm", "-f", stdout.trim());
  });

  for (const signal of ["SIGKILL", "SIGTERM", "SIGINT"] as const) {
    test(`goes with its command when that gets ${signal} before anything was made`, async () => {
      // Nothing answers there: it waits for as long as it takes.
      using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
      const image = `127.0.0.1:${silent.port}/box`;
      const child = Bun.spawn([TSBOX, "run", "-d", image], {
        env: box.home.env,
        stdio: ["ignore", "ignore", "ignore"],
      });
      const both = () => processesWith(image);
      await until("it pulls", () => both().length === 2);
      child.kill(signal);
      await child.exited;
      expect(child.signalCode).toBe(signal);
      await until("both are gone", () => both().length === 0);
    });
  }

  test("hands its own end on while it pulls", async () => {
    using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const image = `127.0.0.1:${silent.port}/box`;
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const child = Bun.spawn([TSBOX, "run", "-d", image], {
        env: box.home.env,
        stdio: ["ignore", "ignore", "ignore"],
      });
      await until("it pulls", () => processesWith(image).length === 2);
      const puller = processesWith(image).find((pid) => pid !== child.pid) ?? -1;
      process.kill(puller, signal);
      await child.exited;
      expect(child.signalCode).toBe(signal);
    }
  });

  test("that cannot be started says why, with the status of run", async () => {
    const missing = await run("run", "-d", "--network", "none", box.image, "no-such-command");
    expect(missing.stderr).toContain("no-such-command");
    expect(missing.status).toBe(127);
    const taken = await started([], "sleep", "600");
    const conflict = await run("run", "-d", "--name", taken, box.image, "true");
    expect(conflict.stderr).toContain(`The container name "/${taken}" is already in use`);
    expect(conflict.status).toBe(125);
    await ok("rm", "-f", taken);
    await ok("rm", ...(await ok("ps", "-aq")).trim().split("\n"));
  });

  test("keeps what it wrote when it is started again", async () => {
    const script = "cat /count 2>/dev/null; echo again >>/count";
    const name = await started([], "sh", "-c", script);
    await ok("wait", name);
    expect(await ok("start", "-a", name)).toBe("again\n");
    expect(await ok("start", "-a", name)).toBe("again\nagain\n");
    await ok("rm", name);
  });

  test("is deleted at its end with --rm, and its name is free", async () => {
    const name = await started(["--rm"], "sleep", "600");
    await ok("stop", "-t", "0", name);
    expect((await run("inspect", name)).status).toBe(1);
    await ok("run", "--rm", "--network", "none", "--name", name, box.image, "true");
  });

  test("can be made first, started attached with input, and waited for", async () => {
    await ok(
      "create",
      "-i",
      "--name",
      "made",
      "--network",
      "none",
      box.image,
      "sh",
      "-c",
      "cat; exit 4",
    );
    expect(await state("made")).toBe("created");
    const done = await tsbox(["start", "-ai", "made"], { home: box.home, stdin: "typed\n" });
    expect(done).toMatchObject({ stdout: "typed\n", status: 4 });
    expect(await ok("wait", "made")).toBe("4\n");
    await ok("rm", "made");
  });

  test("is waited for while it runs", async () => {
    const name = await started([], "sh", "-c", "sleep 0.3; exit 6");
    expect(await ok("wait", name)).toBe("6\n");
    await ok("rm", name);
  });

  test("takes another name while it runs, which stays when it has ended", async () => {
    const name = await started([], "sleep", "60017");
    await ok("rename", name, `${name}-new`);
    await ok("kill", `${name}-new`);
    await until("it has ended", () => processesWith("sleep\x0060017").length === 0);
    expect((await run("inspect", name)).status).toBe(1);
    expect(await ok("rm", `${name}-new`)).toBe(`${name}-new\n`);
  });
});

describe("restart policies", () => {
  test("on-failure starts again as often as it says", async () => {
    const name = await started(["--restart", "on-failure:2"], "sh", "-c", "echo life; exit 3");
    while (await state(name) !== "exited") await Bun.sleep(20);
    expect(await ok("inspect", "-f", "{{.RestartCount}} {{.State.ExitCode}}", name)).toBe("2 3\n");
    await ok("rm", name);
  });

  test("always goes on until the user stops it, also between two lives", async () => {
    const name = await started(["--restart", "always"], "sh", "-c", "sleep 0.05");
    await Bun.sleep(300);
    await ok("stop", "-t", "0", name);
    expect(await state(name)).toBe("exited");
    await Bun.sleep(500);
    expect(await state(name)).toBe("exited");
    await ok("rm", name);
  });

  test("always heeds a kill between two lives", async () => {
    const name = await started(["--restart", "always"], "true");
    // Pauses are longer by then than what kill needs to look at it.
    while (Number(await restarts(name)) < 4) await Bun.sleep(20);
    while (await state(name) !== "restarting") await Bun.sleep(20);
    expect(await ok("kill", "-s", "USR1", name)).toBe(`${name}\n`);
    expect(await state(name, "Running")).toBe("true");
    expect(await ok("kill", name)).toBe(`${name}\n`);
    expect([await state(name), await state(name, "ExitCode")]).toEqual(["exited", "0"]);
    expect((await run("kill", name)).stderr).toContain("is not running");
    await ok("rm", name);
  });

  test("restart stops and starts again, whatever the policy", async () => {
    const name = await started([], "sleep", "600");
    const pid = await state(name, "Pid");
    await ok("restart", "-t", "0", name);
    expect(await state(name)).toBe("running");
    expect(await state(name, "Pid")).not.toBe(pid);
    expect(await ok("inspect", "-f", "{{.RestartCount}}", name)).toBe("0\n");
    await ok("rm", "-f", name);
  });

  test("and --rm exclude each other", async () => {
    const { stderr, status } = await run("run", "--rm", "--restart", "always", box.image, "true");
    expect(stderr).toContain("cannot specify both --restart and --rm");
    expect(status).toBe(125);
  });
});

describe("a terminal", () => {
  test("is left by ctrl-p ctrl-q and attached to again", async () => {
    const words = ["run", "-it", "--network", "none", "--name", "left", box.image, "sh"];
    const first = tsboxOnTerminal(words, { home: box.home });
    await first.waitFor(/# /);
    first.type("kept=here\r\x10\x11");
    expect(await first.exited).toBe(0);
    expect(first.output()).toContain("read escape sequence");
    expect(await state("left")).toBe("running");
    const second = tsboxOnTerminal(["attach", "left"], { home: box.home });
    second.type("echo was $kept\r");
    await second.waitFor(/was here\r\n/);
    second.type("exit 8\r");
    expect(await second.exited).toBe(8);
    await ok("rm", "left");
  });
});

describe("a monitor that is killed", () => {
  test("takes its container along, and the next command tells the truth", async () => {
    const name = await started(["--restart", "always"], "sleep", "98765");
    const status = readFileSync(`/proc/${await state(name, "Pid")}/status`, "utf8");
    process.kill(Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]), "SIGKILL");
    await until("the container is gone", () => processesWith("sleep\x0098765").length === 0);
    // A process that has no memory any more may still be ending.
    while (await state(name) !== "exited") await Bun.sleep(10);
    expect(await state(name, "ExitCode")).toBe("137");
    await ok("start", name);
    expect(await state(name)).toBe("running");
    await ok("rm", "-f", name);
    expect(box.leftovers()).toEqual([]);
  });

  test("does not make those who wait believe that all went well", async () => {
    for (const flags of [[], ["--rm"]]) {
      const name = await started(flags, "sleep", "98764");
      const status = readFileSync(`/proc/${await state(name, "Pid")}/status`, "utf8");
      const waiting = run("wait", name);
      await Bun.sleep(200);
      process.kill(Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]), "SIGKILL");
      expect(await waiting).toEqual({ stdout: "137\n", stderr: "", status: 0 });
      await run("rm", "-f", name);
    }
    await until("all is gone", () => processesWith("sleep\x0098764").length === 0);
    expect(await ok("ps", "-aq")).toBe("");
    expect(box.leftovers()).toEqual([]);
  });
});

test("renames, and starts at the same moment, leave each container one name", async () => {
  await Promise.all([1, 2, 3].map(async (i) => {
    await ok("create", "--network", "none", "--name", `many-${i}`, box.image, "sleep", "600");
    const renames = ["a", "b", "c"].map((end) => run("rename", `many-${i}`, `many-${i}${end}`));
    await Promise.all([run("start", `many-${i}`), ...renames]);
  }));
  const listed = (await ok("ps", "-a", "--filter", "name=many-", "--format", "{{.Names}}")).trim();
  const names = readdirSync(`${box.home.dataRoot}/names`).filter((name) =>
    name.startsWith("many-")
  );
  expect(listed.split("\n").sort()).toEqual(names.sort());
  expect(names).toHaveLength(3);
  await ok("rm", "-f", ...names);
}, 30_000);

test("a container keeps the files it wrote when another storage driver is set for its next start", async () => {
  const write = ["sh", "-c", "echo kept >> /kept"];
  const flags = ["--network", "none", "--name", "drivers"];
  await ok("--storage-driver", "copy", "create", ...flags, box.image, ...write);
  for (const driver of ["copy", "overlay"]) {
    await ok("--storage-driver", driver, "start", "-a", "drivers");
  }
  expect(await ok("inspect", "-f", "{{.Driver}}", "drivers")).toBe("copy\n");
  await ok("export", "-o", "drivers.tar", "drivers");
  const kept = Bun.spawnSync(["tar", "-xOf", `${box.home.path}/drivers.tar`, "kept"]);
  expect(kept.stdout.toString()).toBe("kept\nkept\n");
  await ok("rm", "drivers");
});
