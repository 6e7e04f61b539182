/** Ctrl-C during a pull, by the executable: what is printed, what it answers, what is left. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { humanSize } from "../../src/engine/units.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { type Home, makeHome, TSBOX, tsboxOk, tsboxOnTerminal } from "../support/cli.ts";
import { RegistryServer } from "../support/registry_server.ts";
import { archive, file } from "../support/tar_writer.ts";

let home: Home;
let server: RegistryServer;
let layer: Digest;
let reference = "";

beforeEach(async () => {
  home = makeHome();
  server = await RegistryServer.start();
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const tar = archive(file("data", content));
  const descriptor = server.addBlob(
    gzipSync(tar),
    "application/vnd.oci.image.layer.v1.tar+gzip",
  );
  layer = descriptor.digest;
  server.addImage("box", "1", [{ descriptor, diffId: digestOf(tar) }]);
  reference = `${server.host}/box:1`;
  server.faults.push({ match: layer, kind: "stall", after: 20_000, times: 1 });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  home.remove();
});

/** Resolves when the layer is being downloaded. */
async function downloading(): Promise<void> {
  const partial = `${home.dataRoot}/blobs/partial`;
  const begun = () =>
    existsSync(partial) &&
    readdirSync(partial).some((name) =>
      !name.endsWith(".lock") && statSync(`${partial}/${name}`).size > 0
    );
  for (const deadline = Date.now() + 20_000; !begun(); await Bun.sleep(10)) {
    if (Date.now() > deadline) throw new Error("the download does not begin");
  }
}

async function expectNextPullGoesOn(): Promise<void> {
  expect(await tsboxOk(["pull", "-q", reference], { home })).toBe(`${reference}\n`);
  const [, second] = server.seen(layer);
  expect(second?.headers["range"]).toMatch(/^bytes=\d+-/);
  expect(readdirSync(`${home.dataRoot}/tmp`)).toEqual([]);
}

for (const [name, status] of [["SIGINT", 130], ["SIGTERM", 130]] as const) {
  test(`${name} ends a pull with ${status} and one line, and the next pull goes on`, async () => {
    const child = Bun.spawn([TSBOX, "pull", reference], { env: home.env, stderr: "pipe" });
    await downloading();
    child.kill(name);
    expect(await child.exited).toBe(status);
    expect(await child.stderr.text()).toMatch(/^tsbox: [^\n]+\n$/);
    await expectNextPullGoesOn();
  }, 60_000);
}

test("Ctrl-C on the terminal ends the pull of a run, too", async () => {
  const session = tsboxOnTerminal(["run", "--rm", reference, "/data"], { home });
  await downloading();
  session.type("\x03");
  expect(await session.exited).toBe(130);
  expect(readdirSync(`${home.dataRoot}/containers`)).toEqual([]);
  await expectNextPullGoesOn();
}, 60_000);

test(
  "what a cut pull has left is kept by image prune, and given back by image prune -a",
  async () => {
    const child = Bun.spawn([TSBOX, "pull", reference], { env: home.env, stderr: "ignore" });
    await downloading();
    // While it goes on nothing of it is taken away.
    expect(await tsboxOk(["image", "prune", "-af"], { home })).toBe("Total reclaimed space: 0B\n");
    child.kill("SIGKILL");
    await child.exited;
    const partial = `${home.dataRoot}/blobs/partial`;
    const cut = readdirSync(partial).find((name) => !name.endsWith(".lock")) ?? "";
    const { size } = statSync(`${partial}/${cut}`);
    expect(await tsboxOk(["image", "prune", "-f"], { home })).toBe("Total reclaimed space: 0B\n");
    expect(await tsboxOk(["image", "prune", "-af"], { home })).toBe(
      `Total reclaimed space: ${humanSize(size, 4)}\n`,
    );
    expect(readdirSync(partial)).toEqual([]);
    expect(await tsboxOk(["pull", "-q", reference], { home })).toBe(`${reference}\n`);
  },
  60_000,
);
