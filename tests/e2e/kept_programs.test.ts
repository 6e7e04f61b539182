import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
let kept: string;

beforeAll(async () => {
  box = await busyboxContainers();
  kept = `${box.home.runtimeDir}/launches`;
  // The first command makes the user namespace that the others find.
  await box.run([], ["true"]);
});
afterAll(() => box.stop());

/** What is kept, and since when: it is replaced as a whole. */
function places(): Record<string, number> {
  const names = readdirSync(kept).map((name) => [name, statSync(`${kept}/${name}`).ino] as const);
  return Object.fromEntries(names);
}

/** All that a container sees of how it was set up. */
const LOOK =
  `exec 2>&1; cat /proc/self/mountinfo | sed 's/^[0-9]* [0-9]* [0-9:]* //' | sed 's/[0-9a-f]\\{64\\}/ID/g'
  grep -E 'Cap|Seccomp|NoNewPrivs|Groups' /proc/self/status; ls -l /dev | sed 's/ [0-9:]* [^ ]*$//'; id; pwd; umask
  ulimit -a; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls -l /proc/self/fd | wc -l; env | sort | grep -v HOSTNAME`;

describe("the second container of a kind", () => {
  const kinds: [string, ...string[]][] = [
    ["with no flags"],
    ["that has more rights", "--cap-add", "SYS_PTRACE"],
    ["that has fewer rights", "--cap-drop", "ALL"],
    ["of another user", "-u", "33:44"],
    ["whose filter is loaded last", "--security-opt", "no-new-privileges"],
    ["without a filter", "--security-opt", "seccomp=unconfined"],
    ["that is read-only", "--read-only", "--tmpfs", "/run"],
    ["with an init", "--init"],
    ["with limits", "--ulimit", "nofile=77:88", "-w", "/srv/new"],
    ["with folders and volumes", "-v", "/usr/share:/mnt/share:ro", "-v", "things:/things"],
    ["with a name for its host", "--hostname", "name.example"],
  ];
  test.each(kinds)("%s is set up like the first", async (_, ...flags) => {
    const first = await box.sh(flags, LOOK);
    const before = places();
    expect(await box.sh(flags, LOOK)).toBe(first);
    expect(places()).toEqual(before);
  });

  test("is told from one of another kind", async () => {
    const filter = async (...flags: string[]) =>
      (await box.sh(flags, "grep Seccomp: /proc/self/status")).trim().slice(-1);
    expect(await filter()).toBe("2");
    expect(await filter("--security-opt", "seccomp=unconfined")).toBe("0");
    expect(await filter()).toBe("2");
    const writes = async (...flags: string[]) =>
      await box.sh(flags, "touch /x 2>/dev/null && echo yes || echo no");
    expect(await writes()).toBe("yes\n");
    expect(await writes("--read-only")).toBe("no\n");
    expect(await writes()).toBe("yes\n");
  });

  test("has its own name, files and directory", async () => {
    const script = "hostname; cat /etc/hostname; tail -n 1 /etc/hosts; cat /proc/self/mountinfo";
    const earlier: string[] = [];
    for (const name of ["own-0", "own-1", "own-2"]) {
      const words = ["run", "-d", "--name", name, "--network", "none", box.image];
      const id = (await tsboxOk([...words, "sh", "-c", script], box)).trim();
      await tsboxOk(["wait", name], box);
      const seen = await tsboxOk(["logs", name], box);
      expect(seen.split("\n").slice(0, 2)).toEqual([id.slice(0, 12), id.slice(0, 12)]);
      expect(seen).toContain(`/containers/${id}/hosts`);
      for (const other of earlier) expect(seen).not.toContain(other.slice(0, 12));
      earlier.push(id);
      await tsboxOk(["rm", name], box);
    }
  });

  test("has a terminal like the first", async () => {
    const words = ["--network", "none", "-t", box.image, "sh", "-c", "tty; stty size"];
    for (const name of ["tty-0", "tty-1"]) {
      await tsboxOk(["run", "-d", "--name", name, ...words], box);
      await tsboxOk(["wait", name], box);
      expect(await tsboxOk(["logs", name], box)).toBe("/dev/pts/0\r\n24 80\r\n");
      await tsboxOk(["rm", name], box);
    }
  });

  test("that fails says which step of its set-up or of its command did, like the first", async () => {
    const told = async (flags: string[], command: string[]) => {
      const { stderr, status } = await box.run(flags, command);
      return `${status} ${stderr.replace(/[0-9a-f]{64}/g, "ID")}`;
    };
    const wrong: [string[], string[]][] = [
      [[], ["no-such-command"]],
      [[], ["/etc/passwd"]],
      [["-w", "/etc/passwd"], ["true"]],
      [["-u", "nobody-there"], ["true"]],
      [["--ulimit", "nofile=1:99999999"], ["true"]],
    ];
    for (const [flags, command] of wrong) {
      const right = flags[0] === "-w" || flags[0] === "--ulimit" || flags[0] === "-u" ? [] : flags;
      await box.run(right, ["true"]);
      const again = await told(flags, command);
      rmSync(kept, { recursive: true });
      expect(again).toBe(await told(flags, command));
      expect(again).not.toStartWith("0 ");
    }
    const [outer, inner] = [`${box.home.path}/outer`, `${box.home.path}/inner`];
    for (const path of [`${outer}/place`, inner]) mkdirSync(path, { recursive: true });
    const bound = ["-v", `${outer}:/mnt`, "-v", `${inner}:/mnt/place`];
    await box.run(bound, ["true"]);
    const before = places();
    // Now the one goes onto a file, for which no program is made.
    rmdirSync(`${outer}/place`);
    writeFileSync(`${outer}/place`, "");
    const again = await told(bound, ["true"]);
    expect(places()).toEqual(before);
    rmSync(kept, { recursive: true });
    expect(again).toBe(await told(bound, ["true"]));
    expect(again).toContain(`"/mnt/place" in the container: ENOTDIR`);
  });
});

describe("what is kept", () => {
  test("is only what worked", async () => {
    rmSync(kept, { recursive: true, force: true });
    await box.run([], ["no-such-command"]);
    expect(existsSync(kept)).toBe(false);
  });

  test("is the user's alone, and holds neither the command nor its environment", async () => {
    await box.run(["-e", "SECRET=swordfish"], ["echo", "hush"]);
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    const names = readdirSync(kept);
    expect(names).not.toBeEmpty();
    for (const name of names) {
      expect(statSync(`${kept}/${name}`).mode & 0o777).toBe(0o600);
      expect(readFileSync(`${kept}/${name}`).toString("latin1")).not.toMatch(/swordfish|hush/);
    }
  });

  test("is written anew when it is damaged, and done without where it cannot be written", async () => {
    await box.run([], ["true"]);
    for (const name of readdirSync(kept)) truncateSync(`${kept}/${name}`, 9000);
    const damaged = places();
    expect(await box.sh([], "echo fine")).toBe("fine\n");
    expect(places()).not.toEqual(damaged);
    rmSync(kept, { recursive: true });
    mkdirSync(kept, { mode: 0o500 });
    expect(await box.sh([], "echo fine")).toBe("fine\n");
    expect(readdirSync(kept)).toEqual([]);
    rmSync(kept, { recursive: true });
    writeFileSync(kept, "no folder");
    expect(await box.sh([], "echo fine")).toBe("fine\n");
    rmSync(kept);
  });
});
