import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { commandLine } from "../../../tests/support/command_line.ts";
import {
  exitedState,
  imageId,
  imageOf,
  killedRun,
  liveRun,
  storeContainer,
  storeImages,
} from "../../../tests/support/container_records.ts";
import { processStart } from "../../storage/container_lock.ts";
import { createContainer, deleteContainer } from "../../storage/containers.ts";
import { listImages } from "../../storage/image_index.ts";

let home = "";
let store = "";
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/removal-`);
  store = `${home}/tsbox`;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const containers = () => readdirSync(`${store}/containers`);
const run = (...argv: string[]) => commandLine(home, argv);

test("rm removes ended containers by name and id prefix, and prints what was typed", async () => {
  const one = storeContainer(store, "one", exitedState(0));
  const two = storeContainer(store, "two", { status: "created", exitCode: 127, error: "x" });
  for (const { lock } of [one, two]) lock.release();
  const typed = two.id.slice(0, 6);
  expect(await run("rm", "one", typed)).toEqual({ status: 0, out: `one\n${typed}\n`, err: "" });
  for (const part of ["containers", "names", "tmp"]) {
    expect(readdirSync(`${store}/${part}`)).toEqual([]);
  }
});

test("rm goes on after a container that is not there, and fails in the end", async () => {
  storeContainer(store, "one", exitedState(0)).lock.release();
  expect(await run("container", "rm", "none", "one")).toEqual({
    status: 1,
    out: "one\n",
    err: "tsbox: No such container: none\n",
  });
});

test("rm -f is content with a container that is not there", async () => {
  expect((await run("rm", "-f", "none")).status).toBe(0);
});

test("rm refuses a running container and leaves it alone", async () => {
  const live = storeContainer(store, "live", liveRun());
  expect(await run("rm", "live")).toEqual({
    status: 1,
    out: "",
    err: 'tsbox: cannot remove container "/live": container is running; ' +
      "stop the container before removing or force remove\n",
  });
  expect(containers()).toEqual([live.id]);
  live.lock.release();
});

test("rm -f kills the container's process and waits for its run process to let go", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  const pidStart = processStart(child.pid) ?? 0;
  const live = storeContainer(store, "live", { ...killedRun(), pid: child.pid, pidStart });
  void child.exited.then(() => setTimeout(() => live.lock.release(), 50));
  expect(await run("rm", "-f", "live")).toEqual({ status: 0, out: "live\n", err: "" });
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  expect(containers()).toEqual([]);
});

test("rm -f does not kill a process that has got the pid of a dead container", async () => {
  const child = Bun.spawn(["sleep", "60"]);
  storeContainer(store, "old", { ...killedRun(), pid: child.pid, pidStart: 1 }).lock.release();
  expect((await run("rm", "-f", "old")).status).toBe(0);
  expect(child.killed).toBe(false);
  expect(processStart(child.pid)).toBeGreaterThan(0);
  child.kill();
});

test("rm also clears what a killed `run --rm` has left", async () => {
  storeContainer(store, "left", killedRun(), { remove: true }).lock.release();
  expect((await run("rm", "-f", "none")).status).toBe(0);
  expect(containers()).toEqual([]);
});

test("rmi deletes an image with its layers and blobs, and says so as docker does", async () => {
  const image = imageOf("a", { chainIDs: [imageId("1"), imageId("2")] });
  storeImages(store, [image, imageOf("b", { names: [], digests: [], chainIDs: [imageId("1")] })]);
  for (const digit of ["a", "b"]) writeFileSync(`${store}/blobs/sha256/${digit.repeat(64)}`, "");
  expect(await run("rmi", "busybox")).toEqual({
    status: 0,
    out: `Untagged: busybox:latest\nUntagged: busybox@${imageId("a")}\n` +
      `Deleted: ${imageId("a")}\nDeleted: ${imageId("2")}\n`,
    err: "",
  });
  expect(listImages(store).map(({ id }) => id)).toEqual([imageId("b")]);
  expect(readdirSync(`${store}/layers`)).toEqual(["1".repeat(64)]);
  expect(readdirSync(`${store}/blobs/sha256`)).toEqual(["b".repeat(64)]);
  expect(readdirSync(`${store}/tmp`)).toEqual([]);
});

test("rmi of one of two names keeps the image", async () => {
  const names = ["docker.io/library/busybox:1", "docker.io/library/busybox:latest"];
  storeImages(store, [imageOf("a", { names })]);
  expect((await run("image", "rm", "busybox:1")).out).toBe("Untagged: busybox:1\n");
  expect(listImages(store)[0]?.names).toEqual(["docker.io/library/busybox:latest"]);
  expect(existsSync(`${store}/layers/${"a".repeat(64)}/diff`)).toBe(true);
});

test("rmi refuses an image that a container uses; by force only the name goes", async () => {
  storeImages(store, [imageOf("a")]);
  const user = storeContainer(store, "user", exitedState(0));
  user.lock.release();
  const refused = await run("rmi", "busybox");
  expect([refused.status, refused.err]).toEqual([
    1,
    'tsbox: conflict: unable to remove repository reference "busybox" (must force) - ' +
    `container ${user.id.slice(0, 12)} is using its referenced image aaaaaaaaaaaa\n`,
  ]);
  expect((await run("rmi", "-f", "busybox")).out).toStartWith("Untagged: busybox:latest\n");
  expect(listImages(store).map(({ id, names }) => [id, names])).toEqual([[imageId("a"), []]]);
});

test("rmi goes on after an image that is not there, and fails in the end", async () => {
  storeImages(store, [imageOf("a")]);
  const result = await run("rmi", "nope", "busybox");
  expect([result.status, result.err.split(";")[0]]).toEqual([
    1,
    "tsbox: No such image: nope:latest",
  ]);
  expect(listImages(store)).toEqual([]);
});

test("rmi keeps an image that a run which had already found it uses now", async () => {
  storeImages(store, [imageOf("a")]);
  const starting = createContainer(store, {});
  const removal = run("rmi", "busybox");
  while (listImages(store).length > 0) await Bun.sleep(1);
  const user = storeContainer(store, "user", liveRun());
  deleteContainer(store, starting);
  expect((await removal).out).toBe(
    `Untagged: busybox:latest\nUntagged: busybox@${imageId("a")}\n`,
  );
  expect(listImages(store).map(({ id, names }) => [id, names])).toEqual([[imageId("a"), []]]);
  expect(existsSync(`${store}/layers/${"a".repeat(64)}/diff`)).toBe(true);
  user.lock.release();
});
