/** What archives must not get away with; everything here ends before a layer is unpacked. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  blobMember,
  type ImageParts,
  imageParts,
  json,
  ociLayout,
  ociManifest,
  oldDockerArchive,
} from "../../../tests/support/archives.ts";
import { tar, type TarEntry } from "../../../tests/support/tar.ts";
import { TsboxError } from "../../errors.ts";
import { hostPlatform, parsePlatform } from "../../oci/platform.ts";
import type { ArchiveInput } from "./input.ts";
import { readArchive } from "./read_archive.ts";

let dataRoot: string;
/** Of the latest reading. */
let folder: string;
let readings = 0;
beforeEach(() => {
  dataRoot = mkdtempSync(join(tmpdir(), "tsbox-archive-"));
});
afterEach(() => rmSync(dataRoot, { recursive: true }));

const parts = imageParts([[{ path: "file", content: "content" }], [{ path: "second" }]]);
const docker = (more: Partial<ImageParts> = {}) =>
  oldDockerArchive({ ...parts, ...more }, ["name:1"]);
const without = (members: readonly TarEntry[], suffix: string) =>
  members.filter(({ path }) => !path.endsWith(suffix));
const changed = (members: readonly TarEntry[], suffix: string, change: Partial<TarEntry>) =>
  members.map((member) => member.path.endsWith(suffix) ? { ...member, ...change } : member);

function inputOf(bytes: Uint8Array): ArchiveInput {
  return {
    name: '"a.tar"',
    async *pieces() {
      for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
    },
  };
}

function read(bytes: Uint8Array, bounds: { maxBytes?: number; platform?: string } = {}) {
  const { maxBytes = 1e9, platform } = bounds;
  const asked = platform === undefined ? undefined : parsePlatform(platform);
  folder = join(dataRoot, `spool-${readings++}`);
  mkdirSync(folder);
  return readArchive({
    input: inputOf(bytes),
    folder,
    maxBytes,
    dataRoot,
    platform: { asked, best: asked ?? hostPlatform() },
    signal: new AbortController().signal,
  });
}

/** Code and message of what reading ends with; the message is one line. */
async function failure(members: readonly TarEntry[], platform?: string): Promise<string> {
  try {
    await read(tar(members), platform === undefined ? {} : { platform });
  } catch (error) {
    if (!(error instanceof TsboxError)) throw error;
    expect(error.message).not.toContain("\n");
    expect(error.message).not.toContain("the layer:");
    return `${error.code}: ${error.message}`;
  }
  return "no error";
}

test("an archive in order is read with names, digests and files", async () => {
  const [image] = await read(tar(docker()));
  expect(image?.names).toEqual(["docker.io/library/name:1"]);
  expect<string | undefined>(image?.manifest.config.digest).toBe(parts.id);
  expect(image?.manifest.layers.map<string>(({ digest }) => digest)).toEqual(parts.diffIds);
  expect([...image?.files.keys() ?? []].map(String)).toEqual(parts.diffIds);
});

test("names that lead out of the archive are refused, and nothing is written there", async () => {
  expect(await failure([{ path: "../out", content: "x" }])).toContain("leaves the layer");
  expect(await failure([{ path: "a/../../out", content: "x" }])).toStartWith("corrupt:");
  expect(existsSync(join(dataRoot, "out"))).toBe(false);
  // An absolute name counts from the top of the archive, where it means nothing.
  expect(await failure([{ path: "/etc/passwd", content: "x" }])).toContain("no archive of images");
  expect(readdirSync(folder)).toHaveLength(1);
});

test("links are followed within the archive only", async () => {
  const linked = (target: string) =>
    failure(changed(docker(), "layer.tar", { type: "symlink", target, content: "" }));
  expect(await linked("../../../etc/passwd")).toStartWith("corrupt:");
  expect(await linked("/etc/passwd")).toContain("leads out of it");
  expect(await linked("layer.tar")).toContain("leads nowhere");
  expect(await linked("nothing")).toContain("it has no");
});

test("a manifest.json that leads elsewhere is refused", async () => {
  const manifest = (entry: unknown) =>
    failure(changed(docker(), "manifest.json", { content: json([entry]) }));
  expect(await manifest({ Config: "../../etc/passwd", Layers: [] })).toStartWith("corrupt:");
  const [config] = docker().filter(({ path }) => /^[0-9a-f]{64}\.json$/.test(path));
  const entry = { Config: config?.path, RepoTags: ["a:1"], Layers: ["/etc/passwd", "x"] };
  expect(await manifest(entry)).toContain('it has no "/etc/passwd"');
  expect(await manifest({ ...entry, RepoTags: ["Bad:Name"] })).toStartWith("invalid-argument:");
  expect(await manifest({ ...entry, Layers: [] })).toContain("it has 0 layers, its config 2");
  expect(await manifest("text")).toStartWith("corrupt:");
});

test("documents that are too large, missing or no JSON are refused", async () => {
  const huge = new Uint8Array(5 * 1024 * 1024).fill(32);
  expect(await failure(changed(docker(), "manifest.json", { content: huge })))
    .toStartWith("limit-exceeded:");
  expect(await failure(changed(docker(), "manifest.json", { content: "[{" }))).toContain(
    "not JSON",
  );
  expect(await failure(changed(docker(), "manifest.json", { content: "[]" }))).toContain(
    "no image",
  );
  expect(await failure(without(docker(), "manifest.json"))).toContain("no archive of images");
  const config = docker().filter(({ path }) => !/^[0-9a-f]{64}\.json$/.test(path));
  expect(await failure(config)).toContain("it has no");
  expect(await failure([])).toContain("no archive of images");
});

test("a layer that is not what the config says is refused before it is unpacked", async () => {
  const members = changed(docker(), "layer.tar", { content: tar([{ path: "other" }]) });
  expect(await failure(members)).toMatch(/^corrupt: .* is sha256:.*, its config says sha256:/);
});

test("members that are there twice must be equal", async () => {
  const manifest = docker().filter(({ path }) => path === "manifest.json");
  expect(await failure([...docker(), ...manifest])).toBe("no error");
  const other = changed(manifest, "manifest.json", { content: "[]" });
  expect(await failure([...docker(), ...other])).toContain("two different members");
});

test("devices, pipes and sparse files have no business in an archive of images", async () => {
  const device = { path: "d", type: "char", device: { major: 1, minor: 3 } } as const;
  expect(await failure([device])).toContain("is no file");
  expect(await failure([{ path: "p", type: "fifo" }])).toContain("is no file");
  const pax = { "GNU.sparse.map": "0,1", "GNU.sparse.size": "1000000" };
  expect(await failure([{ path: "s", content: "x", pax }])).toContain("sparse");
});

test("bombs end at the bound, whatever they are packed in", async () => {
  const bytes = tar([{ path: "zeros", content: new Uint8Array(20_000_000) }]);
  for (const packed of [bytes, Bun.gzipSync(bytes), new Uint8Array(Bun.zstdCompressSync(bytes))]) {
    await expect(read(packed, { maxBytes: 1_000_000 })).rejects.toThrow("more than 1000000 bytes");
  }
});

test("too many members, and names that are too long, are refused", async () => {
  const many = Array.from(
    { length: 20_001 },
    (_, i) => ({ path: `d${i}/`, type: "directory" } as const),
  );
  expect(await failure(many)).toContain("more than 20000 members");
  expect(await failure([{ path: "n".repeat(2000), content: "x" }])).toContain("is too long");
});

test("an archive that is cut is refused", async () => {
  const bytes = tar(docker());
  await expect(read(bytes.slice(0, 5000))).rejects.toThrow('Cannot load "a.tar": ');
  const packed = Bun.gzipSync(bytes);
  await expect(read(packed.slice(0, packed.length / 2))).rejects.toThrow('Cannot load "a.tar": ');
});

test("blobs of a layout must be there, and be what their names say", async () => {
  const { bytes, entry } = ociManifest(parts);
  const all = [bytes, parts.config, ...parts.layers];
  const layout = (blobs: Uint8Array<ArrayBuffer>[], more: TarEntry[] = []) =>
    failure([...ociLayout(blobs, [entry]), ...more]);
  expect(await layout(all)).toBe("no error");
  for (const missing of all) {
    const name = blobMember(missing).path.replace("blobs/sha256/", "sha256:");
    expect(await layout(all.filter((blob) => blob !== missing))).toContain(`no blob ${name}`);
    const lie = { ...blobMember(missing), content: "another" };
    expect(await layout(all.filter((blob) => blob !== missing), [lie])).toContain(name);
  }
});

test("an index that leads in circles or to what is no image ends", async () => {
  const type = "application/vnd.oci.image.index.v1+json";
  let inner = json({ schemaVersion: 2, manifests: [] });
  const blobs = [inner];
  for (let depth = 0; depth < 10; depth++) {
    const entry = { mediaType: type, digest: "", size: inner.length };
    entry.digest = blobMember(inner).path.replace("blobs/sha256/", "sha256:");
    inner = json({ schemaVersion: 2, manifests: [entry] });
    blobs.push(inner);
  }
  const digest = blobMember(inner).path.replace("blobs/sha256/", "sha256:");
  const entry = { mediaType: type, digest, size: inner.length };
  expect(await failure(ociLayout(blobs, [entry]))).toContain("too deep");
  expect(await failure(ociLayout([], [{ ...entry, mediaType: "text/plain" }]))).toContain(
    "no blob",
  );
});

test("a platform that no image is for is said", async () => {
  expect(await failure(docker(), "linux/s390x")).toContain("not for linux/s390x");
});
