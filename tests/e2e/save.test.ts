/** What `save` writes is read by others, with the same digests. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { TSBOX, tsbox, tsboxOk, tsboxOnTerminal } from "../support/cli.ts";
import { digestOf, type PushedImage, pushImage } from "../support/images.ts";

let containers: BusyboxContainers;
let two: PushedImage;
const ok = (...args: string[]) => tsboxOk(args, containers);
const at = (name: string) => join(containers.home.path, name);
beforeAll(async () => {
  containers = await busyboxContainers();
  two = await pushImage(containers.registry, "two:v1", {
    layers: [[{ path: "added", content: "x", uid: 33, gid: 33 }], [{ path: ".wh.added" }]],
  });
  await ok("pull", "-q", two.reference);
  await ok("save", "-o", "two.tar", two.reference);
}, 60_000);
afterAll(() => containers.stop());

/** Runs a program that is not ours in the home; returns what it printed. */
function other(...command: string[]): string {
  const { path: cwd, env } = containers.home;
  const done = Bun.spawnSync(command, { cwd, env, stdin: "ignore" });
  if (done.success) return done.stdout.toString();
  throw new Error(`${command.join(" ")}: ${done.stdout}${done.stderr}`);
}

const configOf = (source: string) =>
  digestOf(
    new Uint8Array(
      Bun.spawnSync(["skopeo", "inspect", "--raw", "--config", source], {
        cwd: containers.home.path,
        env: containers.home.env,
      }).stdout,
    ),
  );

test("skopeo reads it as an OCI archive, with the manifest byte for byte", () => {
  const raw = other("skopeo", "inspect", "--raw", "oci-archive:two.tar");
  expect(digestOf(new TextEncoder().encode(raw))).toBe(two.manifest.digest);
  expect(configOf("oci-archive:two.tar")).toBe(two.config.digest);
});

test("skopeo reads it as a docker archive, with the same id and layers", () => {
  expect(configOf("docker-archive:two.tar")).toBe(two.config.digest);
  const seen = JSON.parse(other("skopeo", "inspect", "--config", "docker-archive:two.tar"));
  expect(seen.rootfs.diff_ids).toEqual(two.diffIds);
});

test("podman loads it under the same name and id", () => {
  const [root, run] = [at("podman"), at("podman-run")];
  const podman = ["podman", "--root", root, "--runroot", run, "--storage-driver", "vfs"];
  expect(other(...podman, "load", "-q", "-i", "two.tar")).toContain(two.reference);
  const [image] = JSON.parse(other(...podman, "image", "inspect", two.reference));
  expect(`sha256:${image.Id}`).toBe(two.config.digest);
  expect(image.RootFS.Layers).toEqual(two.diffIds);
  other(...podman, "rmi", "-f", two.reference);
});

test("umoci reads the layout", () => {
  mkdirSync(at("layout"));
  other("tar", "-xf", "two.tar", "-C", "layout");
  expect(other("umoci", "list", "--layout", "layout")).toBe("v1\n");
  const stat = JSON.parse(other("umoci", "stat", "--json", "--image", "layout:v1"));
  expect(stat.history.map((entry: { diff_id: string }) => entry.diff_id)).toEqual(two.diffIds);
});

test("two saves are equal, to a file and to a pipe", async () => {
  const child = Bun.spawn([TSBOX, "save", two.reference], { env: containers.home.env });
  const bytes = new Uint8Array(await child.stdout.bytes());
  expect(await child.exited).toBe(0);
  expect(digestOf(bytes)).toBe(digestOf(new Uint8Array(readFileSync(at("two.tar")))));
});

test("blobs that several images share are in the archive once", async () => {
  await ok("save", "-o", "both.tar", containers.image, two.reference);
  const names = other("tar", "-tf", "both.tar").trim().split("\n");
  expect(new Set(names).size).toBe(names.length);
  const documents = JSON.parse(other("tar", "-xOf", "both.tar", "manifest.json"));
  expect(documents.map(({ RepoTags }: { RepoTags: string[] }) => RepoTags)).toEqual([
    [containers.image],
    [two.reference],
  ]);
});

test("--format leaves out what the other kind of reader needs", async () => {
  await ok("save", "--format", "oci-archive", "-o", "oci.tar", two.reference);
  expect(other("tar", "-tf", "oci.tar")).not.toContain("manifest.json");
  expect(configOf("oci-archive:oci.tar")).toBe(two.config.digest);
  await ok("save", "--format", "docker-archive", "-o", "docker.tar", two.reference);
  expect(other("tar", "-tf", "docker.tar")).not.toContain("index.json");
  expect(configOf("docker-archive:docker.tar")).toBe(two.config.digest);
});

test("an image saved by its id has no name", async () => {
  await ok("save", "-o", "id.tar", two.config.digest);
  const [entry] = JSON.parse(other("tar", "-xOf", "id.tar", "manifest.json"));
  expect(entry.RepoTags).toBeNull();
});

test("a repository without a tag means all its tags", async () => {
  const { registry } = containers;
  for (const tag of ["a", "b"]) {
    const image = await pushImage(registry, `many:${tag}`, { busybox: false, layers: [[]] });
    await ok("pull", "-q", image.reference);
  }
  await ok("save", "-o", "many.tar", `${registry.host}/many`);
  const [entry] = JSON.parse(other("tar", "-xOf", "many.tar", "manifest.json"));
  expect(entry.RepoTags).toEqual([`${registry.host}/many:a`, `${registry.host}/many:b`]);
});

test("an archive is not written to a terminal", async () => {
  const session = tsboxOnTerminal(["save", two.reference], containers);
  expect(await session.exited).toBe(1);
  expect(session.output()).toContain("cowardly refusing to save to a terminal");
});

test("an unknown image, platform or folder is an error, and no file appears", async () => {
  const failed = async (...args: string[]) => {
    const { status, stderr } = await tsbox(["save", "-o", "none.tar", ...args], containers);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    return [status, stderr];
  };
  expect(await failed("nothing")).toEqual([1, expect.stringContaining("No such image: nothing")]);
  expect(await failed("--platform", "linux/s390x", two.reference)).toEqual([
    1,
    expect.stringContaining("does not provide the specified platform"),
  ]);
  expect(await failed("-o", "no/where.tar", two.reference)).toEqual([
    1,
    expect.stringContaining("invalid output path"),
  ]);
  expect(readdirSync(containers.home.path).filter((name) => name.includes("none"))).toEqual([]);
});

test("a changed blob is named, and an older file of that name stays", async () => {
  const [layer] = two.layers.slice(-1);
  const path = join(containers.home.dataRoot, "blobs", (layer?.digest ?? "").replace(":", "/"));
  const bytes = readFileSync(path);
  writeFileSync(path, Buffer.alloc(bytes.length));
  const before = statSync(at("two.tar")).ino;
  try {
    const { status, stderr } = await tsbox(["save", "-o", "two.tar", two.reference], containers);
    expect(status).toBe(1);
    expect(stderr).toContain(`${layer?.digest}: its content was changed`);
  } finally {
    writeFileSync(path, bytes);
  }
  expect(statSync(at("two.tar")).ino).toBe(before);
  expect(existsSync(at("two.tar"))).toBe(true);
});

test("a reader that goes away is no error to talk about", async () => {
  const child = Bun.spawn([
    "sh",
    "-c",
    `"$0" save ${two.reference} | head -c 1000 >/dev/null`,
    TSBOX,
  ], {
    env: containers.home.env,
    stderr: "pipe",
  });
  expect(await child.stderr.text()).toBe("");
});
