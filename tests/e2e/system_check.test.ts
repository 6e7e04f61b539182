/** `system check`: finds what is damaged, and mends it without losing a complete image. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import {
  type BusyboxContainers,
  busyboxContainers,
  namesInTmp,
} from "../support/busybox_containers.ts";
import { tsbox, tsboxOk } from "../support/cli.ts";
import { exitedState, storeContainer } from "../support/container_records.ts";

let box: BusyboxContainers;
let store: string;
beforeAll(async () => {
  box = await busyboxContainers({ layers: [[{ path: "upper", content: "second layer\n" }]] });
  store = box.home.dataRoot;
});
afterAll(() => box.stop());

const check = (...flags: string[]) => tsbox(["system", "check", ...flags], { home: box.home });

interface Report {
  Problems: { Problem: string; Repair: string; State: string }[];
}

/** Damages, sees it found, mended and gone; then the image runs under its name. */
async function mends(damage: () => void, problem: RegExp): Promise<void> {
  damage();
  const found = await check();
  expect(found.stdout).toMatch(problem);
  expect(found).toMatchObject({ status: 1, stderr: "" });
  expect((await check()).stdout).toBe(found.stdout);
  const mended = await check("--repair");
  expect(mended.stdout).toMatch(/^mended: [^]*\d+ problems? mended\n$/);
  expect(mended).toMatchObject({ status: 0, stderr: "" });
  expect(await check()).toMatchObject({ status: 0, stdout: "No problems found\n", stderr: "" });
  expect(await box.sh(["--pull", "never"], "cat /upper")).toBe("second layer\n");
  expect(namesInTmp(store)).toEqual([]);
}

/** Paths of the layers' blobs; the large one first. */
function layerBlobs(): string[] {
  const [record = ""] = readdirSync(`${store}/images`);
  const { layers } = JSON.parse(readFileSync(`${store}/images/${record}`, "utf8"));
  return layers.map(({ digest }: { digest: string }) => `${store}/blobs/sha256/${digest.slice(7)}`);
}

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
  writeFileSync(path, bytes);
}

test("a store in order has no problems, and JSON says so", async () => {
  expect(await check()).toMatchObject({ status: 0, stdout: "No problems found\n" });
  const { stdout, status } = await check("--format", "json");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ Problems: [] });
});

test("a layer that is not there is unpacked anew", async () => {
  const [first = ""] = readdirSync(`${store}/layers`);
  await mends(() => {
    renameSync(`${store}/layers/${first}`, `${store}/tmp/trash-${first}`);
  }, /^image [0-9a-f]{12} \(127.*latest\): layer [0-9a-f]{12} missing.* \(repair: unpacks/);
});

test("a run says that a layer is lost, and what brings it back", async () => {
  const [first = ""] = readdirSync(`${store}/layers`);
  renameSync(`${store}/layers/${first}`, `${store}/lost`);
  const create = box.words(["--name", "made"], ["true"]).filter((word) => word !== "--rm");
  for (
    const words of [box.words([], ["true"]), ["run", "-d", ...create.slice(1)], ["start", "made"]]
  ) {
    const { stderr, status } = await tsbox(words, { home: box.home });
    expect(stderr).toMatch(
      new RegExp(
        `^tsbox: Cannot run [^\n]*: the store has lost its layer sha256:${first}; 'tsbox system check --repair' brings it back$`,
        "m",
      ),
    );
    expect(status).not.toBe(0);
  }
  await tsboxOk(["rm", "made"], { home: box.home });
  renameSync(`${store}/lost`, `${store}/layers/${first}`);
});

test("a layer without its record is unpacked anew", async () => {
  const [first = ""] = readdirSync(`${store}/layers`);
  await mends(
    () => rmSync(`${store}/layers/${first}/layer.json`),
    /layer [0-9a-f]{12} missing, or not what the record says/,
  );
});

const index = () => `${store}/images.json`;

function changeIndex(from: string | RegExp, to: string): void {
  const before = readFileSync(index(), "utf8");
  // Where the digit was a 0, it becomes the 1 that it was not.
  const after = [to, to.replace(/0$/, "1")].map((text) => before.replace(from, text));
  writeFileSync(index(), after.find((text) => text !== before) ?? "");
}

test.each(
  [
    ["torn", () => truncateSync(index(), 100)],
    ["gone", () => rmSync(index())],
    ["changed", () => writeFileSync(index(), '{"version":2,"images":[{"id":"sha256:0"}]}')],
    ["flipped in an id", () => changeIndex(/"id":"sha256:./, '"id":"sha256:0')],
    ["flipped in a name", () => changeIndex("/other:", "/otter:")],
    ["gone together with a layer's record", () => {
      rmSync(index());
      const [layer = ""] = readdirSync(`${store}/layers`);
      truncateSync(`${store}/layers/${layer}/layer.json`, 10);
    }],
    ["no list", () => writeFileSync(index(), '{"version":2,"images":{}}')],
  ] as const,
)("an index that is %s is made anew, with all names", async (_, damage) => {
  await tsboxOk(["tag", box.image, "other"], { home: box.home });
  await mends(damage, /^image index: images.json is missing or damaged/);
  expect(await tsboxOk(["rmi", "other"], { home: box.home })).toContain("Untagged: other:latest");
});

test("a store whose index is gone is not taken for an empty one", async () => {
  renameSync(index(), `${store}/index`);
  const { stderr, status } = await tsbox(["images"], { home: box.home });
  expect(stderr).toMatch(/^tsbox: Cannot read ".*images.json": it is gone; .*check --repair/);
  expect(status).toBe(1);
  renameSync(`${store}/index`, index());
});

test.each(
  [
    ["lost", (path: string) => rmSync(path)],
    ["empty", (path: string) => writeFileSync(path, "{}")],
    ["of another content", (path: string) => {
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace('"config":{"architecture":"', "$&x"));
    }],
  ] as const,
)("an image's record that is %s is made anew as it was", async (_, damage) => {
  const [name = ""] = readdirSync(`${store}/images`);
  const path = `${store}/images/${name}`;
  const before = readFileSync(path, "utf8");
  await mends(() => damage(path), /its record is missing, or not what it must be/);
  expect(readFileSync(path, "utf8")).toBe(before);
});

test("names, locks and half-made things of the dead go", async () => {
  await mends(() => {
    symlinkSync("a".repeat(64), `${store}/names/ghost`);
    mkdirSync(`${store}/containers/${"b".repeat(64)}`);
    mkdirSync(`${store}/tmp/layer-1/diff`, { recursive: true });
    mkdirSync(`${store}/layers/torn`);
    for (
      const path of ["tmp/layer-1.lock", "tmp/x.lock", "blobs/partial/y.lock", "images.json.new"]
    ) writeFileSync(`${store}/${path}`, "");
    writeFileSync(`${store}/blobs/partial/sha256-${"c".repeat(64)}.4194304`, "");
  }, /name "ghost": its container aaaaaaaaaaaa is not there \(repair: frees the name\)/);
  expect(readdirSync(`${store}/names`)).toEqual([]);
  expect(readdirSync(`${store}/blobs/partial`)).toEqual([]);
});

test("a container keeps its name, or gets it back", async () => {
  await tsboxOk(box.words(["--name", "kept"], ["true"]).filter((word) => word !== "--rm"), {
    home: box.home,
  });
  await mends(() => rmSync(`${store}/names/kept`), /its name "kept" leads nowhere/);
  expect(await tsboxOk(["rm", "kept"], { home: box.home })).toBe("kept\n");
});

test("a container that runs and ps does not see is seen again, and runs on", async () => {
  const words = box.words(["--name", "unseen"], ["sleep", "60"]).slice(2);
  const id = (await tsboxOk(["run", "-d", ...words], { home: box.home })).trim();
  const running = () => tsboxOk(["ps", "-q", "--no-trunc"], { home: box.home });
  expect(await running()).toBe(`${id}\n`);
  await mends(() => {
    rmSync(`${store}/unsettled/${id}`);
    symlinkSync("-", `${store}/unsettled/${"a".repeat(64)}`);
  }, /^container [0-9a-f]{12}: it is running, and "ps" does not know \(repair: lets "ps" know\)$/m);
  expect(await running()).toBe(`${id}\n`);
  expect(await tsboxOk(["rm", "-f", "unseen"], { home: box.home })).toBe("unseen\n");
  expect(readdirSync(`${store}/unsettled`)).toEqual(["a".repeat(64)]);
  rmSync(`${store}/unsettled/${"a".repeat(64)}`);
});

test("a link to a container that is at rest goes, unless somebody has it", async () => {
  const { id, lock } = storeContainer(store, "resting", exitedState(0));
  const link = `${store}/unsettled/${id}`;
  symlinkSync("-", link);
  expect(await check()).toMatchObject({ status: 0 });
  lock.release();
  await mends(() => {}, new RegExp(`^unsettled/${id}: left behind by a command that was killed`));
  expect(await tsboxOk(["rm", "resting"], { home: box.home })).toBe("resting\n");
});

test("a container whose record is damaged keeps its files until the user removes it", async () => {
  const create = box.words(["--name", "torn"], ["true"]).filter((word) => word !== "--rm");
  await tsboxOk(create, { home: box.home });
  const [id = ""] = readdirSync(`${store}/containers`);
  truncateSync(`${store}/containers/${id}/container.json`, 40);
  await tsboxOk(["ps", "-a"], { home: box.home });
  for (const flags of [[], ["--repair"]]) {
    const { stdout, status } = await check(...flags);
    expect(stdout).toContain(`container ${id.slice(0, 12)}: its record is damaged`);
    expect(stdout).toContain(`what it wrote is in ${store}/containers/${id}/upper`);
    expect(status).toBe(1);
  }
  const start = await tsbox(["start", "torn"], { home: box.home });
  expect(start.stderr).toContain("Cannot use the container torn: its record cannot be read");
  expect(await tsboxOk(["rm", "torn"], { home: box.home })).toBe("torn\n");
  expect(await check()).toMatchObject({ status: 0 });
});

test("an index of a newer tsbox is refused by every command, and stays as it is", async () => {
  const path = `${store}/images.json`;
  const before = readFileSync(path, "utf8");
  const newer = JSON.stringify({ version: 99, images: {} });
  writeFileSync(path, newer);
  for (
    const words of [["system", "check", "--repair"], ["images"], ["rmi", box.image], [
      "pull",
      box.image,
    ]]
  ) {
    const { status, stderr } = await tsbox(words, { home: box.home });
    expect(status).toBe(1);
    expect(stderr).toContain("another version of tsbox wrote it; use that version");
  }
  expect(readFileSync(path, "utf8")).toBe(newer);
  writeFileSync(path, before);
  expect(await check()).toMatchObject({ status: 0 });
});

/** What the image is saved as: every byte of it. */
async function saved(): Promise<string> {
  const path = `${box.home.path}/saved.tar`;
  await tsboxOk(["save", "-o", path, box.image], { home: box.home });
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

/** Paths of the manifest's and the config's blob. */
function documents(): string[] {
  const [record = ""] = readdirSync(`${store}/images`);
  const { manifestDigest } = JSON.parse(readFileSync(`${store}/images/${record}`, "utf8"));
  return [manifestDigest.slice(7), record.slice(0, 64)].map((hex) =>
    `${store}/blobs/sha256/${hex}`
  );
}

test.each(
  [
    ["a layer that was flipped", () => flipBit(layerBlobs()[1] ?? "")],
    ["a layer that was cut", () => truncateSync(layerBlobs()[0] ?? "", 20)],
    ["the manifest", () => flipBit(documents()[0] ?? "")],
    ["the config", () => truncateSync(documents()[1] ?? "", 20)],
    ["the manifest, lost with the image's record,", () => {
      flipBit(documents()[0] ?? "");
      for (const name of readdirSync(`${store}/images`)) rmSync(`${store}/images/${name}`);
    }],
  ] as const,
)("%s is deleted and fetched again from the image's registry", async (_, damage) => {
  const before = await saved();
  await mends(damage, /^blob sha256:[0-9a-f]{64}: its bytes are others/m);
  expect(await saved()).toBe(before);
});

test("what cannot be fetched again is said, the image runs on, and the next pull brings it", async () => {
  const before = await saved();
  for (const path of [layerBlobs()[0] ?? "", ...documents()]) flipBit(path);
  const blocked = ["--blocked-registry", box.image.slice(0, box.image.indexOf("/"))];
  const offline = await tsbox([...blocked, "system", "check", "--repair"], { home: box.home });
  expect(offline.stdout).toMatch(/^NOT mended: image .*its config, its manifest.*blocked/m);
  expect(offline.status).toBe(1);
  expect(await box.sh(["--pull", "never"], "cat /upper")).toBe("second layer\n");
  expect(await tsbox(["save", "-o", "x", box.image], { home: box.home })).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^tsbox: Cannot read [^\n]*; pull or load the image again\n$/),
  });
  await tsboxOk(["pull", "-q", box.image], { home: box.home });
  expect(await check()).toMatchObject({ status: 0 });
  expect(await saved()).toBe(before);
});

test("a pull does not stumble over a damaged blob whose layer is lost", async () => {
  const before = await saved();
  flipBit(layerBlobs()[0] ?? "");
  for (const name of readdirSync(`${store}/layers`)) {
    renameSync(`${store}/layers/${name}`, `${store}/tmp/trash-${name}`);
  }
  await tsboxOk(["pull", "-q", box.image], { home: box.home });
  expect(await saved()).toBe(before);
  expect(await box.sh(["--pull", "never"], "cat /upper")).toBe("second layer\n");
});

/** Loses every layer, unpacked and as received. */
function loseLayers(): void {
  for (const path of layerBlobs()) rmSync(path);
  for (const name of readdirSync(`${store}/layers`)) {
    renameSync(`${store}/layers/${name}`, `${store}/tmp/trash-${name}`);
  }
}

test("layers that are lost with their blobs are fetched again", async () => {
  await mends(loseLayers, /layers .* missing, .* \(repair: fetches what is missing/);
});

test("an image that came from nowhere and has lost its layers goes, and that is said", async () => {
  await tsboxOk(["save", "-o", "loaded.tar", box.image], { home: box.home });
  await tsboxOk(["rmi", box.image], { home: box.home });
  await tsboxOk(["load", "-q", "-i", "loaded.tar"], { home: box.home });
  loseLayers();
  const report: Report = JSON.parse((await check("--format", "json")).stdout);
  expect(report.Problems[0]?.Repair).toBe(
    "takes the image out of the index; pull, load or import it again",
  );
  expect((await check("--repair")).status).toBe(0);
  expect(await tsboxOk(["images", "-q"], { home: box.home })).toBe("");
  await tsboxOk(["load", "-q", "-i", "loaded.tar"], { home: box.home });
  expect(await box.sh(["--pull", "never"], "cat /upper")).toBe("second layer\n");
});
