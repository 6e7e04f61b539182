import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { parseReference } from "../oci/reference.ts";
import {
  findImage,
  findImageIn,
  listEntries,
  listImages,
  type StoredImage,
  updateImages,
  wholeImage,
} from "./image_index.ts";
import { entryOf } from "./image_record.ts";
import { openStore } from "./layout.ts";

let root = "";
beforeEach(() => {
  root = `${mkdtempSync(`${tmpdir()}/tsbox-index-`)}/store`;
  openStore(root);
});
afterEach(() => rmSync(root.slice(0, -"/store".length), { recursive: true }));

function image(id: string, names: string[], digests: string[] = []): StoredImage {
  const config = {
    architecture: "amd64",
    os: "linux",
    diffIds: [],
    env: [],
    user: "",
    workingDir: "",
    volumes: [],
    exposedPorts: [],
    labels: {},
    history: [],
  };
  return {
    id: `sha256:${id.padEnd(64, "0")}`,
    manifestDigest: `sha256:${"1".repeat(64)}`,
    names,
    digests,
    created: "",
    size: 0,
    platform: { os: "linux", architecture: "amd64" },
    config,
    chainIDs: [],
    ownersLost: false,
    layers: [],
  };
}

function add(...images: StoredImage[]): void {
  updateImages(root, (old) => [...old, ...images]);
}

test("a new store has no images, and its directory is ours alone", () => {
  expect(listImages(root)).toEqual([]);
  expect(statSync(root).mode & 0o777).toBe(0o700);
});

test("an image is found by its name with docker's defaults", () => {
  add(image("aa", ["docker.io/library/alpine:latest", "localhost:5000/x/y:1.2"]));
  for (
    const text of ["alpine", "alpine:latest", "docker.io/library/alpine", "localhost:5000/x/y:1.2"]
  ) {
    expect(findImage(root, text)?.id).toStartWith("sha256:aa");
  }
  for (const text of ["alpine:3", "other", "localhost:5000/x/y", "alpine/alpine"]) {
    expect(findImage(root, text)).toBeUndefined();
  }
});

test("a name means the image that the grammar of references says, however it is written", () => {
  const texts = "a a:1 x/a x/a:1 docker.io/a docker.io/library/a index.docker.io/a library/a " +
    "localhost/a localhost:5000/a localhost:5000/x/a:1 h.example/a h.example/x/a:1 h:5000/a " +
    "UPPER/a [::1]:5000/a [::1]:5000/x/a:1 x/y/a x/y/a:1";
  const images = texts.split(" ").map((text, i) => {
    const { canonical } = parseReference(text);
    return { text, canonical, image: image(`${i}${i}`.padEnd(8, "e"), [canonical]) };
  });
  for (const { text, canonical } of images) {
    const all = images.map((entry) => entry.image);
    expect([text, findImageIn(all, text)?.names]).toEqual([text, [canonical]]);
    const others = all.filter(({ names }) => names[0] !== canonical);
    expect([text, findImageIn(others, text)]).toEqual([text, undefined]);
  }
});

test("an image is found by repository and digest, the tag beside it being ignored", () => {
  const digest = `sha256:${"d".repeat(64)}`;
  add(image("aa", [], [`docker.io/library/alpine@${digest}`]));
  expect(findImage(root, `alpine@${digest}`)?.id).toStartWith("sha256:aa");
  expect(findImage(root, `alpine:3.1@${digest}`)?.id).toStartWith("sha256:aa");
  expect(findImage(root, `busybox@${digest}`)).toBeUndefined();
});

test("an image is found by its id, with or without algorithm, in full or by its beginning", () => {
  add(image("abc1", []), image("abd2", []));
  const full = "abc1".padEnd(64, "0");
  for (const text of ["abc", "abc1", "sha256:abc1", full, `sha256:${full}`]) {
    expect(findImage(root, text)?.id).toBe(`sha256:${full}`);
  }
  expect(findImage(root, "f")).toBeUndefined();
});

test("the beginning of several ids is refused", () => {
  add(image("abc1", []), image("abd2", []));
  expect(() => findImage(root, "ab")).toThrow("begins several ids");
});

test("a name goes before the beginning of an id", () => {
  add(image("cafe", []), image("dd", ["docker.io/library/cafe:latest"]));
  expect(findImage(root, "cafe")?.id).toStartWith("sha256:dd");
});

test("a text that can be no image is refused in docker's words", () => {
  expect(() => findImage(root, "Alpine")).toThrow("must be lowercase");
});

test("a change that throws leaves the index as it was", () => {
  add(image("aa", []));
  expect(() =>
    updateImages(root, () => {
      throw new Error("no");
    })
  ).toThrow("no");
  expect(listImages(root)).toHaveLength(1);
});

test("half an index left by a crash is not read", () => {
  add(image("aa", []));
  writeFileSync(`${root}/images.json.new`, '{"version":1,"ima');
  expect(listImages(root)).toHaveLength(1);
  add(image("bb", []));
  expect(listImages(root)).toHaveLength(2);
  expect(existsSync(`${root}/images.json.new`)).toBe(false);
});

test("an index of an unknown version or a broken one is refused by name", () => {
  writeFileSync(`${root}/images.json`, '{"version":9,"images":[]}');
  expect(() => listImages(root)).toThrow("another version");
  writeFileSync(`${root}/images.json`, "{");
  expect(() => listImages(root)).toThrow("images.json");
});

test("changes made by several processes at once are all kept", async () => {
  const script = `
    import { updateImages } from ${JSON.stringify(`${import.meta.dir}/image_index.ts`)};
    const [root, who] = process.argv.slice(-2);
    const id = (i) => "sha256:" + (who + i.toString(16)).padEnd(64, "0");
    const rest = { names: [], digests: [], config: {}, chainIDs: [], layers: [], platform: {},
      manifestDigest: "" };
    for (let i = 0; i < 20; i++) updateImages(root, (old) => [...old, { id: id(i), ...rest }]);
  `;
  writeFileSync(`${root}/writer.ts`, script);
  const writers = ["a", "b", "c"].map((who) =>
    Bun.spawn([process.execPath, `${root}/writer.ts`, root, who], { stderr: "inherit" })
  );
  for (const writer of writers) expect(await writer.exited).toBe(0);
  expect(listImages(root)).toHaveLength(60);
});

test("what is not a name of an image is in a file of its own, which goes with the image", () => {
  const [a, b] = [image("aa", ["docker.io/library/a:1"]), image("bb", [])];
  add(a, b);
  expect(readFileSync(`${root}/images.json`, "utf8")).not.toContain("architecture");
  expect(listImages(root)).toEqual([a, b]);
  expect(listEntries(root)[0]).toEqual({
    id: a.id,
    names: a.names,
    digests: [],
    created: "",
    size: 0,
  });
  updateImages(root, (old) => old.filter(({ id }) => id !== a.id));
  expect(readdirSync(`${root}/images`)).toEqual([`${b.id.slice(7)}.json`]);
});

test("a change of names alone leaves the record as it is", () => {
  add(image("aa", []));
  const path = `${root}/images/${"aa".padEnd(64, "0")}.json`;
  const before = statSync(path).ino;
  updateImages(root, (old) => old.map((entry) => ({ ...entry, names: ["localhost/x:1"] })));
  expect(findImage(root, "localhost/x:1")?.config.architecture).toBe("amd64");
  expect(statSync(path).ino).toBe(before);
});

test("an index in which a bit has flipped is read, and not written over", () => {
  add(image("aa", ["docker.io/library/a:1"]));
  const path = `${root}/images.json`;
  const flipped = readFileSync(path, "utf8").replace("library/a:1", "library/c:1");
  writeFileSync(path, flipped);
  expect(findImage(root, "c:1")).toBeDefined();
  expect(() => updateImages(root, () => [])).toThrow("it is not as it was written");
  expect(readFileSync(path, "utf8")).toBe(flipped);
  // Older versions wrote no sum.
  writeFileSync(path, flipped.replace(/,"sum":"[^"]*"/, ""));
  updateImages(root, (images) => images);
  expect(findImage(root, "c:1")).toBeDefined();
});

test("an index of version 1, which has the images whole, is read and carried over", () => {
  const old = image("aa", ["docker.io/library/a:1"]);
  writeFileSync(`${root}/images.json`, JSON.stringify({ version: 1, images: [old] }));
  expect(findImage(root, "a:1")).toEqual(old);
  add(image("bb", []));
  expect(readFileSync(`${root}/images.json`, "utf8")).toStartWith('{"version":2,');
  expect(findImage(root, "a:1")).toEqual(old);
});

test("a record that a killed writer left is swept, one that is missing is named", () => {
  add(image("aa", []));
  writeFileSync(`${root}/images/${"c".repeat(64)}.json.new`, "{");
  writeFileSync(`${root}/images/${"c".repeat(64)}.json`, "{}");
  add(image("bb", []));
  expect(readdirSync(`${root}/images`)).toHaveLength(2);
  rmSync(`${root}/images/${"aa".padEnd(64, "0")}.json`);
  expect(() => findImage(root, "aa")).toThrow("it is not there");
  writeFileSync(`${root}/images/${"aa".padEnd(64, "0")}.json`, "[]");
  expect(() => listImages(root)).toThrow("not an image's record");
});

test("an image that is removed between the reading of index and record is not there", () => {
  const gone = image("aa", []);
  add(image("bb", []));
  expect(wholeImage(root, entryOf(gone))).toBeUndefined();
});
