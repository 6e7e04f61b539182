/** `load` reads what others write, and runs it. */
import { namesInTmp } from "../support/busybox_containers.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  busyboxParts,
  imageParts,
  json,
  ociLayout,
  ociManifest,
  oldDockerArchive,
} from "../support/archives.ts";
import { type Home, makeHome, TSBOX, tsbox, tsboxOk, tsboxOnTerminal } from "../support/cli.ts";
import { digestOf, type PushedImage, pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import { tar } from "../support/tar.ts";

let home: Home;
let registry: RegistryProcess;
let pushed: PushedImage;
const at = (name: string) => join(home.path, name);
const ok = (...args: string[]) => tsboxOk(args, { home });
const file = (name: string, bytes: Uint8Array) => {
  writeFileSync(at(name), bytes);
  return name;
};

beforeAll(async () => {
  home = makeHome();
  registry = await startRegistry();
  pushed = await pushImage(registry, "two:v1", { layers: [[{ path: "added", content: "new" }]] });
}, 60_000);
afterAll(async () => {
  home.remove();
  await registry.stop();
});
beforeEach(async () => {
  const ids = (await ok("images", "-q", "--no-trunc")).trim().split("\n").filter(Boolean);
  if (ids.length > 0) await ok("rmi", "-f", ...ids);
});

function other(...command: string[]): string {
  const done = Bun.spawnSync(command, { cwd: home.path, env: home.env, stdin: "ignore" });
  if (done.success) return done.stdout.toString();
  throw new Error(`${command.join(" ")}: ${done.stdout}${done.stderr}`);
}

const sh = (image: string, script: string) =>
  ok("run", "--rm", "--network", "none", image, "sh", "-c", script);
const skopeo = (target: string) =>
  other("skopeo", "copy", "-q", "--src-tls-verify=false", `docker://${pushed.reference}`, target);
const inspected = async (image: string) => JSON.parse(await ok("image", "inspect", image))[0];

test("what save writes, load reads: with the same id, names and bytes", async () => {
  await ok("pull", "-q", pushed.reference);
  await ok("save", "-o", "saved.tar", pushed.reference);
  await ok("rmi", pushed.reference);
  expect(await ok("load", "-i", "saved.tar")).toBe(`Loaded image: ${pushed.reference}\n`);
  expect((await inspected(pushed.reference)).Id).toBe(pushed.config.digest);
  expect(await sh(pushed.reference, "cat /added")).toBe("new");
  await ok("save", "-o", "again.tar", pushed.reference);
  const digest = (name: string) => digestOf(new Uint8Array(readFileSync(at(name))));
  expect(digest("again.tar")).toBe(digest("saved.tar"));
});

test("a docker archive of skopeo is loaded from standard input, with its name", async () => {
  skopeo("docker-archive:skopeo.tar:example/two:v2");
  const stdin = new Uint8Array(readFileSync(at("skopeo.tar")));
  const { stdout, stderr, status } = await tsbox(["load"], { home, stdin });
  expect([stdout, stderr, status]).toEqual(["Loaded image: example/two:v2\n", "", 0]);
  expect((await inspected("example/two:v2")).RootFS.Layers).toEqual(pushed.diffIds);
  expect(await sh("example/two:v2", "cat /added")).toBe("new");
});

test("an OCI archive of skopeo keeps the digests of its layers", async () => {
  skopeo("oci-archive:oci.tar:example/oci:v3");
  expect(await ok("load", "-i", "oci.tar")).toBe("Loaded image: example/oci:v3\n");
  await ok("save", "-o", "oci2.tar", "example/oci:v3");
  const raw = JSON.parse(other("skopeo", "inspect", "--raw", "oci-archive:oci2.tar"));
  expect(raw.layers.map(({ digest }: { digest: string }) => digest))
    .toEqual(pushed.layers.map(({ digest }) => digest));
  expect(raw.config.digest).toBe(pushed.config.digest);
});

test("both kinds of archive of podman are loaded and run", async () => {
  const podman = ["podman", "--root", at("podman"), "--runroot", at("podman-run")];
  podman.push("--storage-driver", "vfs");
  skopeo("docker-archive:podman-in.tar:example/pod:1");
  other(...podman, "load", "-q", "-i", "podman-in.tar");
  for (const format of ["docker-archive", "oci-archive"]) {
    other(...podman, "save", "-q", "--format", format, "-o", `${format}.tar`, "example/pod:1");
    const loaded = await ok("load", "-i", `${format}.tar`);
    expect(loaded).toMatch(/^Loaded image: .*example\/pod:1\n$/);
    const name = loaded.trim().replace("Loaded image: ", "");
    expect((await inspected(name)).RootFS.Layers).toEqual(pushed.diffIds);
    expect(await sh(name, "cat /added")).toBe("new");
    await ok("rmi", name);
  }
  other(...podman, "rmi", "-a", "-f");
});

test("umoci's layout is loaded", async () => {
  other("mkdir", "umoci");
  skopeo("oci:umoci:v1");
  other("umoci", "tag", "--image", "umoci:v1", "second");
  other("umoci", "config", "--image", "umoci:second", "--config.env", "A=umoci");
  other("tar", "-cf", "umoci.tar", "-C", "umoci", ".");
  const lines = (await ok("load", "-i", "umoci.tar")).trim().split("\n");
  expect(lines).toHaveLength(2);
  const ids = lines.map((line) => line.replace("Loaded image ID: ", ""));
  expect(ids[0]).toBe(pushed.config.digest);
  expect(await sh(ids[1] ?? "", "echo $A")).toBe("umoci\n");
});

test("docker's old archives have links for layers that are there twice", async () => {
  const added = [{ path: "added", content: "1" }];
  const parts = busyboxParts(added, [{ path: ".wh.added" }], added);
  file("old.tar", tar(oldDockerArchive(parts, ["old:1", "old:2"])));
  expect(await ok("load", "-i", "old.tar")).toBe("Loaded image: old:1\nLoaded image: old:2\n");
  expect((await inspected("old:1")).Id).toBe(parts.id);
  expect(await sh("old:2", "cat /added")).toBe("1");
});

test("archives may be compressed by gzip or zstd, and other compressions are named", async () => {
  const parts = busyboxParts();
  const plain = tar(oldDockerArchive(parts, ["packed:1"]));
  file("packed.gz", Bun.gzipSync(plain));
  file("packed.zst", Bun.zstdCompressSync(plain));
  for (const name of ["packed.gz", "packed.zst"]) {
    expect(await ok("load", "-i", name)).toBe("Loaded image: packed:1\n");
    expect(await sh("packed:1", "echo works")).toBe("works\n");
    await ok("rmi", "packed:1");
  }
  file("small", tar(oldDockerArchive(imageParts([]), ["small:1"])));
  for (const tool of ["xz", "bzip2"]) {
    other(tool, "-k", "small");
    const name = tool === "xz" ? "small.xz" : "small.bz2";
    const { status, stderr } = await tsbox(["load", "-i", name], { home });
    expect([status, stderr]).toEqual([1, expect.stringContaining(`compressed by ${tool}`)]);
  }
});

test("an image without a name is told by its id", async () => {
  const parts = busyboxParts();
  file("nameless.tar", tar(oldDockerArchive(parts, [])));
  expect(await ok("load", "-i", "nameless.tar")).toBe(`Loaded image ID: ${parts.id}\n`);
  expect(await ok("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe("<none>:<none>\n");
});

test("a name that moves from another image is said, and the other stays without it", async () => {
  const [one, two] = [busyboxParts(), busyboxParts([{ path: "x", content: "x" }])];
  file("one.tar", tar(oldDockerArchive(one, ["moving:1"])));
  file("two.tar", tar(oldDockerArchive(two, ["moving:1"])));
  await ok("load", "-i", "one.tar");
  expect(await ok("load", "-i", "two.tar")).toBe(
    `The image moving:1 already exists, renaming the old one with ID ${one.id} to empty string\n` +
      "Loaded image: moving:1\n",
  );
  expect(await ok("images", "-q", "--no-trunc", "--filter", "dangling=true")).toBe(`${one.id}\n`);
});

test("several images of one archive are all loaded", async () => {
  const [one, two] = [busyboxParts(), imageParts([[{ path: "y" }]])];
  const [a, b] = [oldDockerArchive(one, ["a:1"]), oldDockerArchive(two, ["b:1"])];
  const documents = [a, b].map((members) => {
    const manifest = members.find(({ path }) => path === "manifest.json");
    return JSON.parse(new TextDecoder().decode(manifest?.content as Uint8Array))[0];
  });
  documents[1].Layers = documents[1].Layers.map((path: string) => `second/${path}`);
  const rest = a.filter(({ path }) => path !== "manifest.json" && path !== "repositories");
  const moved = b.filter(({ path }) => path.endsWith("layer.tar"))
    .map((member) => ({ ...member, path: `second/${member.path}` }));
  const config = b.filter(({ path }) => path.endsWith(".json") && path !== "manifest.json");
  const manifest = { path: "manifest.json", content: json(documents) };
  file("several.tar", tar([manifest, ...rest, ...moved, ...config]));
  expect(await ok("load", "-i", "several.tar")).toBe("Loaded image: a:1\nLoaded image: b:1\n");
});

test("of an index the image for this machine is taken, or the one the settings or a flag want", async () => {
  const parts = ["amd64", "arm64", "s390x"].map((architecture) =>
    imageParts([[{ path: architecture }]], { architecture })
  );
  const manifests = parts.map((part, i) => {
    const architecture = ["amd64", "arm64", "s390x"][i] ?? "";
    return ociManifest(part, { platform: { os: "linux", architecture } });
  });
  const index = json({ schemaVersion: 2, manifests: manifests.map(({ entry }) => entry) });
  const blobs = parts.flatMap(({ config, layers }) => [config, ...layers]);
  const top = {
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest: digestOf(index),
    size: index.length,
    annotations: { "io.containerd.image.name": "docker.io/library/nested:1" },
  };
  const all = [index, ...manifests.map(({ bytes }) => bytes), ...blobs];
  file("nested.tar", tar(ociLayout(all, [top])));
  const idOf = async () => (await inspected("nested:1")).Id;
  await ok("load", "-i", "nested.tar");
  expect(await idOf()).toBe(parts[process.arch === "arm64" ? 1 : 0]?.id);
  await ok("--default-platform", "linux/s390x", "load", "-i", "nested.tar");
  expect(await idOf()).toBe(parts[2]?.id);
  await ok("--default-platform", "linux/s390x", "load", "--platform", "arm64", "-i", "nested.tar");
  expect(await idOf()).toBe(parts[1]?.id);
  expect(await ok("load", "--platform", "linux/s390x", "-i", "nested.tar"))
    .toEndWith("Loaded image: nested:1\n");
  expect(await idOf()).toBe(parts[2]?.id);
  const none = await tsbox(["load", "--platform", "linux/386", "-i", "nested.tar"], { home });
  expect([none.status, none.stderr]).toEqual([1, expect.stringContaining("no matching manifest")]);
});

test("two loads at once share the work and both succeed", async () => {
  file("shared.tar", tar(oldDockerArchive(busyboxParts([{ path: "z" }]), ["shared:1"])));
  const results = await Promise.all([1, 2, 3].map(() => ok("load", "-i", "shared.tar")));
  expect(new Set(results)).toEqual(new Set(["Loaded image: shared:1\n"]));
  expect(await sh("shared:1", "test -f /z && echo yes")).toBe("yes\n");
  expect(namesInTmp(home.dataRoot)).toEqual([]);
});

test("an image that was pulled keeps its digests when it is loaded", async () => {
  await ok("pull", "-q", pushed.reference);
  skopeo("docker-archive:known.tar:known:1");
  expect(await ok("load", "-i", "known.tar")).toBe("Loaded image: known:1\n");
  const { RepoDigests, RepoTags } = await inspected("known:1");
  expect(RepoDigests).toEqual([pushed.pinned]);
  expect(RepoTags.sort()).toEqual([pushed.reference, "known:1"].sort());
  await ok("save", "-o", "still.tar", "known:1");
  const raw = other("skopeo", "inspect", "--raw", "oci-archive:still.tar");
  expect(digestOf(new TextEncoder().encode(raw))).toBe(pushed.manifest.digest);
});

test("a load that is interrupted or killed leaves a store that works", async () => {
  const parts = busyboxParts([{ path: "big", content: new Uint8Array(30_000_000) }]);
  file("cut.tar", tar(oldDockerArchive(parts, ["cut:1"])));
  other("mkfifo", "pipe");
  const tmp = join(home.dataRoot, "tmp");
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    const feed = "exec >pipe; head -c 20000000 cut.tar; exec sleep 20";
    const feeder = Bun.spawn(["sh", "-c", feed], { cwd: home.path, stdin: "ignore" });
    const child = Bun.spawn([TSBOX, "load", "-i", at("pipe")], { env: home.env, stderr: "ignore" });
    while (!readdirSync(tmp).some((name) => /^load-[0-9a-f]+$/.test(name))) await Bun.sleep(5);
    await Bun.sleep(50);
    child.kill(signal);
    await child.exited;
    expect(child.exitCode).toBe(signal === "SIGINT" ? 130 : null);
    feeder.kill();
    if (signal === "SIGINT") expect(readdirSync(tmp)).toEqual([]);
  }
  expect(await ok("load", "-i", "cut.tar")).toBe("Loaded image: cut:1\n");
  expect(namesInTmp(home.dataRoot)).toEqual([]);
});

test("an image with one bad layer leaves neither its good layers nor its blobs", async () => {
  const left = () =>
    ["layers", "blobs/sha256", "blobs/partial", "tmp"]
      .map((folder) => readdirSync(join(home.dataRoot, folder)));
  const before = left();
  const good = [{ path: "good", content: String(Math.random()) }];
  const outside = imageParts([good, [{ path: "../outside", content: "x" }]]);
  const hidden = imageParts([good, [{ path: "x" }]]);
  // What a compressed layer really is shows only when it is unpacked.
  hidden.layers[1] = Bun.gzipSync(tar([{ path: "another" }]));
  for (const [parts, why] of [[outside, "leaves the layer"], [hidden, "the image says"]] as const) {
    const stdin = tar(oldDockerArchive(parts, ["bad:1"]));
    const { status, stdout, stderr } = await tsbox(["load"], { home, stdin });
    expect([status, stdout, stderr.trim().split("\n").length]).toEqual([1, "", 1]);
    expect(stderr).toContain(why);
  }
  expect(left()).toEqual(before);
  expect(await ok("images", "-q")).toBe("");
});

test("a terminal is no archive, and a missing file is named", async () => {
  const session = tsboxOnTerminal(["load"], { home });
  expect(await session.exited).toBe(1);
  expect(session.output()).toContain("requested load from stdin, but stdin is empty");
  const { status, stderr } = await tsbox(["load", "-i", "nowhere.tar"], { home });
  expect([status, stderr]).toEqual([1, `tsbox: Cannot read "nowhere.tar": no such file\n`]);
  expect(existsSync(at("nowhere.tar"))).toBe(false);
});
