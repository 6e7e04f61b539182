/** `cp` copies files into containers and out of them by docker's rules, whether they run or not. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
/** The folder that commands begin in; new for each test. */
let here = "";
let folders = 0;

const at = (...path: string[]) => join(here, ...path);
const run = (...args: string[]) => tsbox(args, { home: box.home, cwd: here });
const ok = (...args: string[]) => tsboxOk(args, { home: box.home, cwd: here });
const inside = (script: string) => ok("exec", "up", "sh", "-ec", script);
const text = (...path: string[]) => readFileSync(at(...path), "utf8");

beforeAll(async () => {
  box = await busyboxContainers({
    layers: [[
      { path: "src/", type: "directory" },
      { path: "src/a", content: "a" },
      { path: "src/sub/", type: "directory" },
      { path: "src/sub/b", content: "b", mode: 0o4750, uid: 33, gid: 44 },
      { path: "src/link", type: "symlink", target: "sub/b" },
      { path: "way", type: "symlink", target: "src/sub" },
      { path: "nowhere", type: "symlink", target: "/made" },
      { path: "out", type: "symlink", target: "../../../../../../../../etc" },
    ]],
  });
  here = box.home.path;
  const flags = ["--network", "none", "-v", `${box.home.path}/bound:/bound`, "-v", "named:/named"];
  const more = ["--mount", "type=volume,src=named,dst=/fixed,readonly"];
  const words = [...flags, ...more, box.image, "sleep", "600"];
  await ok("run", "-d", "--name", "up", "--init", ...words);
  await ok("create", "--name", "made", ...words);
  await ok("run", "-d", "--name", "ended", "--init", ...words);
  await ok("stop", "-t", "0", "ended");
}, 60_000);
afterAll(async () => {
  here = box.home.path;
  await ok("rm", "-f", "up", "made", "ended");
  await box.stop();
});
beforeEach(() => {
  here = join(box.home.path, `here-${folders++}`);
  mkdirSync(at("dir", "sub"), { recursive: true });
  writeFileSync(at("file"), "file");
  writeFileSync(at("other"), "other");
  writeFileSync(at("dir", "x"), "x");
  writeFileSync(at("dir", "sub", "y"), "y");
});

describe("docker's rules, out of a container:", () => {
  // What docker's manual says of SRC_PATH and DEST_PATH, and the file that is there then.
  const rules: [why: string, source: string, target: string, there: string][] = [
    ["a file and no target: it gets the name", "/src/a", "new", "new"],
    ["a file and a file: it takes its place", "/src/a", "file", "file"],
    ["a file and a directory: it is in it", "/src/a", "dir", "dir/a"],
    ["a relative source begins at the root", "src/a", "dir/", "dir/a"],
    ["a directory and no target: it gets the name", "/src/", "new", "new/a"],
    ["the content of one and no target: the same", "/src/.", "new", "new/a"],
    ["a directory and a directory: it is in it", "/src", "dir", "dir/src/a"],
    ["the content of one and a directory: merged", "/src/.", "dir", "dir/a"],
    ["a path over a link is followed", "/way/b", "new", "new"],
    ["a link to a directory with a slash is that", "/way/", "new", "new/b"],
  ];
  for (const state of ["up", "ended", "made"]) {
    test.each(rules)(`${state}: %s`, async (_, source, target, there) => {
      await ok("cp", `${state}:${source}`, target);
      expect(["a", "b"]).toContain(text(there));
      if (there.startsWith("dir/")) expect(text("dir", "x")).toBe("x");
    });
  }

  test("what does not fit is refused in docker's words", async () => {
    const fails = async (source: string, target: string, why: string) => {
      const result = await run("cp", source, target);
      expect(result).toEqual({ status: 1, stdout: "", stderr: `tsbox: ${why}\n` });
    };
    await fails("up:/src", "file", "cannot copy directory");
    await fails("up:/src/a", "new/", "no such directory");
    await fails("up:/none", "new", "Could not find the file /none in container up");
    await fails("none:/x", "new", "No such container: none");
    await fails(
      "up:/src/a",
      "no/new",
      `invalid output path: directory "${at("no")}" does not exist`,
    );
    await fails("up:/src", "made:/x", "copying between containers is not supported");
    await fails("file", "./up:x", "must specify at least one container source");
    mkdirSync(at("dir", "a"));
    await fails("up:/src/a", "dir", `cannot overwrite directory "a" with non-directory`);
    rmSync(at("dir", "a"), { recursive: true });
    writeFileSync(at("dir", "src"), "");
    await fails("up:/src", "dir", `cannot overwrite non-directory "src/" with directory`);
    expect(readdirSync(at()).sort()).toEqual(["dir", "file", "other"]);
  });
});

describe("docker's rules, into a container:", () => {
  const rules: [why: string, source: string, target: string, there: string][] = [
    ["a file and no target: it gets the name", "file", "/t/new", "/t/new"],
    ["a file and a file: it takes its place", "file", "/t/old", "/t/old"],
    ["a file and a directory: it is in it", "file", "/t/d/", "/t/d/file"],
    ["a directory and no target: it gets the name", "dir/", "/t/new", "/t/new/x"],
    ["the content of one and no target: the same", "dir/.", "/t/new", "/t/new/x"],
    ["a directory and a directory: it is in it", "dir", "/t/d", "/t/d/dir/x"],
    ["the content of one and a directory: merged", "dir/.", "/t/d", "/t/d/x"],
    ["a link is followed at the target", "file", "/t/link", "/t/d/file"],
    ["a link to nothing is made there", "file", "/t/dangling", "/t/d/there"],
  ];
  test.each(rules)("%s", async (_, source, target, there) => {
    await inside(
      "rm -rf /t; mkdir -p /t/d; echo old >/t/old; ln -s d /t/link; ln -s d/there /t/dangling",
    );
    await ok("cp", source, `up:${target}`);
    expect(["file", "x"]).toContain(await inside(`cat ${there}`));
  });

  for (const state of ["ended", "made"]) {
    test(`${state}: what is copied in is there when it is copied out, and when it starts`, async () => {
      await ok("cp", "dir", `${state}:/arrived`);
      await ok("cp", "file", `${state}:/way/in`);
      await ok("cp", `${state}:/arrived/sub/y`, "back");
      expect(text("back")).toBe("y");
      await ok("start", state);
      expect(await ok("exec", state, "cat", "/arrived/x", "/src/sub/in")).toBe("xfile");
      await ok("stop", "-t", "0", state);
      expect(await ok("diff", state)).toContain("A /arrived/sub/y");
    });
  }

  test("what does not fit is refused in docker's words, and nothing is changed", async () => {
    await inside("rm -rf /t; mkdir -p /t/file; touch /t/old");
    const fails = async (source: string, target: string, why: string) => {
      const result = await run("cp", source, target);
      expect(result).toEqual({ status: 1, stdout: "", stderr: `tsbox: ${why}\n` });
    };
    await fails("dir", "up:/t/old", "cannot copy directory");
    await fails("file", "up:/t/new/", "no such directory");
    await fails("file", "up:/no/new", "Could not find the file /no in container up");
    await fails("file", "up:/t", `cannot overwrite directory "file" with non-directory`);
    await fails("none", "up:/t", `lstat ${at("none")}: no such file or directory`);
    await fails("file", "up:/fixed/x", "mounted volume is marked read-only");
    await fails("file", "ended:/fixed/x", "mounted volume is marked read-only");
    const device = 'destination "up:/dev/null" must be a directory or a regular file: got a device';
    await fails("file", "up:/dev/null", device);
    expect(await inside("ls -A /t /t/file")).toBe("/t:\nfile\nold\n\n/t/file:\n");
  });

  test("a container that is read-only stays so, its volumes do not", async () => {
    const words = ["--read-only", "--network", "none", "-v", "named:/named", box.image, "true"];
    await ok("create", "--name", "fixed", ...words);
    const refused = await run("cp", "file", "fixed:/x");
    expect(refused.stderr).toBe("tsbox: container rootfs is marked read-only\n");
    await ok("cp", "file", "fixed:/named/fixed");
    await ok("cp", "fixed:/named/fixed", "back");
    expect(text("back")).toBe("file");
    await ok("rm", "fixed");
  });
});

test("volumes and bound directories are where they are, also of a container that does not run", async () => {
  await ok("cp", "file", "ended:/bound/by-cp");
  expect(readFileSync(join(box.home.path, "bound", "by-cp"), "utf8")).toBe("file");
  await ok("cp", "dir/x", "made:/named/x");
  expect(await inside("cat /fixed/x")).toBe("x");
  await ok("cp", "up:/named", "got");
  expect(text("got", "x")).toBe("x");
});

test("owners: root's inside unless -a, the caller's outside; modes and times are kept", async () => {
  chmodSync(at("file"), 0o640);
  await ok("cp", "file", "up:/plain");
  await ok("cp", "-a", "file", "up:/same");
  const { uid, gid, mtime } = statSync(at("file"));
  const lines = await inside("stat -c '%u:%g %a %Y' /plain /same");
  const time = Math.floor(mtime.getTime() / 1000);
  expect(lines).toBe(`0:0 640 ${time}\n${uid}:${gid} 640 ${time}\n`);
  await ok("cp", "up:/src", "src");
  const copied = lstatSync(at("src", "sub", "b"));
  // The caller would lend its rights to a container's program otherwise.
  expect([copied.uid, copied.gid, copied.mode & 0o7777]).toEqual([uid, gid, 0o750]);
  expect(readlinkSync(at("src", "link"))).toBe("sub/b");
});

test("-L follows a link at the source, on both sides, and keeps its name", async () => {
  await ok("cp", "up:/src/link", "dir");
  expect(readlinkSync(at("dir", "link"))).toBe("sub/b");
  await ok("cp", "-L", "up:/src/link", "followed");
  expect(text("followed")).toBe("b");
  await ok("cp", "-L", "up:/way", "dir");
  expect(text("dir", "way", "b")).toBe("b");
  symlinkSync("dir", at("to-dir"));
  await ok("cp", "-L", "to-dir", "up:/tmp");
  expect(await inside("cat /tmp/to-dir/x")).toBe("x");
});

test("- is an archive, with the owners it has", async () => {
  const archive = Bun.spawn([join(import.meta.dir, "../../dist/tsbox"), "cp", "up:/src", "-"], {
    env: box.home.env,
    stdout: Bun.file(at("src.tar")),
  });
  expect(await archive.exited).toBe(0);
  const list = Bun.spawnSync(["tar", "--numeric-owner", "-tvf", at("src.tar")]).stdout.toString();
  expect(list.split("\n").map((line) => line.replace(/ .* /, " ")).slice(0, 4))
    .toEqual(["drwxr-xr-x src/", "-rw-r--r-- src/a", "lrwxrwxrwx sub/b", "drwxr-xr-x src/sub/"]);
  expect(list).toMatch(/-rwsr-x--- 33\/44 +1 .* src\/sub\/b/);
  await inside("rm -rf /t; mkdir /t");
  for (const [name, bytes] of packed(at("src.tar"))) {
    const child = Bun.spawn([join(import.meta.dir, "../../dist/tsbox"), "cp", "-", "up:/t"], {
      env: box.home.env,
      stdin: new Blob([bytes]),
      stderr: "pipe",
    });
    expect([name, await child.stderr.text(), await child.exited]).toEqual([name, "", 0]);
    expect(await inside("stat -c '%u:%g %a' /t/src/sub/b; rm -r /t/src")).toBe("33:44 4750\n");
  }
  const file = await tsbox(["cp", "-", "up:/src/a"], { home: box.home, stdin: "" });
  expect(file.stderr).toBe('tsbox: destination "up:/src/a" must be a directory\n');
  const torn = await tsbox(["cp", "-", "up:/t"], {
    home: box.home,
    stdin: "no archive".repeat(99),
  });
  expect([torn.status, torn.stderr]).toEqual([
    1,
    expect.stringContaining("Cannot read the archive"),
  ]);
});

function packed(path: string): [string, Uint8Array<ArrayBuffer>][] {
  const plain = new Uint8Array(readFileSync(path));
  return [["plain", plain], ["gzip", Bun.gzipSync(plain)]];
}

test("what was copied is said on standard error, as docker says it, when somebody reads it", async () => {
  const loud = await run("cp", "--quiet=false", "file", "up:/tmp/said");
  expect(loud).toEqual({
    status: 0,
    stdout: "",
    stderr: "Successfully copied 2.05kB to up:/tmp/said\n",
  });
  const back = await run("cp", "-q=false", "up:/tmp/said", "back");
  expect(back.stderr).toBe(`Successfully copied 2.05kB to ${at("back")}\n`);
  expect((await run("cp", "file", "up:/tmp/said")).stderr).toBe("");
});

describe("a hostile container", () => {
  test("cannot lead a copy out of itself by links", async () => {
    const host = existsSync("/etc/tsbox-cp-test");
    await inside(
      "rm -rf /t; mkdir /t; ln -s ../../../../../../tmp /t/up; ln -s /proc/1/root /t/root",
    );
    await ok("cp", "file", "up:/t/up/tsbox-cp-test");
    expect(await inside("cat /tmp/tsbox-cp-test")).toBe("file");
    expect(existsSync("/tmp/tsbox-cp-test")).toBe(false);
    await ok("cp", "file", "ended:/out/tsbox-cp-test");
    expect(existsSync("/etc/tsbox-cp-test")).toBe(host);
    await ok("cp", "ended:/etc/tsbox-cp-test", "back");
    const magic = await run("cp", "up:/t/root/etc", "magic");
    expect([magic.status, existsSync(at("magic"))]).toEqual([1, false]);
  });

  test("cannot make a copy write through a link of its own on the host", async () => {
    await inside("rm -rf /t; mkdir /t; ln -s /etc /t/d");
    await ok("cp", "up:/t/.", "dir");
    expect(readlinkSync(at("dir", "d"))).toBe("/etc");
    await inside("rm /t/d; mkdir /t/d; echo pwned >/t/d/file");
    const refused = await run("cp", "up:/t/.", "dir");
    expect(refused.stderr).toBe('tsbox: cannot overwrite non-directory "./d/" with directory\n');
    expect(existsSync("/etc/file")).toBe(false);
  });

  test("has names that are no text, pipes, sparse files and hard links, and all arrive", async () => {
    const script = String.raw`rm -rf /t; mkdir /t; cd /t; mkfifo pipe
      touch "$(printf 'n\377\nx')"; truncate -s 8G huge; printf end >>huge; echo 1 >one; ln one two`;
    await inside(script);
    await ok("cp", "up:/t", "got");
    const names = readdirSync(at("got"), { encoding: "buffer" }).map((name) =>
      name.toString("latin1")
    );
    expect(names.sort()).toEqual(["huge", "n\xff\nx", "one", "pipe", "two"]);
    const huge = statSync(at("got", "huge"));
    expect([huge.size, huge.blocks < 1000]).toEqual([8 * 2 ** 30 + 3, true]);
    expect(statSync(at("got", "one")).ino).toBe(statSync(at("got", "two")).ino);
    await ok("cp", "got", "ended:/");
    await ok("cp", "ended:/got/two", "two");
    expect(text("two")).toBe("1\n");
    const device = await run("cp", "up:/dev/null", "null");
    expect(device.stderr).toBe('tsbox: Cannot copy "/dev/null": it is a device or a socket\n');
  });

  test("that changes its files meanwhile gets no copy outside, and no command hangs", async () => {
    const busy = `cd /t; while [ ! -e /stop ]; do
      mkdir -p a/b; echo x >a/b/c; rm -rf a; ln -s /etc a; rm a; mkfifo a; rm a; done`;
    await inside("rm -rf /t; mkdir /t");
    await ok("exec", "-d", "up", "sh", "-c", busy);
    for (let i = 0; i < 15; i++) {
      const out = await run("cp", "up:/t", `got-${i}`);
      const into = await run("cp", "dir/.", "up:/t/a");
      for (const { status } of [out, into]) expect([0, 1]).toContain(status);
    }
    await inside("touch /stop");
    expect(existsSync("/etc/sub/y") || existsSync("/etc/x")).toBe(false);
  }, 60_000);
});

test("nothing that is incomplete is left when the archive is cut, and the old file stays", async () => {
  await inside("rm -rf /t; mkdir /t; echo old >/t/file");
  writeFileSync(at("big"), new Uint8Array(3_000_000));
  const tar = Bun.spawnSync(["tar", "-cf", "-", "--transform", "s/big/file/", "big"], {
    cwd: here,
  });
  const cut = new Uint8Array(tar.stdout).slice(0, 1_000_000);
  const child = Bun.spawn([join(import.meta.dir, "../../dist/tsbox"), "cp", "-", "up:/t"], {
    env: box.home.env,
    stdin: new Blob([cut]),
    stderr: "pipe",
  });
  expect(await child.stderr.text()).toContain("the archive ends in the middle of an entry");
  expect(await inside("ls -A /t; cat /t/file")).toBe("file\nold\n");
});
