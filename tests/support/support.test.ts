/** What the other tests stand on is itself tested, against tools that are not ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeHome, onTerminal } from "./cli.ts";
import { pushImage, pushIndex } from "./images.ts";
import { type RegistryProcess, startRegistry } from "./registry_process.ts";
import { tar } from "./tar.ts";

let registry: RegistryProcess;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-support-"));
  registry = await startRegistry();
});
afterAll(async () => {
  await registry.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** skopeo's view of a reference: an independent client of the same specifications. */
function inspect(
  reference: string,
  flags: string[] = [],
  globalFlags: string[] = [],
): Record<string, unknown> {
  const done = Bun.spawnSync([
    "skopeo",
    ...globalFlags,
    "inspect",
    "--tls-verify=false",
    ...flags,
    `docker://${reference}`,
  ]);
  if (!done.success) throw new Error(done.stderr.toString());
  return JSON.parse(done.stdout.toString());
}

test("skopeo reads a pushed image as it was meant", async () => {
  const image = await pushImage(registry, "small:1", {
    config: { Cmd: ["/bin/ls"], Env: ["A=b"], WorkingDir: "/srv" },
    layers: [[{ path: "added", content: "x" }], [{ path: ".wh.added" }]],
  });
  const seen = inspect(image.reference);
  expect(seen["Digest"]).toBe(image.manifest.digest);
  expect(seen["Layers"]).toEqual(image.layers.map((layer) => layer.digest));
  expect(seen["Env"]).toEqual(["A=b"]);
  expect(inspect(image.reference, ["--config"])["rootfs"]).toEqual({
    type: "layers",
    diff_ids: image.diffIds,
  });
});

test("an index offers its images by platform", async () => {
  const images = await Promise.all(
    ["amd64", "arm64"].map((architecture) =>
      pushImage(registry, `many:${architecture}`, {
        busybox: false,
        layers: [[{ path: architecture, content: architecture }]],
        platform: { os: "linux", architecture },
        format: "docker",
        compression: "none",
      })
    ),
  );
  const { reference } = await pushIndex(registry, "many", images, "docker");
  const seen = ["amd64", "arm64"].map((name) =>
    inspect(reference, [], [`--override-arch=${name}`])
  );
  expect(seen.map((image) => image["Layers"])).toEqual(
    images.map((image) => image.layers.map((layer) => layer.digest)),
  );
});

test("GNU tar reads what tar() writes", () => {
  const long = `${"d/".repeat(60)}${"n".repeat(90)}`;
  const archive = join(folder, "a.tar");
  writeFileSync(
    archive,
    tar([
      { path: "dir/", type: "directory", mode: 0o1777 },
      { path: long, content: "long", uid: 3_000_000, mtime: 1.5 },
      { path: "hard", type: "link", target: long },
      { path: "soft", type: "symlink", target: "/etc" },
      { path: "null", type: "char", device: { major: 1, minor: 3 } },
    ]),
  );
  const list = ["tar", "--utc", "--full-time", "--numeric-owner", "-tvf", archive];
  const words = Bun.spawnSync(list).stdout.toString().trim().split("\n").map((line) =>
    line.split(/\s+/).join(" ")
  );
  expect(words).toEqual([
    "drwxrwxrwt 0/0 0 1970-01-01 00:00:00 dir/",
    `-rw-r--r-- 3000000/0 4 1970-01-01 00:00:01.5 ${long}`,
    `hrw-r--r-- 0/0 0 1970-01-01 00:00:00 hard link to ${long}`,
    "lrw-r--r-- 0/0 0 1970-01-01 00:00:00 soft -> /etc",
    "crw-r--r-- 0/0 1,3 1970-01-01 00:00:00 null",
  ]);
});

test("a registry with credentials refuses who has none", async () => {
  const closed = await startRegistry({ credentials: { user: "u", password: "p" } });
  try {
    expect((await fetch(`${closed.url}/v2/`)).status).toBe(401);
    const { reference } = await pushImage(closed, "secret", { busybox: false, layers: [[]] });
    expect(inspect(reference, ["--creds=u:p"])["Name"]).toBe(`${closed.host}/secret`);
  } finally {
    await closed.stop();
  }
});

test("a terminal is a controlling terminal with a size", async () => {
  const home = makeHome();
  const shell = onTerminal(["sh", "-c", "tty; stty size; read x; stty size; exit 7"], {
    home,
    columns: 90,
    rows: 30,
  });
  await shell.waitFor(/\/dev\/pts\/\d+\r\n30 90\r\n/);
  shell.resize(100, 40);
  shell.type("\r");
  await shell.waitFor(/40 100\r\n/);
  expect(await shell.exited).toBe(7);
  home.remove();
  expect(existsSync(home.path)).toBe(false);
});

test("a home with files of subordinate ids can be removed", () => {
  const home = makeHome();
  const made = Bun.spawnSync([
    ...["unshare", "--user", "--map-auto", "--map-root-user", "sh", "-ec"],
    `mkdir -m 700 ${home.path}/theirs; touch ${home.path}/theirs/f; chown -R 5:5 ${home.path}/theirs`,
  ]);
  expect(made.stderr.toString()).toBe("");
  home.remove();
  expect(existsSync(home.path)).toBe(false);
});
