/** Images and containers through their lives, by the executable as users have it. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { until } from "../support/busybox_containers.ts";
import { type Home, makeHome, TSBOX, tsbox, tsboxOk, tsboxOnTerminal } from "../support/cli.ts";
import { namesInTmp } from "../support/busybox_containers.ts";
import { type PushedImage, pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";

let registry: RegistryProcess;
let image: PushedImage;
let home: Home;

beforeAll(async () => {
  registry = await startRegistry();
  image = await pushImage(registry, "team/box:1", { config: { Labels: { zone: "eu" } } });
});
afterAll(() => registry.stop());
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

const ok = (...args: string[]) => tsboxOk(args, { home });
const store = (part: string) =>
  part === "tmp" ? namesInTmp(home.dataRoot) : readdirSync(`${home.dataRoot}/${part}`);

/** Starts a container that does nothing, and resolves once it runs. */
async function startSleeper(name: string, ...flags: string[]) {
  const args = [
    "run",
    "--name",
    name,
    "--network",
    "none",
    ...flags,
    image.reference,
    "sleep",
    "600",
  ];
  const child = Bun.spawn([TSBOX, ...args], { env: home.env, stdout: "ignore", stderr: "ignore" });
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await Bun.sleep(20)) {
    if ((await ok("ps", "--format", "{{.Names}}")).split("\n").includes(name)) return child;
  }
  throw new Error(`${name} does not run`);
}

test("an image is pulled, listed, inspected and removed without a trace", async () => {
  const pulled = await ok("pull", image.reference);
  expect(pulled).toContain(`Digest: ${image.manifest.digest}\n`);
  expect(pulled).toContain(`Status: Downloaded newer image for ${image.reference}\n`);
  expect(await ok("pull", image.reference)).toContain("Status: Image is up to date for");
  expect(await ok("pull", "-q", image.reference)).toBe(`${image.reference}\n`);
  expect(await ok("images", "--format", "{{.Repository}}:{{.Tag}} {{.Digest}}")).toBe(
    `${image.reference} ${image.manifest.digest}\n`,
  );
  expect(await ok("images", "-q", "--no-trunc")).toBe(`${image.config.digest}\n`);
  expect(await ok("inspect", "-f", "{{.Config.Labels.zone}} {{.RootFS.Layers}}", image.reference))
    .toBe(`eu [${image.diffIds.join(" ")}]\n`);
  expect(await ok("rmi", image.reference)).toEndWith(`Deleted: ${image.diffIds[0]}\n`);
  for (const part of ["layers", "blobs/sha256", "tmp"]) {
    expect([part, store(part)]).toEqual([part, []]);
  }
});

test("a pull on a terminal ends with every layer complete", async () => {
  const session = tsboxOnTerminal(["pull", image.reference], { home, columns: 60 });
  expect(await session.exited).toBe(0);
  const [layer] = image.layers;
  expect(session.output()).toContain(`\x1b[2K${layer?.digest.slice(7, 19)}: Pull complete`);
});

test(
  "a container is listed while it runs and after, and its name is its own until it is removed",
  async () => {
    const child = await startSleeper("one", "--label", "app=shop");
    const [head = "", row = ""] = (await ok("ps")).split("\n");
    expect(head).toStartWith("CONTAINER ID   IMAGE");
    expect(row).toMatch(
      /^[0-9a-f]{12} +127\.0\.0\.1:\d+\/team\/box:1 +"sleep 600" +.* ago +Up .*one$/,
    );
    const taken = await tsbox(["run", "--name", "one", image.reference, "true"], { home });
    expect([taken.status, taken.stderr]).toEqual([
      125,
      expect.stringContaining('The container name "/one" is already in use by container "'),
    ]);
    expect(await ok("inspect", "-f", "{{.State.Status}} {{.Config.Labels.app}}", "one")).toBe(
      "running shop\n",
    );
    child.kill("SIGKILL");
    await child.exited;
    while ((await ok("ps", "-q")) !== "") await Bun.sleep(20);
    expect(await ok("ps", "-a", "--format", "{{.Status}}", "-f", "exited=137")).toStartWith(
      "Exited (137) ",
    );
    expect(await ok("rm", "one")).toBe("one\n");
    expect([store("containers"), store("names"), store("tmp")]).toEqual([[], [], []]);
  },
  60_000,
);

test("rm -f ends a running container, whose run answers 137", async () => {
  const child = await startSleeper("one");
  const refused = await tsbox(["rm", "one"], { home });
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringContaining('cannot remove container "/one": container is running'),
  ]);
  expect(await ok("rm", "-f", "one")).toBe("one\n");
  expect(await child.exited).toBe(137);
  expect([store("containers"), store("names")]).toEqual([[], []]);
  // What has left the store is deleted behind the end of a run, by its guard.
  for (let i = 0; i < 100 && store("tmp").length > 0; i++) await Bun.sleep(50);
  expect(store("tmp")).toEqual([]);
}, 60_000);

test("what a killed `run --rm` has left is gone after the next ps", async () => {
  const child = await startSleeper("one", "--rm");
  child.kill("SIGKILL");
  await child.exited;
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await Bun.sleep(20)) {
    expect(await ok("ps", "-aq")).toBeString();
    if (store("containers").length === 0) break;
  }
  expect([store("containers"), store("names")]).toEqual([[], []]);
  // Each run's guard deletes what is left of it, and outlives it.
  await until("the guards are done", () => store("tmp").length === 0);
}, 60_000);

test("files of the container's other users are removed with it", async () => {
  const script = "mkdir /d && touch /d/f && chmod 700 /d && chown -R 33:33 /d";
  await ok("run", "--name", "one", "--network", "none", image.reference, "sh", "-c", script);
  const [id = ""] = store("containers");
  expect(existsSync(`${home.dataRoot}/containers/${id}/upper/d`)).toBe(true);
  await ok("rm", "one");
  expect([store("containers"), store("tmp")]).toEqual([[], []]);
});

test("an image in use is kept until its container is removed", async () => {
  await ok("run", "--name", "one", "--network", "none", image.reference, "true");
  const refused = await tsbox(["rmi", image.reference], { home });
  expect([refused.status, refused.stderr]).toEqual([
    1,
    expect.stringContaining("is using its referenced image"),
  ]);
  await ok("rmi", "-f", image.reference);
  expect(await ok("images", "--format", "{{.Repository}}")).toBe("<none>\n");
  await ok("rm", "one");
  await ok("rmi", image.config.digest.slice(7, 19));
  expect(store("layers")).toEqual([]);
});

test("a reader that has had enough ends a list quietly", async () => {
  await ok("pull", image.reference);
  const child = Bun.spawn(["sh", "-c", `"$0" images --format '{{json .}}' | true`, TSBOX], {
    env: home.env,
    stderr: "pipe",
  });
  expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
});

test("many containers at once each get a name and leave nothing", async () => {
  await ok("pull", image.reference);
  const runs = Array.from(
    { length: 20 },
    (_, i) =>
      tsbox(["run", "--rm", "--network", "none", image.reference, "echo", String(i)], { home }),
  );
  const outcomes = await Promise.all(runs);
  expect(outcomes).toEqual(outcomes.map((_, i) => ({ status: 0, stdout: `${i}\n`, stderr: "" })));
  expect([store("containers"), store("names")]).toEqual([[], []]);
  // Each run's guard deletes what is left of it, and outlives it.
  await until("the guards are done", () => store("tmp").length === 0);
}, 60_000);
