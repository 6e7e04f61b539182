/**
 * What a control group without controllers can do: pause, and be counted in. Limits are for tests/vm. Without a
 * group of the account's own (scripts/test makes one as root) these are passed over.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cgroupOf, isOurs } from "../../src/rootless/cgroup/hierarchy.ts";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

const own = cgroupOf("self");
const withGroup = describe.skipIf(own === undefined || !isOurs(own));

let box: BusyboxContainers;
let names = 0;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });
const run = (...args: string[]) => tsbox(args, { home: box.home });
const inspect = async (name: string, field: string) =>
  (await ok("inspect", "-f", `{{${field}}}`, name)).trim();

async function started(flags: readonly string[], ...command: string[]): Promise<string> {
  const name = `paused-${names++}`;
  await ok("run", "-d", "--network", "none", "--name", name, ...flags, box.image, ...command);
  return name;
}

/** Of the container's record: commands do not show it. */
async function groupOf(name: string): Promise<string> {
  const path = `${box.home.dataRoot}/containers/${await inspect(name, ".Id")}/container.json`;
  return JSON.parse(readFileSync(path, "utf8")).state.cgroup;
}

/** Processor time of the group, in microseconds. */
const usage = (group: string) =>
  Number(/^usage_usec (\d+)/m.exec(readFileSync(`${group}/cpu.stat`, "utf8"))?.[1]);

const BUSY = ["sh", "-c", "while :; do :; done"];

withGroup("a paused container", () => {
  test("uses no time until it is unpaused, and says so", async () => {
    const name = await started([], ...BUSY);
    const group = await groupOf(name);
    expect(await ok("pause", name)).toBe(`${name}\n`);
    const before = usage(group);
    await Bun.sleep(300);
    expect(usage(group)).toBe(before);
    expect(await inspect(name, ".State.Status")).toBe("paused");
    expect(await inspect(name, ".State.Running")).toBe("true");
    expect(await ok("ps", "--filter", "status=paused", "--format", "{{.Status}}")).toMatch(
      /^Up .* \(Paused\)\n$/,
    );
    expect((await run("pause", name)).stderr).toContain("is already paused");
    expect(await ok("unpause", name)).toBe(`${name}\n`);
    await until("it goes on", () => usage(group) > before);
    expect((await run("unpause", name)).stderr).toContain("is not paused");
    await ok("rm", "-f", name);
    expect(existsSync(group)).toBe(false);
  });

  test("takes no commands", async () => {
    const name = await started([], "sleep", "600");
    await ok("pause", name);
    const refused = await run("exec", name, "true");
    expect(refused.stderr).toContain("is paused, unpause the container before exec");
    expect(refused.status).toBe(1);
    expect((await run("attach", name)).stderr).toContain("a paused container, unpause it first");
    expect((await run("rm", name)).stderr).toContain("is paused and must be unpaused first");
    await ok("rm", "-f", name);
  });

  test("obeys stop at once, also by its own signal", async () => {
    const script = "trap 'exit 7' TERM; while :; do sleep 0.01; done";
    const name = await started([], "sh", "-c", script);
    await ok("pause", name);
    await ok("stop", "-t", "30", name);
    expect(await inspect(name, ".State.ExitCode")).toBe("7");
    await ok("start", name);
    expect(await inspect(name, ".State.Paused")).toBe("false");
    await ok("pause", name);
    await ok("restart", "-t", "30", name);
    expect(await inspect(name, ".State.Status")).toBe("running");
    await ok("pause", name);
    await ok("kill", name);
    expect(await inspect(name, ".State.ExitCode")).toBe("137");
    await ok("rm", name);
  });

  test("says that it is one, whenever the command that stops it is killed", async () => {
    const name = await started([], "sleep", "600");
    const frozen = await groupOf(name) + "/cgroup.freeze";
    const said = new Set<string>();
    for (let i = 0; i < 24; i++) {
      const command = Bun.spawn([TSBOX, "pause", name], { env: box.home.env, stdout: "ignore" });
      await Bun.sleep(i < 20 ? 2 + i * 1.5 : 200);
      command.kill("SIGKILL");
      await command.exited;
      const [status, freeze] = [
        await inspect(name, ".State.Status"),
        readFileSync(frozen, "utf8").trim(),
      ];
      said.add(status);
      expect(["paused 1", "paused 0", "running 0"]).toContain(`${status} ${freeze}`);
      if (status === "paused") await ok("unpause", name);
      expect(readFileSync(frozen, "utf8").trim()).toBe("0");
    }
    expect([...said].sort()).toEqual(["paused", "running"]);
    await ok("rm", "-f", name);
  });

  test("goes with its monitor, and leaves no group", async () => {
    const name = await started([], "sleep", "600");
    await ok("pause", name);
    const group = await groupOf(name);
    const pid = await inspect(name, ".State.Pid");
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    process.kill(Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]), "SIGKILL");
    await until("its process is gone", () => !existsSync(`/proc/${pid}`));
    expect(await inspect(name, ".State.Status")).toBe("exited");
    await until("its group is gone", () => !existsSync(group));
    await ok("rm", name);
  });
});

withGroup("a control group", () => {
  test("is the top of what the container sees, and has what is executed in it", async () => {
    const name = await started([], "sleep", "600");
    const group = await groupOf(name);
    expect(await ok("exec", name, "cat", "/proc/self/cgroup")).toMatch(/^0::\/$/m);
    await ok("exec", "-d", name, "sleep", "601");
    expect(readFileSync(`${group}/cgroup.procs`, "utf8").trim().split("\n")).toHaveLength(2);
    const stats = await ok("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", name);
    expect(stats).toBe(`${name} 2\n`);
    await ok("rm", "-f", name);
  });

  test("is made below --cgroup-parent, whose groups are made where that is allowed", async () => {
    const name = await started(["--cgroup-parent", "parents/deep"], "sleep", "600");
    expect(await groupOf(name)).toStartWith(`${own}/parents/deep/tsbox-`);
    expect(await inspect(name, ".HostConfig.CgroupParent")).toBe("parents/deep");
    await ok("rm", "-f", name);
    Bun.spawnSync(["rmdir", `${own}/parents/deep`, `${own}/parents`]);
    for (const [parent, why] of [["/", "not delegated"], ["/not/ours", "EACCES"]] as const) {
      const refused = await run("run", "--rm", "--cgroup-parent", parent, box.image, "true");
      expect(refused.stderr).toContain(`Cannot use --cgroup-parent "`);
      expect(refused.stderr).toContain(why);
      expect(refused.status).toBe(125);
    }
    expect(await ok("ps", "-aq")).toBe("");
  });

  test("of somebody who was killed before the container was written down is removed by the next", async () => {
    const name = await started([], "sleep", "600");
    const home = (await groupOf(name)).replace(/\/[^/]*$/, "");
    const left = `${home}/tsbox-${"0".repeat(64)}`;
    Bun.spawnSync(["mkdir", left]);
    const other = await started([], "sleep", "600");
    expect(existsSync(left)).toBe(false);
    expect(readdirSync(home).filter((entry) => /^tsbox-\w{64}$/.test(entry))).toHaveLength(2);
    await ok("rm", "-f", name, other);
  });

  test("without the controller a limit is an error, and nothing is left", async () => {
    const missing = ["cpu", "io", "memory", "pids"].every((controller) =>
      !readFileSync(`${own}/cgroup.controllers`, "utf8").includes(controller)
    );
    if (!missing) return; // then tests/vm shows that it is kept
    const refused = await run("run", "-d", "--memory", "64m", box.image, "sleep", "600");
    expect(refused.stderr).toContain("Cannot limit the container: no memory controller in");
    expect(refused.status).toBe(125);
    expect(await ok("ps", "-aq")).toBe("");
  });
});

describe("limits", () => {
  test("that docker refuses are refused before anything is made", async () => {
    const cases = [
      [["-m", "1m"], "Minimum memory limit allowed is 6MB"],
      [["--cpus", "1000"], "as there are only"],
      [["--cpus", "half"], 'for "--cpus" flag: failed to parse half as a rational number'],
      [["--memory", "many"], "invalid size: 'many'"],
      [["--device-read-bps", "sda:1mb"], "bad format for device path: sda:1mb"],
      [["--cpus", "0.001"], "Range of CPUs is from 0.01 to"],
      [["--memory-swappiness", "101"], "valid memory swappiness range is 0-100"],
      [["--ulimit", "nofile=999999999"], "above this user's own hard limit"],
      [["--oom-score-adj", "1001"], "range for oom score adj is [-1000, 1000]"],
      [["--oom-score-adj", "-999"], "lets nobody but root lower it"],
      [["--cgroupns", "mine"], "invalid cgroup namespace mode: mine"],
    ] as const;
    for (const [flags, message] of cases) {
      const refused = await run("run", "--rm", ...flags, box.image, "true");
      expect(refused.stderr).toContain(message);
      expect(refused.status).toBe(125);
    }
    expect(await ok("ps", "-aq")).toBe("");
  });

  test("that cgroup v2 has no word for are discarded as docker does it, and the user hears of it", async () => {
    const words = ["--network", "none", box.image, "echo", "runs"];
    const discarded = await run("run", "--rm", "--oom-kill-disable", ...words);
    expect(discarded).toEqual({
      stdout: "runs\n",
      stderr: "WARNING: Your kernel does not support OomKillDisable. OomKillDisable discarded.\n",
      status: 0,
    });
    const flags = ["--memory-swappiness", "50", "--name", "swappy"];
    expect((await run("create", ...flags, ...words)).stderr).toBe(
      "WARNING: Your kernel does not support memory swappiness capabilities or the cgroup is not " +
        "mounted. Memory swappiness discarded.\n",
    );
    await ok("rm", "swappy");
    const silent = ["--oom-kill-disable=false", "--memory-swappiness", "-1"];
    expect((await run("run", "--rm", ...silent, ...words)).stderr).toBe("");
  });

  test("of a container that does not run are written down by update, and so is its policy", async () => {
    const name = "not-yet";
    await ok("create", "--name", name, box.image, "true");
    await ok("update", "-m", "64m", "--pids-limit", "9", "--restart", "on-failure:3", name);
    const config = JSON.parse(await inspect(name, "json .HostConfig"));
    expect(config).toMatchObject({ Memory: 64 << 20, MemorySwap: 128 << 20, PidsLimit: 9 });
    expect(config.RestartPolicy).toEqual({ Name: "on-failure", MaximumRetryCount: 3 });
    expect((await run("update", name)).stderr).toContain("one or more flags");
    expect((await run("update", "-m", "1m", name)).stderr).toContain("Minimum memory limit");
    expect(await inspect(name, ".HostConfig.Memory")).toBe(String(64 << 20));
    await ok("rm", name);
  });

  test("a policy that is changed while the container runs is what counts at its end", async () => {
    const name = await started(["--restart", "always"], "sh", "-c", "sleep 0.5; exit 3");
    await ok("update", "--restart", "no", name);
    await until("it has ended", () => processesWith("sleep 0.5").length === 0);
    expect(await ok("wait", name)).toBe("3\n");
    expect(await inspect(name, ".State.Status")).toBe("exited");
    await ok("rm", name);
  });

  test("the score for running out of memory is the first process's, and that of commands", async () => {
    const name = await started(["--oom-score-adj", "321"], "sleep", "600");
    expect(await ok("exec", name, "cat", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj")).toBe(
      "321\n321\n",
    );
    await ok("rm", "-f", name);
  });
});

describe("stats", () => {
  test("shows docker's columns, and what is not known as such", async () => {
    const name = await started([], "sleep", "600");
    const lines = (await ok("stats", "--no-stream")).split("\n");
    expect(lines[0]).toMatch(
      /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/,
    );
    expect(lines[1]).toMatch(new RegExp(`^[0-9a-f]{12} +${name} .* 0B / 0B `));
    await ok("stop", "-t", "0", name);
    const all = JSON.parse(await ok("stats", "--no-stream", "-a", "--format", "json"));
    expect(all).toMatchObject({ Name: name, CPUPerc: "0.00%", MemUsage: "0B / 0B", PIDs: "0" });
    expect((await run("stats", "--no-stream", "nobody")).stderr).toContain(
      "No such container: nobody",
    );
    await ok("rm", name);
  });
});
