import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { gzipSync } from "node:zlib";
import { RegistryServer } from "../../tests/support/registry_server.ts";
import { archive, file } from "../../tests/support/tar_writer.ts";
import { SELF } from "../../tests/support/worker.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { findImage, listImages } from "../storage/image_index.ts";
import { hasLayer, layerDirectory } from "../storage/layers.ts";
import { storePaths } from "../storage/layout.ts";
import { lockFile } from "../storage/lock.ts";
import { makeContext } from "./context.ts";
import { pullImage, type PullOptions } from "./pull.ts";
import type { Settings } from "./settings/table.ts";
import type { PullEvent } from "./pull_events.ts";
import { discardTrees } from "./discard_trees.ts";

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";

let folder = "";
let root = "";
let server: RegistryServer;
let settings: Settings = {};
let events: PullEvent[] = [];

beforeEach(async () => {
  folder = mkdtempSync(`${tmpdir()}/tsbox-pull-`);
  root = `${folder}/store`;
  server = await RegistryServer.start();
  settings = {};
  events = [];
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await discardTrees([root], context(), SELF);
  rmSync(folder, { recursive: true });
});

function context() {
  return makeContext({
    env: { HOME: folder, PATH: "/usr/bin:/bin", XDG_RUNTIME_DIR: folder },
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    build: { version: "0", commit: "test" },
    dataRoot: root,
    settings,
  });
}

function pull(name: string, options: Partial<PullOptions> = {}) {
  return pullImage(`${server.host}/${name}`, context(), {
    self: SELF,
    onEvent: (event) => events.push(event),
    ...options,
  });
}

interface Layer {
  descriptor: Descriptor;
  diffId: Digest;
}

function layer(tar: Uint8Array, bytes: Uint8Array = gzipSync(tar), mediaType = GZIP): Layer {
  return { descriptor: server.addBlob(bytes, mediaType), diffId: digestOf(tar) };
}

/** Bytes that do not compress, the same every time. */
function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const big = (name: string, seed: number) => layer(archive(file(name, noise(3_000_000, seed))));
const states = (digest: string): string[] =>
  events.flatMap((e) => e.kind === "layer" && e.digest === digest ? [e.state.state] : []);
const code = (pulling: Promise<unknown>) => pulling.then(() => "pulled", (error) => error.code);

/** Nothing is left of what was being made. */
function expectClean(): void {
  const { tmp, partial } = storePaths(root);
  expect(readdirSync(tmp)).toEqual([]);
  expect(readdirSync(partial).filter((name) => name.endsWith(".lock"))).toEqual([]);
}

test("a pulled image is in the index with all that run needs, its layers are unpacked", async () => {
  const first = layer(archive(file("a", "1"), file("b", "2")));
  const second = layer(archive(file(".wh.a"), file("c", "3", { uid: 5 })));
  const manifest = server.addImage("x/y", "v1", [first, second], { Cmd: ["sh"], Env: ["A=b"] });
  const image = await pull("x/y:v1");
  expect(image).toEqual(findImage(root, `${server.host}/x/y:v1`) ?? expect.unreachable());
  expect(image).toMatchObject({
    manifestDigest: manifest.digest,
    names: [`${server.host}/x/y:v1`],
    digests: [`${server.host}/x/y@${manifest.digest}`],
    size: 3,
    ownersLost: false,
    platform: { os: "linux" },
    config: { cmd: ["sh"], env: ["A=b"] },
  });
  expect(image.layers.map((l) => l.digest)).toEqual([
    first.descriptor.digest,
    second.descriptor.digest,
  ]);
  const diffs = image.chainIDs.map((id) => layerDirectory(root, id));
  expect(diffs.map((diff) => readdirSync(diff).sort())).toEqual([["a", "b"], ["a", "c"]]);
  expect(statSync(`${diffs[1]}/a`).isCharacterDevice()).toBe(true);
  for (const digest of [image.id, image.manifestDigest, ...image.layers.map((l) => l.digest)]) {
    const bytes = readFileSync(`${storePaths(root).blobs}/${digest.slice(7)}`);
    expect(String(digestOf(bytes))).toBe(digest);
  }
  expectClean();
});

test("events tell docker's story", async () => {
  const only = layer(archive(file("a", "1")));
  const manifest = server.addImage("x", "latest", [only]);
  await pull("x");
  expect(events[0]).toEqual({
    kind: "resolved",
    tag: "latest",
    name: "x",
    defaultTag: true,
  });
  expect(states(only.descriptor.digest).filter((state) => !state.endsWith("ing"))).toEqual([
    "downloaded",
    "complete",
  ]);
  expect(states(only.descriptor.digest)[0]).toBe("waiting");
  const reference = `${server.host}/x:latest`;
  expect(events.slice(-2)).toEqual([
    { kind: "digest", digest: manifest.digest },
    { kind: "done", reference, newer: true },
  ]);
  events = [];
  await pull("x");
  expect(states(only.descriptor.digest)).toEqual([]);
  expect(events.at(-1)).toEqual({ kind: "done", reference, newer: false });
  server.addImage("y", "latest", [only], { Cmd: ["other"] });
  await pull("y");
  expect(states(only.descriptor.digest)).toEqual(["exists"]);
  expect(server.seen(only.descriptor.digest)).toHaveLength(1);
});

test("an image of several platforms: the machine's own or the one asked for", async () => {
  const only = layer(archive(file("a", "1")));
  const own = process.arch === "arm64" ? "arm64" : "amd64";
  const manifests = ["s390x", own, "riscv64"].map((architecture) =>
    server.addImage("x", undefined, [only], {}, { os: "linux", architecture })
  );
  const index = server.addIndex("x", "multi", manifests);
  const image = await pull("x:multi");
  expect(image.platform.architecture).toBe(own);
  expect(image).toMatchObject({
    indexDigest: index.digest,
    manifestDigest: manifests[1]?.digest ?? "",
    digests: [`${server.host}/x@${index.digest}`],
  });
  const other = await pull("x:multi", { platform: "linux/s390x" });
  expect(other.platform.architecture).toBe("s390x");
  expect(findImage(root, `${server.host}/x:multi`)?.id).toBe(other.id);
  expect(findImage(root, image.id)?.names).toEqual([]);
  expect(await code(pull("x:multi", { platform: "linux/mips64le" }))).toBe("not-found");
  server.addImage("x", "single", [only], {}, { os: "linux", architecture: "s390x" });
  expect(await code(pull("x:single", { platform: "linux/riscv64" }))).toBe("not-found");
});

/** What the registry is asked for by this, but how it speaks. */
async function asked(name: string): Promise<string[]> {
  const before = server.requests.length;
  await pull(name);
  return server.requests.slice(before).map(({ path }) => path).filter((path) => path !== "/v2/");
}

test("of an image that is here nothing is asked for but what its name means", async () => {
  const only = layer(archive(file("a", "1")));
  const manifest = server.addImage("x", "one", [only]);
  server.addIndex("x", "all", [manifest]);
  const image = await pull("x:all");
  expect(await asked("x:all")).toEqual(["/v2/x/manifests/all"]);
  expect(await asked("x:one")).toEqual(["/v2/x/manifests/one"]);
  expect(findImage(root, `${server.host}/x:one`)?.id).toBe(image.id);
  server.addImage("x", "other", [only], { Cmd: ["sh"] });
  const [, config, ...more] = await asked("x:other");
  expect([config, more]).toEqual([expect.stringMatching(/^\/v2\/x\/blobs\/sha256:/), []]);
});

test("a document of the store that a bad disk has changed is asked for again, and mended", async () => {
  const manifest = server.addImage("x", "one", [layer(archive(file("a", "1")))]);
  server.addIndex("x", "all", [manifest]);
  const { id } = await pull("x:all");
  const { blobs } = storePaths(root);
  for (const digest of [id, manifest.digest]) {
    const path = `${blobs}/${digest.slice(7)}`;
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.toReversed());
    expect((await asked("x:all")).filter((asked) => asked.endsWith(digest))).toHaveLength(1);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  }
});

test("an image asked for by its digest gets no name", async () => {
  const manifest = server.addImage("x", "v1", [layer(archive(file("a", "1")))]);
  const image = await pull(`x@${manifest.digest}`);
  expect(image.names).toEqual([]);
  expect(findImage(root, `${server.host}/x@${manifest.digest}`)?.id).toBe(image.id);
  expect((await pull("x:v1")).names).toEqual([`${server.host}/x:v1`]);
  expect(listImages(root)).toHaveLength(1);
});

test("layers of images with the same base are downloaded and unpacked once", async () => {
  const base = layer(archive(file("base", "1")));
  const other = layer(archive(file("other", "2")));
  server.addImage("one", "latest", [base]);
  server.addImage("two", "latest", [base, other]);
  server.addImage("three", "latest", [other, base]);
  const [one, two] = [await pull("one"), await pull("two")];
  expect(two.chainIDs[0]).toBe(one.chainIDs[0] ?? "");
  const three = await pull("three");
  expect(three.chainIDs.some((id) => two.chainIDs.includes(id))).toBe(false);
  expect(readdirSync(layerDirectory(root, three.chainIDs[1] ?? ""))).toEqual(["base"]);
  expect(server.seen(`blobs/${base.descriptor.digest}`)).toHaveLength(1);
  expect(server.seen(`blobs/${other.descriptor.digest}`)).toHaveLength(1);
});

test("the same layer twice in one image, and many layers", async () => {
  const twice = layer(archive(file("a", "1")));
  const many = Array.from({ length: 12 }, (_, i) => layer(archive(file(`f${i}`, String(i)))));
  server.addImage("x", "latest", [twice, ...many, twice]);
  const image = await pull("x");
  expect(image.chainIDs).toHaveLength(14);
  expect(image.chainIDs.every((id) => hasLayer(root, id))).toBe(true);
  expect(server.seen(`blobs/${twice.descriptor.digest}`)).toHaveLength(1);
});

test("plain and zstd layers, and an image without layers", async () => {
  const tar = archive(file("a", "1"));
  const plain = layer(tar, tar, "application/vnd.oci.image.layer.v1.tar");
  const other = archive(file("b", "2"));
  const zstd = layer(
    other,
    Bun.zstdCompressSync(other),
    "application/vnd.oci.image.layer.v1.tar+zstd",
  );
  server.addImage("x", "latest", [plain, zstd]);
  const image = await pull("x");
  expect(image.chainIDs.flatMap((id) => readdirSync(layerDirectory(root, id)))).toEqual(["a", "b"]);
  server.addImage("empty", "latest", []);
  expect((await pull("empty")).chainIDs).toEqual([]);
});

test("a layer whose bytes are not what the manifest says is refused, and nothing of it stays", async () => {
  const only = big("a", 1);
  server.addImage("x", "latest", [only]);
  server.faults.push({ kind: "corrupt", match: "blobs/" + only.descriptor.digest, times: 9 });
  expect(await code(pull("x"))).toBe("corrupt");
  expect(listImages(root)).toEqual([]);
  expect(readdirSync(storePaths(root).layers)).toEqual([]);
  expect(readdirSync(storePaths(root).partial)).toEqual([]);
  expectClean();
});

test("a layer whose content is not what the config says is refused", async () => {
  const only = layer(archive(file("a", "1")));
  server.addImage("x", "latest", [{ ...only, diffId: digestOf(Buffer.from("other")) }]);
  expect(await code(pull("x"))).toBe("corrupt");
  expect(readdirSync(storePaths(root).layers)).toEqual([]);
  expectClean();
});

test("a config with another number of layers than the manifest is refused", async () => {
  const only = layer(archive(file("a", "1")));
  const manifest = server.addImage("x", "good", [only]);
  const good = await pull("x:good");
  const bytes = readFileSync(`${storePaths(root).blobs}/${good.manifestDigest.slice(7)}`, "utf8");
  const document = JSON.parse(bytes);
  document.layers.push(document.layers[0]);
  server.addManifest("x", "bad", document, manifest.mediaType);
  expect(await code(pull("x:bad"))).toBe("corrupt");
});

test("a bomb is stopped at the limit the user sets", async () => {
  server.addImage("x", "latest", [layer(archive(file("zeros", Buffer.alloc(30_000_000))))]);
  settings = { "max-layer-bytes": 1_000_000 };
  expect(await code(pull("x"))).toBe("limit-exceeded");
  expectClean();
  settings = { "max-layer-files": 1 };
  server.addImage("x", "two", [layer(archive(file("a", "a"), file("b", "b")))]);
  expect(await code(pull("x:two"))).toBe("limit-exceeded");
  settings = {};
  expect(await code(pull("x"))).toBe("pulled");
});

test("a cut connection is resumed where it was cut", async () => {
  const only = big("a", 1);
  server.addImage("x", "latest", [only]);
  server.faults.push({ kind: "cut", after: 1_000_000, match: `blobs/${only.descriptor.digest}` });
  await pull("x");
  const ranges = server.seen(`blobs/${only.descriptor.digest}`).map((r) => r.headers["range"]);
  expect(ranges).toHaveLength(2);
  expect(ranges[1]).toMatch(/^bytes=[1-9][0-9]*-$/);
  expect(states(only.descriptor.digest)).toContain("retrying");
});

/** Pulls until some of the first layer is there, then interrupts. */
async function interruptedPull(digest: string): Promise<string> {
  const user = new AbortController();
  server.faults.push({ kind: "stall", after: 1_000_000, match: `blobs/${digest}` });
  const pulling = code(pull("x", { signal: user.signal }));
  const partial = `${storePaths(root).partial}/sha256-${digest.slice(7)}`;
  while ((statSync(partial, { throwIfNoEntry: false })?.size ?? 0) < 500_000) await Bun.sleep(5);
  user.abort();
  return await pulling;
}

test("an interrupted pull leaves a consistent store, and the next one goes on from there", async () => {
  const only = big("a", 1);
  server.addImage("x", "latest", [only]);
  expect(await interruptedPull(only.descriptor.digest)).toBe("cancelled");
  expect(listImages(root)).toEqual([]);
  expectClean();
  const image = await pull("x");
  expect(readdirSync(layerDirectory(root, image.chainIDs[0] ?? ""))).toEqual(["a"]);
  const ranges = server.seen(`blobs/${only.descriptor.digest}`).map((r) => r.headers["range"]);
  expect(ranges[1]).toMatch(/^bytes=[1-9][0-9]*-$/);
});

test("a partial download that a crash has damaged is thrown away and fetched anew", async () => {
  const only = big("a", 1);
  server.addImage("x", "latest", [only]);
  await interruptedPull(only.descriptor.digest);
  const partial = `${storePaths(root).partial}/sha256-${only.descriptor.digest.slice(7)}`;
  writeFileSync(partial, Buffer.alloc(700_000));
  const image = await pull("x");
  expect(statSync(`${layerDirectory(root, image.chainIDs[0] ?? "")}/a`).size).toBe(3_000_000);
});

test("two pulls at once in one process share the work", async () => {
  const layers = [big("a", 1), big("b", 2)];
  server.addImage("x", "latest", layers);
  const [one, two] = await Promise.all([pull("x"), pull("x")]);
  expect(one.id).toBe(two.id);
  for (const { descriptor } of layers) {
    expect(server.seen(`blobs/${descriptor.digest}`)).toHaveLength(1);
  }
  expect(listImages(root)).toHaveLength(1);
  expectClean();
});

/** A process of its own that pulls, and says when it is done. */
function pullingProcess(name: string) {
  const script = `${folder}/puller-${name}.ts`;
  writeFileSync(
    script,
    `import { pullImage } from ${JSON.stringify(`${import.meta.dir}/pull.ts`)};
     const context = ${JSON.stringify(context())};
     await pullImage(${JSON.stringify(`${server.host}/x`)}, context, { self: ${
      JSON.stringify(SELF)
    } });
     console.log("pulled");`,
  );
  return Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit" });
}

test("pulls of two processes share the work", async () => {
  const layers = [big("a", 1), big("b", 2)];
  server.addImage("x", "latest", layers);
  const processes = ["1", "2"].map(pullingProcess);
  for (const child of processes) expect(await child.stdout.text()).toBe("pulled\n");
  for (const { descriptor } of layers) {
    expect(server.seen(`blobs/${descriptor.digest}`)).toHaveLength(1);
  }
  expectClean();
});

test("what a killed pull leaves is gone on with, and swept", async () => {
  const only = big("a", 1);
  server.addImage("x", "latest", [only]);
  server.faults.push({
    kind: "stall",
    after: 1_000_000,
    match: `blobs/${only.descriptor.digest}`,
  });
  const child = pullingProcess("killed");
  const { tmp } = storePaths(root);
  const layers = () => existsSync(tmp) ? readdirSync(tmp).filter((n) => n.startsWith("layer")) : [];
  while (!layers().some((name) => existsSync(`${tmp}/${name}/diff/a`))) await Bun.sleep(5);
  child.kill("SIGKILL");
  await child.exited;
  expect(layers()).not.toEqual([]);
  await pull("x");
  const ranges = server.seen(`blobs/${only.descriptor.digest}`).map((r) => r.headers["range"]);
  expect(ranges[1]).toMatch(/^bytes=[1-9][0-9]*-$/);
  expectClean();
});

test("what is being made by a living process is not swept", async () => {
  server.addImage("x", "latest", [layer(archive(file("a", "1")))]);
  await pull("x");
  const { tmp } = storePaths(root);
  const lock = lockFile(`${tmp}/mine.lock`, "exclusive", { wait: true });
  mkdirSync(`${tmp}/mine`);
  mkdirSync(`${tmp}/just-made`);
  await pull("x");
  expect(readdirSync(tmp).sort()).toEqual(["just-made", "mine", "mine.lock"]);
  lock?.release();
  await pull("x");
  expect(readdirSync(tmp)).toEqual(["just-made"]);
});

test("a failing layer ends the others, and the first failure is told", async () => {
  const bad = layer(archive(file("a", "1")));
  const slow = big("b", 2);
  server.addImage("x", "latest", [{ ...bad, diffId: digestOf(Buffer.from("no")) }, slow]);
  server.faults.push({ kind: "stall", after: 500_000, match: `blobs/${slow.descriptor.digest}` });
  const start = performance.now();
  expect(await code(pull("x"))).toBe("corrupt");
  expect(performance.now() - start).toBeLessThan(10_000);
  expectClean();
});

test("an image that comes again in another form keeps the manifest whose blobs are there", async () => {
  const tar = archive(file("a", Buffer.from("a")));
  const plain = "application/vnd.oci.image.layer.v1.tar";
  const first = server.addImage("app", "gzip", [layer(tar)]);
  server.addImage("app", "plain", [layer(tar, tar, plain)]);
  await pull("app:gzip");
  const image = await pull("app:plain");
  expect(image.names.length).toBe(2);
  expect(image.manifestDigest).toBe(first.digest);
  expect(image.layers.map(({ mediaType }) => mediaType)).toEqual([GZIP]);
  const [blob = ""] = image.layers.map(({ digest }) => digest.slice("sha256:".length));
  expect(existsSync(`${storePaths(root).blobs}/${blob}`)).toBe(true);
});
