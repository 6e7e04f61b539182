import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { commandLine } from "../../../tests/support/command_line.ts";
import {
  exitedState,
  imageId,
  imageOf,
  storeContainer,
  storeImages,
  storeSizes,
} from "../../../tests/support/container_records.ts";
import { digestOf } from "../../oci/digest.ts";
import { listImages } from "../../storage/image_index.ts";

let home = "";
let store = "";
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/image-commands-`);
  store = `${home}/tsbox`;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const run = (...argv: string[]) => commandLine(home, argv);

async function out(...argv: string[]): Promise<string> {
  const result = await run(...argv);
  expect([result.status, result.err]).toEqual([0, ""]);
  return result.out;
}

async function failure(...argv: string[]): Promise<string> {
  const { status, err } = await run(...argv);
  expect(status).toBe(1);
  return err;
}

const names = () => listImages(store).map(({ id, names }) => [id.slice(7, 8), names]);

/** An image with a config in the content store; returns its id. */
function storeConfig(history: unknown[], chainIDs: string[], process?: unknown): string {
  const config = {
    config: process,
    architecture: "arm64",
    os: "linux",
    docker_version: "27.1",
    rootfs: { type: "layers", diff_ids: chainIDs },
    history,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(config));
  const id = digestOf(bytes);
  const platform = { os: "linux", architecture: "arm64" };
  storeImages(store, [imageOf("a", { id, chainIDs, platform, digests: [] })]);
  writeFileSync(`${store}/blobs/sha256/${id.slice(7)}`, bytes);
  return id;
}

test("tag gives an image one more name, and takes it from the one that had it", async () => {
  storeImages(store, [imageOf("a"), imageOf("b", { names: ["localhost/app:1"] })]);
  expect(await out("tag", "busybox", "localhost/app:1")).toBe("");
  expect(names()).toEqual([
    ["a", ["docker.io/library/busybox:latest", "localhost/app:1"]],
    ["b", []],
  ]);
  expect(await out("image", "tag", "bbb", "team/tool")).toBe("");
  expect(names()[1]).toEqual(["b", ["docker.io/team/tool:latest"]]);
  expect(await out("images", "-q", "-f", "dangling=true")).toBe("");
});

test("tag again changes nothing, and inspect tells when an image was tagged", async () => {
  storeImages(store, [imageOf("a")]);
  const time = () => out("image", "inspect", "-f", "{{.Metadata.LastTagTime}}", "busybox");
  expect(await time()).toBe("0001-01-01T00:00:00Z\n");
  for (let i = 0; i < 2; i++) await out("tag", imageId("a"), "x:1");
  expect(names()).toEqual([["a", ["docker.io/library/busybox:latest", "docker.io/library/x:1"]]]);
  expect(Date.now() - Date.parse((await time()).trim())).toBeLessThan(60_000);
});

test("tag refuses what is no name, and an image that is not there", async () => {
  storeImages(store, [imageOf("a")]);
  expect(await failure("tag", "busybox", "Upper")).toMatch(
    /^tsbox: Error parsing reference: "Upper" is not a valid repository\/tag: .* must be lowercase\n$/,
  );
  expect(await failure("tag", "a b", "x")).toContain(
    'Error parsing reference: "a b" is not a valid',
  );
  expect(await failure("tag", "busybox", `x@${imageId("a")}`)).toBe(
    "tsbox: refusing to create a tag with a digest reference\n",
  );
  expect(await failure("tag", "busybox", "sha256:1")).toContain("ambiguous tag");
  expect(await failure("tag", "nope", "x")).toStartWith("tsbox: No such image: nope:latest");
  expect((await run("tag", "busybox")).status).toBe(1);
  expect(names()).toEqual([["a", ["docker.io/library/busybox:latest"]]]);
});

test("history shows every step, newest first, with the sizes of the layers", async () => {
  const chainIDs = [imageId("1"), imageId("2")];
  const day = new Date(Date.now() - 49 * 3_600_000).toISOString();
  const id = storeConfig([
    { created: "1970-01-01T00:00:00Z", created_by: "ADD rootfs.tar /" },
    { created: day, created_by: "ENV A=1", empty_layer: true },
    { created: day, created_by: `RUN ${"x".repeat(60)}`, comment: "by hand" },
  ], chainIDs);
  storeSizes(store, { layers: { [imageId("1")]: 4_260_000, [imageId("2")]: 12 } });
  const rows = (await out("history", "busybox")).split("\n").map((line) => line.split(/ {2,}/));
  expect(rows).toEqual([
    ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"],
    [id.slice(7, 19), "2 days ago", `RUN ${"x".repeat(40)}…`, "12B", "by hand"],
    ["<missing>", "2 days ago", "ENV A=1", "0B", ""],
    ["<missing>", "ADD rootfs.tar /", "4.26MB", ""],
    [""],
  ]);
  expect(await out("history", "-q", "--no-trunc", "busybox")).toBe(
    `${id}\n<missing>\n<missing>\n`,
  );
  const plain = await out("image", "history", "--human=false", "--no-trunc", "busybox");
  expect(plain).toMatch(/<missing> +1970-01-01T00:00:00Z +ADD rootfs.tar \/ +4260000 /);
  expect(await out("history", "--format", "{{.CreatedBy}}|{{.Size}}", "busybox")).toEndWith(
    "ADD rootfs.tar /|4.26MB\n",
  );
});

test("history and image inspect of another platform than the image's are refused", async () => {
  storeConfig([{ created_by: "COPY . /" }], [imageId("1")]);
  for (const command of [["history"], ["image", "inspect"]]) {
    expect((await run(...command, "--platform", "linux/arm64", "busybox")).status).toBe(0);
    expect(await failure(...command, "--platform", "linux/amd64", "busybox")).toContain(
      "was found but does not provide the specified platform (linux/amd64); it is for linux/arm64",
    );
  }
});

test("history notices a config that is not what its name says", async () => {
  const id = storeConfig([], [imageId("1")]);
  writeFileSync(`${store}/blobs/sha256/${id.slice(7)}`, "{}");
  expect(await failure("history", "busybox")).toContain("its content is not what its name says");
});

test("image inspect tells what is only in the config document", async () => {
  storeConfig([{ comment: "buildkit" }], [imageId("1")]);
  const format = "{{.DockerVersion}} {{.Comment}} {{.Architecture}}";
  expect(await out("image", "inspect", "-f", format, "busybox")).toBe("27.1 buildkit arm64\n");
});

test("image inspect tells what only a build looks at, as far as it is what it must be", async () => {
  const format = "{{json .Config.OnBuild}} {{json .Config.Shell}} {{.Config.ArgsEscaped}}";
  const inspect = (config: unknown) =>
    out("image", "inspect", "-f", format, storeConfig([], [], config));
  const said = { OnBuild: ["RUN make"], Shell: ["/bin/bash", "-c"], ArgsEscaped: true };
  expect(await inspect(said)).toBe('["RUN make"] ["/bin/bash","-c"] true\n');
  expect(await inspect({ OnBuild: { "0": "RUN make" } })).toBe("[] [] false\n");
});

test("image prune takes dangling images that no container uses, and says what that gave", async () => {
  storeImages(store, [
    imageOf("a"),
    imageOf("b", { names: [], chainIDs: [imageId("1"), imageId("2")] }),
    imageOf("c", { names: [], digests: [], chainIDs: [imageId("1")] }),
  ]);
  storeSizes(store, {
    layers: { [imageId("1")]: 1000, [imageId("2")]: 20_000 },
    blobs: { [imageId("b")]: 300 },
  });
  const image = { reference: "c", id: imageId("c") };
  storeContainer(store, "user", exitedState(0), {}, { image }).lock.release();
  expect(await out("image", "prune", "-f")).toBe(
    `Deleted Images:\nuntagged: busybox@${imageId("b")}\ndeleted: ${imageId("b")}\n` +
      `deleted: ${imageId("2")}\n\nTotal reclaimed space: 20.3kB\n`,
  );
  expect(names().map(([id]) => id)).toEqual(["a", "c"]);
  expect(existsSync(`${store}/layers/${"1".repeat(64)}`)).toBe(true);
  expect(await out("image", "prune", "-f")).toBe("Total reclaimed space: 0B\n");
});

test("image prune -a takes named ones too, all names of them, and obeys its filters", async () => {
  const base = imageOf("a");
  storeImages(store, [
    imageOf("a", { names: ["docker.io/library/x:1", "localhost/y:2"], digests: [] }),
    imageOf("b", {
      names: ["docker.io/library/z:1"],
      digests: [],
      created: "2024-06-01T00:00:00Z",
      config: { ...base.config, labels: { keep: "yes" } },
    }),
  ]);
  expect(await out("image", "prune", "-af", "--filter", "until=2023-01-01")).toBe(
    "Total reclaimed space: 0B\n",
  );
  expect(await out("image", "prune", "-af", "--filter", "label=keep=no")).toContain(" 0B\n");
  expect(await out("image", "prune", "-af", "--filter", "label!=keep")).toStartWith(
    `Deleted Images:\nuntagged: x:1\nuntagged: localhost/y:2\ndeleted: ${imageId("a")}\n`,
  );
  expect(names().map(([id]) => id)).toEqual(["b"]);
  expect(await failure("image", "prune", "-f", "--filter", "until=soon")).toContain(
    'Cannot read "soon" as a time',
  );
  expect(await failure("image", "prune", "-f", "--filter", "colour=red")).toContain(
    "invalid filter 'colour'",
  );
});

test("images --tree shows platforms and what images take of the disk", async () => {
  const names = ["docker.io/library/busybox:1", "docker.io/library/busybox:latest"];
  storeImages(store, [
    imageOf("a", { names }),
    imageOf("b", { names: [], digests: [], created: "2020-01-01T00:00:00Z" }),
  ]);
  storeSizes(store, { layers: { [imageId("a")]: 1500 }, blobs: { [imageId("a")]: 500 } });
  storeContainer(store, "user", exitedState(0)).lock.release();
  expect(await out("images", "--tree")).toBe([
    "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.",
    "IMAGE            ID             DISK USAGE   CONTENT SIZE   USED",
    "busybox:1     ",
    "busybox:latest   aaaaaaaaaaaa          2kB           500B    ✔  ",
    "└─ linux/amd64   aaaaaaaaaaaa          2kB           500B    ✔  ",
    "",
    "<untagged>       bbbbbbbbbbbb           0B             0B       ",
    "└─ linux/amd64   bbbbbbbbbbbb           0B             0B       ",
    "",
  ].join("\n"));
  expect(await out("images", "--tree", "nothing")).toEndWith("   USED\n");
  expect(await failure("images", "--tree", "-q")).toBe(
    "tsbox: --quiet is not yet supported with --tree\n",
  );
});

test("images knows the shared and the unique part of a size when it is asked for", async () => {
  storeImages(store, [
    imageOf("a", { size: 30, chainIDs: [imageId("1"), imageId("2")] }),
    imageOf("b", { names: ["localhost/b:1"], digests: [], size: 10, chainIDs: [imageId("1")] }),
  ]);
  storeSizes(store, { layers: { [imageId("1")]: 10, [imageId("2")]: 20 } });
  const format = "{{.Repository}} {{.Size}} {{.SharedSize}} {{.UniqueSize}}";
  expect(await out("images", "--format", format)).toBe(
    "busybox 30B 10B 20B\nlocalhost/b 10B 10B 0B\n",
  );
});
