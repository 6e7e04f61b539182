import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseReference } from "../oci/reference.ts";
import {
  findImage,
  findImageIn,
  listImages,
  type StoredImage,
  updateImages,
} from "./image_index.ts";
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
    for (let i = 0; i < 20; i++) updateImages(root, (old) => [...old, { id: who + i }]);
  `;
  writeFileSync(`${root}/writer.ts`, script);
  const writers = ["a", "b", "c"].map((who) =>
    Bun.spawn([process.execPath, `${root}/writer.ts`, root, who], { stderr: "inherit" })
  );
  for (const writer of writers) expect(await writer.exited).toBe(0);
  expect(JSON.parse(readFileSync(`${root}/images.json`, "utf8")).images).toHaveLength(60);
});
