import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testUserNamespace } from "../../../tests/support/user_namespace.ts";
import type { UserNamespace } from "../user_namespace.ts";
import { chooseDriver, type DriverRequest, findFuseOverlay } from "./choose_driver.ts";

let folder = "";
let userns: UserNamespace;
/** A descriptor that is no namespace: every attempt to enter it fails. */
let broken: UserNamespace;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-choose-"));
  userns = testUserNamespace(folder);
  broken = { ...userns, fd: openSync("/dev/null", "r") };
});
afterAll(() => rmSync(folder, { recursive: true }));

function request(name: string, options: Partial<DriverRequest> = {}): DriverRequest {
  const [directory, runtimeDir] = [`${folder}/${name}/store`, `${folder}/${name}/run`];
  mkdirSync(directory, { recursive: true });
  mkdirSync(runtimeDir, { recursive: true });
  return { userns, directory, runtimeDir, ...options };
}

test("overlay is chosen where it works, tried once, and leaves nothing behind", () => {
  const first = request("works");
  expect(chooseDriver(first)).toEqual({ name: "overlay" });
  expect(readdirSync(first.directory)).toEqual([]);
  expect(chooseDriver({ ...first, userns: broken })).toEqual({ name: "overlay" });
});

test("another kernel or file system makes it try again", () => {
  const { directory, runtimeDir } = request("again");
  chooseDriver({ userns, directory, runtimeDir });
  const [record = ""] = readdirSync(runtimeDir);
  writeFileSync(`${runtimeDir}/${record}`, "1.0.0\n");
  expect(() => chooseDriver({ userns: broken, directory, runtimeDir, wanted: "overlay" }))
    .toThrow();
});

test("where overlay does not work the next best one is chosen, and asking again tries again", () => {
  const name = findFuseOverlay([]) === findFuseOverlay() ? "copy" : "fuse-overlayfs";
  const asked = request("fails", { userns: broken });
  expect(chooseDriver(asked).name).toBe(name);
  expect(readdirSync(asked.runtimeDir)).toEqual([]);
  expect(readdirSync(asked.directory)).toEqual([]);
});

test("a wanted driver that does not work is an error with the reason and the remedy", () => {
  const asked = request("wanted", { userns: broken, wanted: "overlay" });
  expect(() => chooseDriver(asked)).toThrow(
    `Cannot use the storage driver overlay for "${asked.directory}": Cannot join the user namespace: EINVAL`,
  );
});

test("copy needs nothing and is never second-guessed", () => {
  expect(chooseDriver(request("copy", { userns: broken, wanted: "copy" }))).toEqual({
    name: "copy",
  });
});

test("what is missing for fuse-overlayfs is named with its remedy", () => {
  expect(findFuseOverlay([folder])).toEqual({
    reason: "fuse-overlayfs is not installed",
    remedy: "install it ('sudo apt install fuse-overlayfs')",
  });
  writeFileSync(`${folder}/fuse-overlayfs`, "", { mode: 0o755 });
  expect(findFuseOverlay([folder], `${folder}/no-device`)).toMatchObject({
    reason: `"${folder}/no-device" is missing or not accessible`,
  });
  expect(findFuseOverlay([folder], "/dev/null")).toBe(`${folder}/fuse-overlayfs`);
});

test("a file system whose overlay mounts but does not work is found out", () => {
  // ramfs keeps no extended attributes; only root of a namespace may mount one.
  const program = join(import.meta.dir, "../../../tests/programs/choose_driver.ts");
  const script = `mount -t ramfs ramfs ${folder}/ramfs && exec "$0" "$@"`;
  mkdirSync(`${folder}/ramfs`);
  const done = Bun.spawnSync(
    ["unshare", "-Urm", "sh", "-c", script, process.execPath, program, `${folder}/ramfs`],
  );
  expect(done.stdout.toString()).toMatch(
    /^Cannot use the storage driver overlay for .*: Cannot .* overlay: E[A-Z]+$/,
  );
});
