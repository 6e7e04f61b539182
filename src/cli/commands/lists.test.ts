import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { commandLine } from "../../../tests/support/command_line.ts";
import {
  exitedState,
  imageId,
  imageOf,
  killedRun,
  liveRun,
  storeContainer,
  storeImages,
} from "../../../tests/support/container_records.ts";
import { indexMark, keepLines, readLines } from "../../storage/image_lines.ts";

let home = "";
let store = "";
let printed = "";
beforeEach(() => {
  printed = "";
  home = mkdtempSync(`${tmpdir()}/lists-`);
  store = `${home}/tsbox`;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function out(...argv: string[]): Promise<string> {
  const result = await commandLine(home, argv);
  expect([result.status, result.err]).toEqual([0, ""]);
  return result.out;
}

async function failure(...argv: string[]): Promise<string> {
  const result = await commandLine(home, argv);
  expect(result.status).toBeGreaterThan(0);
  return result.err;
}

function threeContainers() {
  const old = storeContainer(store, "old", exitedState(3, 7300), { labels: { app: "shop" } });
  const failed = storeContainer(store, "failed", { status: "created", exitCode: 127, error: "x" });
  const startedAt = new Date(Date.now() - 65_000).toISOString();
  const live = storeContainer(store, "live", { ...liveRun(), startedAt }, {
    network: "private",
    publish: [80, 81, 443].map((port) => ({
      hostIp: "",
      hostPort: port + 8000,
      containerPort: port,
      protocol: "tcp",
    })),
  }, {
    spec: {
      args: ["sh", "-c", "echo a long enough line"],
      env: [],
      cwd: "/",
      hostname: "h",
      mounts: [],
    },
  });
  old.lock.release();
  failed.lock.release();
  return { old, failed, live };
}

test("images lists repository, tag, short id, age and size, newest first", async () => {
  const recent = new Date(Date.now() - 7_300_000).toISOString();
  storeImages(store, [
    imageOf("a"),
    imageOf("b", { names: ["localhost:5000/x/y:1.0"], digests: [], created: recent }),
    imageOf("c", { names: [], digests: [], created: "" }),
  ]);
  const lines = (await out("images")).split("\n").map((line) => line.split(/ {2,}/));
  expect(lines[0]).toEqual(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]);
  expect(lines[1]).toEqual(["localhost:5000/x/y", "1.0", "bbbbbbbbbbbb", "2 hours ago", "4.26MB"]);
  expect(lines[2]?.slice(0, 3)).toEqual(["busybox", "latest", "aaaaaaaaaaaa"]);
  expect(lines[3]).toEqual(["<none>", "<none>", "cccccccccccc", "N/A", "4.26MB"]);
});

test("an image with two names is two lines, with -q too", async () => {
  storeImages(store, [imageOf("a", {
    names: ["docker.io/library/busybox:1", "docker.io/library/busybox:latest"],
  })]);
  expect(await out("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")).toBe(
    "busybox:1\nbusybox:latest\n",
  );
  expect(await out("images", "-q")).toBe("aaaaaaaaaaaa\naaaaaaaaaaaa\n");
  expect(await out("images", "-q", "--no-trunc")).toBe(`${imageId("a")}\n`.repeat(2));
  expect(await out("images", "-q", "--format", "{{.Tag}}")).toBe("1\nlatest\n");
});

test("images can be asked for by repository, tag and pattern", async () => {
  storeImages(store, [
    imageOf("a", { names: ["docker.io/library/busybox:1", "docker.io/library/busybox:2"] }),
    imageOf("b", { names: ["docker.io/team/app:1"], digests: [] }),
  ]);
  const names = (...argv: string[]) =>
    out("images", "--format", "{{.Repository}}:{{.Tag}}", ...argv);
  expect(await names("busybox")).toBe("busybox:1\nbusybox:2\n");
  expect(await names("docker.io/library/busybox:2")).toBe("busybox:2\n");
  expect(await names("--filter", "reference=team/*")).toBe("team/app:1\n");
  expect(await names("--filter", "reference=*:1")).toBe("busybox:1\n");
  expect(await names("nothing")).toBe("");
  expect(await failure("images", "-f", "reference=busybox[")).toStartWith(
    'tsbox: syntax error in pattern "busybox["; ',
  );
});

test("images filters by dangling, label, before and since", async () => {
  const base = imageOf("a");
  storeImages(store, [
    base,
    imageOf("b", {
      names: [],
      digests: [],
      created: "2024-03-01T00:00:00Z",
      config: { ...base.config, labels: { a: "1" } },
    }),
  ]);
  const ids = (filter: string) => out("images", "-q", "-f", filter);
  expect(await ids("dangling=true")).toBe("bbbbbbbbbbbb\n");
  expect(await ids("dangling=0")).toBe("aaaaaaaaaaaa\n");
  expect(await ids("label=a")).toBe("bbbbbbbbbbbb\n");
  expect(await ids("label=a=2")).toBe("");
  expect(await ids("label!=a")).toBe("aaaaaaaaaaaa\n");
  expect(await ids("label!=a=2")).toBe("bbbbbbbbbbbb\naaaaaaaaaaaa\n");
  expect(await ids("")).toBe("bbbbbbbbbbbb\naaaaaaaaaaaa\n");
  expect(await ids("since=busybox")).toBe("bbbbbbbbbbbb\n");
  expect(await ids("before=bbb")).toBe("aaaaaaaaaaaa\n");
  expect(await ids("until=2024-02-01")).toBe("aaaaaaaaaaaa\n");
  expect(await failure("images", "-f", "since=nope")).toStartWith(
    "tsbox: No such image: nope:latest",
  );
  expect(await failure("images", "-f", "colour=red")).toContain("invalid filter 'colour'");
});

test("a filter without a value is a flag that is wrong, in docker's words", async () => {
  const commands = [["images"], ["ps"], ["volume", "ls"], ["image", "prune", "-f"]];
  for (const command of commands) {
    const { status, err } = await commandLine(home, [...command, "--filter", "dangling"]);
    expect(status).toBe(125);
    expect(err).toMatch(
      /^invalid argument "dangling" for "(-f, )?--filter" flag: bad format of filter \(expected name=value\)\n/,
    );
  }
});

test("images --digests adds a column", async () => {
  storeImages(store, [imageOf("a")]);
  const [head, row] = (await out("images", "--digests")).split("\n");
  expect(head?.split(/ {2,}/)[2]).toBe("DIGEST");
  expect(row?.split(/ {2,}/)[2]).toBe(imageId("a"));
});

test("ps shows what runs, ps -a everything, in docker's columns", async () => {
  storeImages(store, [imageOf("a")]);
  const { old, failed, live } = threeContainers();
  const [head, row, end] = (await out("ps")).split("\n").map((line) => line.split(/ {2,}/));
  expect(head).toEqual(
    ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"],
  );
  expect(row).toEqual([
    live.id.slice(0, 12),
    "busybox",
    '"sh -c \'echo a long …"',
    expect.stringMatching(/^(Less than a second|\d seconds?) ago$/),
    "Up About a minute",
    "0.0.0.0:8080-8081->80-81/tcp, 0.0.0.0:8443->443/tcp",
    "live",
  ]);
  expect(end).toEqual([""]);
  expect(await out("ps", "-a", "--format", "{{.Names}}: {{.Status}}")).toBe(
    "live: Up About a minute\nfailed: Created\nold: Exited (3) 2 hours ago\n",
  );
  expect(await out("ps", "-aq", "--no-trunc")).toBe(`${live.id}\n${failed.id}\n${old.id}\n`);
  live.lock.release();
});

test("ps -l and -n show the newest, whatever their state", async () => {
  const { live } = threeContainers();
  expect(await out("ps", "-l", "--format", "{{.Names}}")).toBe("live\n");
  expect(await out("ps", "-n", "2", "--format", "{{.Names}}")).toBe("live\nfailed\n");
  expect(await out("ps", "-n=-1", "--format", "{{.Names}}")).toBe("live\n");
  expect(await failure("ps", "-n", "x")).toContain('invalid argument "x" for "-n, --last" flag');
  live.lock.release();
});

test("ps filters as docker does", async () => {
  storeImages(store, [imageOf("a")]);
  const { old, live } = threeContainers();
  const names = (...filters: string[]) =>
    out("ps", "-a", "--format", "{{.Names}}", ...filters.flatMap((f) => ["-f", f]));
  expect(await names("name=l")).toBe("live\nfailed\nold\n");
  expect(await names("name=^/o", "name=^live$")).toBe("live\nold\n");
  expect(await names(`id=${old.id.slice(0, 20)}`)).toBe("old\n");
  expect(await names("label=app")).toBe("old\n");
  expect(await names("label=app=other")).toBe("");
  expect(await names("status=created", "status=exited")).toBe("failed\nold\n");
  expect(await names("exited=3")).toBe("old\n");
  expect(await names("ancestor=busybox", "status=running")).toBe("live\n");
  expect(await names("ancestor=other")).toBe("");
  expect(await names("before=failed")).toBe("old\n");
  expect(await names("since=failed")).toBe("live\n");
  expect(await names("network=private")).toBe("live\n");
  expect(await out("ps", "-q", "-f", "exited=3")).toBe(`${old.id.slice(0, 12)}\n`);
  expect(await failure("ps", "-f", "status=asleep")).toContain("invalid filter 'status=asleep'");
  expect(await failure("ps", "-f", "isolation=x")).toContain("--filter isolation is not supported");
  expect(await out("ps", "-aq", "-f", "is-task=true")).toBe("");
  expect(await out("ps", "-aq", "-f", "is-task=false")).toBe(await out("ps", "-aq"));
  expect(await failure("ps", "-f", "before=nobody")).toContain("No such container: nobody");
  live.lock.release();
});

test("ps --format json has an object a line, and a label can be asked for", async () => {
  const { live } = threeContainers();
  const [first = ""] = (await out("ps", "-a", "--format", "json", "-f", "name=old")).split("\n");
  const row: unknown = JSON.parse(first);
  expect(row).toMatchObject({
    Names: "old",
    State: "exited",
    Labels: "app=shop",
    Networks: "none",
  });
  expect(await out("ps", "-a", "--format", 'table {{.Names}}\\t{{.Label "app"}}', "-f", "name=old"))
    .toBe("NAMES     app\nold       shop\n");
  live.lock.release();
});

test("ps --quiet goes before a format, which is said; a table's heading of JSON is empty", async () => {
  const { id, lock } = storeContainer(store, "x", exitedState(0));
  lock.release();
  expect(await commandLine(home, ["ps", "-aq", "--format", "{{.Names}}"])).toEqual({
    status: 0,
    out: `${id.slice(0, 12)}\n`,
    err: "WARNING: Ignoring custom format, because both --format and --quiet are set.\n",
  });
  expect(await out("ps", "-a", "--format", "table {{json .}}")).toMatch(/^\n\{"Command":/);
  expect(await out("ps", "-a", "--format", "table {{json .Names}}")).toBe('NAMES\n"x"\n');
});

test("ps shows an image by its id once its name means another one", async () => {
  storeImages(store, [imageOf("b")]);
  storeContainer(store, "x", exitedState(0)).lock.release();
  expect(await out("ps", "-a", "--format", "{{.Image}}")).toBe("aaaaaaaaaaaa\n");
});

test("ps does not show what a killed `run --rm` has left, but clears it away", async () => {
  const left = storeContainer(store, "gone", killedRun(), { remove: true });
  left.lock.release();
  expect(await out("ps", "-aq")).toBe("");
  expect(existsSync(left.directory)).toBe(false);
});

test("flags docker has and tsbox has not are refused by name", async () => {
  expect(await failure("rm", "--link", "name")).toContain("--link is not supported by tsbox yet");
});

test("a label cannot speak to the user's terminal, but comes out of a pipe as it is", async () => {
  storeContainer(store, "evil", exitedState(0), { labels: { a: "\x1b[2J" } }).lock.release();
  const argv = ["ps", "-a", "--format", "{{.Labels}}"];
  expect(await out(...argv)).toBe("a=\x1b[2J\n");
  expect((await commandLine(home, argv, { isTty: () => true, out: (text) => printed += text })).err)
    .toBe("");
  expect(printed).toBe("a=\\x1b[2J\n");
});

test("a long list of images is the same when it is not made anew, and follows every change", async () => {
  const images = Array.from({ length: 120 }, (_, i) =>
    imageOf("a", {
      id: `sha256:${String(i).padStart(64, "0")}`,
      names: i % 3 === 0 ? [] : [`docker.io/team/app${i}:1.${i}`, `localhost:5000/app${i}:latest`],
      digests: i % 2 === 0 ? [] : [`docker.io/library/app${i}@${imageId("b")}`],
      created: i === 7 ? "" : new Date(1.7e12 + i * 1e9).toISOString(),
      size: 1234 ** (i % 4),
    }));
  storeImages(store, images);
  // As they are listed where nothing is kept.
  const columns = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
  const made = await out("images", "--format", `table ${columns}`);
  expect(made.split("\n").length).toBeGreaterThan(200);
  expect(await out("images")).toBe(made);
  expect(existsSync(`${store}/listed-images`)).toBe(false);
  await Bun.sleep(2100);
  expect(await out("images")).toBe(made);
  // That the list is not made anew shows by a word of our own in what was kept.
  const mark = indexMark(store);
  const kept = mark && readLines(store, mark);
  if (mark === undefined || kept === undefined) throw new Error("no lines were kept");
  const left = kept.left.map((line) => line.replace("team/app1 ", "team/kept "));
  keepLines(store, mark, { ...kept, left });
  expect(await out("images")).toMatch(/kept /);
  expect(await out("images", "--no-trunc")).not.toMatch(/kept /);
  await out("tag", "team/app1:1.1", "other:new");
  expect(await out("images")).toMatch(/^other +new /m);
  expect(await out("images")).not.toMatch(/kept /);
});
