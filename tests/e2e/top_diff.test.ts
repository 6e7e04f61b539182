/** `top` and `diff`: what a container does, and what it has changed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";
import { type RunningContainer, startContainer } from "../support/running_container.ts";

let box: BusyboxContainers;
let container: RunningContainer;
beforeAll(async () => {
  box = await busyboxContainers({
    layers: [
      [
        { path: "data/", type: "directory" },
        { path: "data/kept", content: "kept" },
        { path: "data/changed", content: "before" },
        { path: "data/removed", content: "gone" },
        { path: "data/folder/", type: "directory" },
        { path: "data/folder/inner", content: "inner" },
        { path: "data/replaced/", type: "directory" },
        { path: "data/replaced/old", content: "old" },
      ],
    ],
  });
  container = await startContainer(box, [], ["sh", "-c", "sleep 98841 & exec sleep 98842"]);
  await until(
    "both sleep",
    () => ["98841", "98842"].every((time) => processesWith(`sleep\x00${time}`).length === 1),
  );
});
afterAll(async () => {
  await container.stop();
  await box.stop();
});

const run = (...words: string[]) => tsbox(words, { home: box.home });

describe("top", () => {
  test("shows the processes of the container and no others, with the host's ids", async () => {
    const { stdout, status } = await run("top", container.name);
    const [head = "", ...lines] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^UID {17}PID {17}PPID {16}C {19}STIME {15}TTY {17}TIME {16}CMD$/);
    expect(lines.map((line) => line.split(/\s{2,}/).at(-1)).sort())
      .toEqual(["sleep 98841", "sleep 98842"]);
    expect(lines.some((line) => line.split(/\s+/)[1] === String(container.pid))).toBe(true);
    expect(status).toBe(0);
  });

  test("passes arguments on to ps", async () => {
    const { stdout } = await run("top", container.name, "-o", "pid,args");
    const lines = stdout.trimEnd().split("\n").map((line) => line.trim());
    expect(lines[0]).toMatch(/^PID {17}COMMAND$/);
    expect(lines.length).toBe(3);
    expect((await run("container", "top", container.name, "aux")).stdout).toContain("sleep 98842");
  });

  test("shows what exec has started, and not what waits for it", async () => {
    await tsboxOk(["exec", "-d", container.name, "sleep", "98843"], { home: box.home });
    const { stdout } = await run("top", container.name, "-eo", "pid,comm,args");
    expect(stdout).toContain("sleep 98843");
    expect(stdout).not.toContain("tsbox-exec");
  });

  test("shows the processes of a container that shares the host's ids, and none of the host's", async () => {
    const other = await startContainer(box, ["--pid", "host"], ["sleep", "98844"]);
    const { stdout } = await run("top", other.name);
    await other.stop();
    expect(stdout).toContain("sleep 98844");
    expect(stdout.trimEnd().split("\n").length).toBe(2);
  });

  test("refuses arguments without the column PID, with another name for it, and those ps refuses", async () => {
    expect((await run("top", container.name, "-o", "comm")).stderr)
      .toBe("tsbox: Couldn't find PID field in ps output\n");
    expect((await run("top", container.name, "-o", "comm=PID")).stderr)
      .toBe('tsbox: specifying "comm=PID" is not allowed\n');
    const wrong = await run("top", container.name, "--nonsense");
    expect(wrong.stderr).toStartWith("tsbox: ps: ");
    expect(wrong.status).toBe(1);
  });

  test("refuses a container that does not run", async () => {
    await tsbox(["run", "--name", "over", "--network", "none", box.image, "true"], {
      home: box.home,
    });
    expect((await run("top", "over")).stderr).toMatch(/container [0-9a-f]{64} is not running\n$/);
    await run("rm", "over");
  });
});

describe("diff", () => {
  const SCRIPT = `cd /data; echo after >changed; rm removed; echo new >folder/new; mkdir -p a/b;
    echo x >a/b/c; rm -r replaced; mkdir replaced; echo y >replaced/fresh; ln -s x /link; rm -f /nothing`;
  const CHANGES = [
    "C /data",
    "A /data/a",
    "A /data/a/b",
    "A /data/a/b/c",
    "C /data/changed",
    "C /data/folder",
    "A /data/folder/new",
    "D /data/removed",
    "C /data/replaced",
    "A /data/replaced/fresh",
    "D /data/replaced/old",
    "A /link",
    "",
  ].join("\n");

  test("tells what was added, changed and deleted, directories first", async () => {
    await tsboxOk(["exec", container.name, "sh", "-c", SCRIPT], { home: box.home });
    expect(await run("diff", container.name)).toEqual({ stdout: CHANGES, stderr: "", status: 0 });
  });

  test("tells the same of a container that has ended, whatever the storage driver", async () => {
    for (const driver of ["overlay", "copy", "fuse-overlayfs"]) {
      const options = ["--storage-driver", driver];
      const words = ["run", "--name", driver, "--network", "none", box.image, "sh", "-c", SCRIPT];
      const ran = await run(...options, ...words);
      expect({ driver, ...ran }).toEqual({ driver, stdout: "", stderr: "", status: 0 });
      const { stdout } = await run(...options, "diff", driver);
      expect({ driver, stdout }).toEqual({ driver, stdout: CHANGES });
      await run("rm", driver);
    }
  });

  test("tells of modes and owners, and not of volumes or what was only looked at", async () => {
    const other = await startContainer(box, ["--tmpfs", "/data/folder"]);
    const script = "chmod 700 /data/kept; chown 1 /data/changed; cat /data/removed >/dev/null; " +
      "echo x >/data/folder/x; echo y >/dev/shm/y; chmod 711 /data";
    await tsboxOk(["exec", other.name, "sh", "-c", script], { home: box.home });
    const { stdout } = await run("diff", other.name);
    await other.stop();
    expect(stdout).toBe("C /data\nC /data/changed\nC /data/kept\n");
  });

  test("says nothing of a container that has changed nothing", async () => {
    const other = await startContainer(box);
    expect(await run("diff", other.name)).toEqual({ stdout: "", stderr: "", status: 0 });
    await other.stop();
  });

  test("ends quietly when nobody reads what it says", async () => {
    const script = `{ "${TSBOX}" diff ${container.name}; echo $? >&2; } | true`;
    const child = Bun.spawn(["sh", "-c", script], { env: box.home.env, stderr: "pipe" });
    expect(await child.stderr.text()).toBe("141\n");
  });

  test("refuses what it cannot know", async () => {
    expect((await run("diff", "nobody")).stderr).toBe("tsbox: No such container: nobody\n");
    expect((await run("diff")).stderr).toContain("requires 1 argument");
  });
});
