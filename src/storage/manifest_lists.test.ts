import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { digestOf } from "../oci/digest.ts";
import type { ListedImage } from "../oci/manifest_list.ts";
import { storePaths } from "./layout.ts";
import { readManifestList, removeManifestList, updateManifestList } from "./manifest_lists.ts";

let root: string;

beforeEach(() => {
  root = `${mkdtempSync(`${tmpdir()}/lists-`)}/store`;
});

afterEach(() => {
  rmSync(root.replace(/\/store$/, ""), { recursive: true });
});

function image(name: string): ListedImage {
  const raw = Uint8Array.from([0, 255, 1, 254]);
  const platform = { architecture: "amd64", os: "linux" };
  return { name, raw, descriptor: { mediaType: "m", digest: digestOf(raw), size: 4, platform } };
}

const LIST = "docker.io/library/list:latest";

test("a list is kept as it was put together, in docker's order, until it is removed", () => {
  expect(readManifestList(root, LIST)).toBeUndefined();
  updateManifestList(root, LIST, () => [image("r.io/b:1"), image("r.io/a/x:1")]);
  updateManifestList(root, LIST, (images = []) => [...images, image("r.io/a:2")]);
  const names = readManifestList(root, LIST)?.map(({ name }) => name);
  expect(names).toEqual(["r.io/a:2", "r.io/a/x:1", "r.io/b:1"]);
  expect(readManifestList(root, LIST)?.[0]).toMatchObject({ raw: Buffer.from([0, 255, 1, 254]) });
  expect(removeManifestList(root, LIST)).toBe(true);
  expect(removeManifestList(root, LIST)).toBe(false);
});

test("a change that fails leaves the list as it was", () => {
  updateManifestList(root, LIST, () => [image("r.io/a:1")]);
  const change = () => {
    throw new Error("no");
  };
  expect(() => updateManifestList(root, LIST, change)).toThrow("no");
  expect(readManifestList(root, LIST)?.length).toBe(1);
});

test("a file that is no list is named, and can be removed", () => {
  updateManifestList(root, LIST, () => []);
  const folder = storePaths(root).manifestLists;
  const [name = ""] = readdirSync(folder).filter((name) => name.endsWith(".json"));
  for (const text of ["{", "[]", `{"version":2}`]) {
    writeFileSync(`${folder}/${name}`, text);
    expect(() => readManifestList(root, LIST)).toThrow(
      expect.objectContaining({
        code: "corrupt",
        hint: `remove it with 'tsbox manifest rm ${LIST}'`,
      }),
    );
  }
  expect(removeManifestList(root, LIST)).toBe(true);
});
