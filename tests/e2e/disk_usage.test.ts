/** `system df` against what the files of the store say, and the prune commands, through the executable. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { type CliResult, tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";

let box: BusyboxContainers;

beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });

/** Runs a script in a container that stays. */
const stay = (name: string, script: string, image = box.image) =>
  ok("run", "--network", "none", "--name", name, image, "sh", "-c", script);

/** Bytes of the plain files below folders of the store, each once, as root of the user namespace sees them. */
function bytesBelow(...folders: string[]): number {
  const paths = folders.map((folder) => `${box.home.dataRoot}/${folder}`);
  const find = ["find", ...paths, "-type", "f", "!", "-name", "layer.json", "-printf", "%i %s\n"];
  const { stdout, stderr, success } = Bun.spawnSync([
    ...["unshare", "--user", "--map-auto", "--map-root-user"],
    ...find,
  ]);
  if (!success) throw new Error(stderr.toString());
  const files = new Map(
    stdout.toString().trim().split("\n").map((line) => line.split(" ")).map((
      [inode = "", size],
    ) => [
      inode,
      Number(size),
    ]),
  );
  return [...files.values()].reduce((sum, size) => sum + size, 0);
}

async function rows(): Promise<Record<string, Record<string, string>>> {
  const lines = (await ok("system", "df", "--format", "json")).trim().split("\n");
  return Object.fromEntries(lines.map((line) => JSON.parse(line)).map((row) => [row.Type, row]));
}

/** As docker writes sizes. */
function humanSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  const unit = Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return `${Number((bytes / 1000 ** unit).toPrecision(4))}${units[unit]}`;
}

test("the sizes of images and containers are those of their files", async () => {
  const layers = [[{ path: "data", content: "x".repeat(123_456) }]];
  const { reference } = await pushImage(box.registry, "larger", { layers });
  await ok("pull", "-q", reference);
  await stay(
    "writer",
    "head -c 70000 /dev/zero > /tmp/a; head -c 5000 /dev/zero > /b; chown 7:7 /b",
  );
  const { Images, Containers } = await rows();
  expect(Images).toMatchObject({
    TotalCount: "2",
    Active: "1",
    Size: humanSize(bytesBelow("layers", "blobs/sha256")),
  });
  expect(Containers).toMatchObject({
    TotalCount: "1",
    Active: "0",
    Size: humanSize(75_000),
    Reclaimable: "75kB (100%)",
  });
  const shares = await ok("images", "--format", "{{.Repository}} {{.SharedSize}} {{.UniqueSize}}");
  expect(shares).toMatch(/larger \d\S+ 123\.5kB\n/);
  const details = await ok("system", "df", "-v");
  expect(details).toMatch(
    /REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CON/,
  );
  expect(details).toMatch(/ 75kB +\S.* ago +Exited \(0\) .* ago +writer\n/);
  await ok("rm", "writer");
  await ok("rmi", reference);
});

test("volumes count by their files, and system prune --volumes takes unused anonymous ones", async () => {
  const script = "head -c 4000 /dev/zero > /v/a; head -c 1000 /dev/zero > /named/b";
  const mounts = ["-v", "/v", "-v", "named:/named"];
  await ok("run", "--network", "none", "--name", "user", ...mounts, box.image, "sh", "-c", script);
  expect((await rows())["Local Volumes"]).toMatchObject({
    TotalCount: "2",
    Active: "2",
    Size: "5kB",
    Reclaimable: "0B (0%)",
  });
  expect(await ok("system", "df", "-v")).toMatch(
    /VOLUME NAME +LINKS +SIZE\n(.+\n)?named +1 +1kB\n/,
  );
  const refused = await tsbox(["system", "prune", "--volumes", "--filter", "until=1h"], {
    home: box.home,
  });
  expect([refused.status, refused.stderr]).toEqual([
    1,
    'tsbox: The "until" filter is not supported with "--volumes"\n',
  ]);
  expect(await ok("system", "prune", "--volumes", "-f")).toMatch(
    /^Deleted Containers:\n.+\n\nDeleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: 4kB\n$/,
  );
  expect((await rows())["Local Volumes"]).toMatchObject({ TotalCount: "1", Active: "0" });
  await ok("volume", "rm", "named");
});

test("prune asks, and takes nothing unless the answer is yes", async () => {
  await stay("ended", "true");
  const prune = (stdin: string, ...words: string[]): Promise<CliResult> =>
    tsbox([...words, "prune"], { home: box.home, stdin });
  const question = "Are you sure you want to continue? [y/N] ";
  expect(await prune("n\n", "container")).toEqual({
    status: 0,
    stdout: `WARNING! This will remove all stopped containers.\n${question}`,
    stderr: "",
  });
  expect((await prune("", "system")).stdout).toBe(
    `WARNING! This will remove:\n  - all stopped containers\n  - all dangling images\n\n${question}`,
  );
  expect(box.leftovers()).not.toEqual([]);
  const { stdout } = await prune("Y\n", "container");
  expect(stdout).toMatch(
    /\[y\/N\] Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: 0B\n$/,
  );
  expect(box.leftovers()).toEqual([]);
});

test("container prune leaves what runs and what its filters do not fit", async () => {
  await ok("run", "--network", "none", "--name", "kept", "-l", "keep", box.image, "true");
  await stay("large", "head -c 1500 /dev/zero > /file");
  expect(await ok("container", "prune", "-f", "--filter", "until=1h")).toBe(
    "Total reclaimed space: 0B\n",
  );
  expect(await ok("container", "prune", "-f", "--filter", "label!=keep")).toEndWith(
    "Total reclaimed space: 1.5kB\n",
  );
  expect(await ok("ps", "-a", "--format", "{{.Names}}")).toBe("kept\n");
});

test("system prune -a empties the store, first of containers, then of their images", async () => {
  await stay("last", "true");
  const before = bytesBelow("layers", "blobs/sha256");
  const out = await ok("system", "prune", "-af");
  expect(out).toMatch(/^Deleted Containers:\n(.+\n)+\nDeleted Images:\n(.+\n)+\nTotal/);
  expect(out).toEndWith(`Total reclaimed space: ${humanSize(before)}\n`);
  for (const folder of ["containers", "names", "blobs/sha256", "images"]) {
    expect([folder, readdirSync(`${box.home.dataRoot}/${folder}`)]).toEqual([folder, []]);
  }
  const { Images } = await rows();
  expect(Images).toMatchObject({ TotalCount: "0", Size: "0B", Reclaimable: "0B" });
});
