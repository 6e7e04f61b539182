/** `export` writes what a container sees, owners and all. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

let containers: BusyboxContainers;
const at = (name: string) => join(containers.home.path, name);
const ok = (...args: string[]) => tsboxOk(args, containers);
const tarOf = (...args: string[]): string => {
  const done = Bun.spawnSync(["tar", ...args], { cwd: containers.home.path });
  if (done.success) return done.stdout.toString();
  throw new Error(done.stderr.toString());
};
const make = (name: string, script: string, ...flags: string[]) =>
  ok("run", "--name", name, "--network", "none", ...flags, containers.image, "sh", "-ec", script);
const exported = async (name: string) => {
  await ok("export", "-o", `${name}.tar`, name);
  return tarOf("--full-time", "-tvf", `${name}.tar`).trim().split("\n");
};
const lineOf = (lines: readonly string[], path: string) =>
  lines.find((line) => line.replace(/ (->|link to) .*/, "").endsWith(` ${path}`)) ?? "";

beforeAll(async () => {
  containers = await busyboxContainers({
    layers: [[
      { path: "lower/", type: "directory" },
      { path: "lower/kept", content: "kept" },
      { path: "lower/removed", content: "gone" },
      { path: "hidden/", type: "directory" },
      { path: "hidden/old", content: "old" },
      { path: "times", content: "x", mtime: 1_700_000_000.25 },
      {
        path: "caps",
        content: "x",
        mode: 0o755,
        pax: {
          "SCHILY.xattr.security.capability": "\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        },
      },
    ]],
  });
}, 60_000);
afterAll(() => containers.stop());

test("what was written, changed and removed shows", async () => {
  const script = `
    rm /lower/removed; rm -r /hidden; mkdir /hidden; echo new >/hidden/new
    echo content >/own; chown 33:44 /own; chmod 4750 /own
    ln /own /second; ln -s own /link; mkfifo /pipe`;
  await make("changed", script);
  const lines = await exported("changed");
  expect(lineOf(lines, "own")).toMatch(/^-rwsr-x--- 33\/44 +8 /);
  expect(lineOf(lines, "second")).toMatch(/^hrwsr-x--- 33\/44 .* link to own$/);
  expect(lineOf(lines, "link")).toMatch(/^lrwxrwxrwx .* link -> own$/);
  expect(lineOf(lines, "pipe")).toMatch(/^prw/);
  expect(lineOf(lines, "lower/kept")).not.toBe("");
  expect(lines.filter((line) => /lower\/removed|hidden\/old|\.wh\./.test(line))).toEqual([]);
  expect(tarOf("-xOf", "changed.tar", "hidden/new")).toBe("new\n");
  expect(lineOf(lines, "times")).toContain("2023-11-14 22:13:20.25");
});

test("file capabilities are kept, as the container sees them", async () => {
  await make("capable", "true");
  await exported("capable");
  const bytes = await Bun.file(at("capable.tar")).bytes();
  const at0 = Buffer.from(bytes).indexOf("SCHILY.xattr.security.capability=");
  expect(at0).toBeGreaterThan(0);
  const value = Buffer.from(bytes).subarray(at0 + 33, at0 + 53);
  expect(value.toString("hex")).toBe("0100000200040000000000000000000000000000");
});

test("holes are no bytes of the archive", async () => {
  await make(
    "sparse",
    "truncate -s 1G /holes; printf end | dd of=/holes bs=1 seek=500M conv=notrunc",
  );
  await exported("sparse");
  expect(Bun.file(at("sparse.tar")).size).toBeLessThan(30_000_000);
  tarOf("-xf", "sparse.tar", "holes");
  const holes = Bun.file(at("holes"));
  expect(holes.size).toBe(2 ** 30);
  expect(await holes.slice(500 * 2 ** 20 - 1, 500 * 2 ** 20 + 4).text()).toBe("\0end\0");
});

test("a container that runs is exported, without its volumes", async () => {
  const words = ["run", "--rm", "--name", "running", "--network", "none", "-v", `${at("v")}:/data`];
  const script = "echo inside >/data/file; echo up >/up; exec sleep 60";
  const child = Bun.spawn([TSBOX, ...words, containers.image, "sh", "-c", script], {
    env: containers.home.env,
  });
  const isUp = () => readdirSync(at(".")).includes("v") && readdirSync(at("v")).includes("file");
  await until("it has written", isUp);
  await Bun.sleep(100);
  const lines = await exported("running");
  expect(tarOf("-xOf", "running.tar", "up")).toBe("up\n");
  expect(lineOf(lines, "data/")).toStartWith("d");
  expect(lines.filter((line) => line.includes("data/file"))).toEqual([]);
  await ok("rm", "-f", "running");
  await child.exited;
});

test("two exports of a container that has ended are equal, also through a pipe", async () => {
  await make("ended", "echo x >/x");
  await exported("ended");
  const child = Bun.spawn([TSBOX, "export", "ended"], { env: containers.home.env });
  const piped = await child.stdout.bytes();
  expect(Bun.SHA256.hash(piped, "hex")).toBe(
    Bun.SHA256.hash(await Bun.file(at("ended.tar")).bytes(), "hex"),
  );
});

test("the copy driver's containers are exported too", async () => {
  await ok(
    ...["--storage-driver", "copy", "run", "--name", "copied", "--network", "none"],
    ...[containers.image, "sh", "-c", "rm /lower/removed; echo c >/copy"],
  );
  const lines = await exported("copied");
  expect(tarOf("-xOf", "copied.tar", "copy")).toBe("c\n");
  expect(lineOf(lines, "lower/removed")).toBe("");
});

test("an unknown container leaves no file, and a reader that goes away no message", async () => {
  const { status, stderr } = await tsbox(["export", "-o", "no.tar", "nobody"], containers);
  expect([status, stderr]).toEqual([1, "tsbox: No such container: nobody\n"]);
  expect(readdirSync(at(".")).filter((name) => name.includes("no.tar"))).toEqual([]);
  const pipeline = `"$0" export ended | head -c 1000 >/dev/null`;
  const child = Bun.spawn(["bash", "-c", `set -o pipefail; ${pipeline}`, TSBOX], {
    env: containers.home.env,
    stderr: "pipe",
  });
  expect(await child.stderr.text()).toBe("");
  expect(await child.exited).toBe(141);
});

test("ctrl-C ends an export that nobody reads", async () => {
  const { path: cwd, env } = containers.home;
  Bun.spawnSync(["mkfifo", "stalled"], { cwd });
  const holder = Bun.spawn(["sh", "-c", "exec sleep 20 <stalled"], { cwd });
  const words = ["sh", "-c", 'exec "$0" export ended >stalled', TSBOX];
  const child = Bun.spawn(words, { cwd, env, stderr: "pipe" });
  await Bun.sleep(500);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await child.stderr.text()).toBe("tsbox: Cannot write the archive: cancelled\n");
  holder.kill();
});
