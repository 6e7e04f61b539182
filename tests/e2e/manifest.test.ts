/** `tsbox manifest` beside the real docker CLI, which talks to registries itself: the same words, JSON and digests. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type Home, makeHome, tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import { UploadServer } from "../support/upload_server.ts";

const DOCKER = ["/usr/local/bin/docker", "/usr/bin/docker"].find((path) => existsSync(path));
const missing = DOCKER === undefined ? " (skipped: there is no docker)" : "";

let registry: RegistryProcess;
let home: Home;

beforeAll(async () => {
  registry = await startRegistry();
  home = makeHome();
  const images = [
    ["one:amd", "amd64", "docker"],
    ["one:arm", "arm", "docker"],
    ["oci:arm64", "arm64", "oci"],
  ] as const;
  for (const [name, architecture, format] of images) {
    await pushImage(registry, `m/${name}`, {
      busybox: false,
      layers: [[{ path: "name", content: name }]],
      platform: { os: "linux", architecture, ...(architecture === "arm" && { variant: "v7" }) },
      format,
    });
  }
});

afterAll(async () => {
  home.remove();
  await registry.stop();
});

interface Ended {
  stdout: string;
  stderr: string;
  status: number;
}

async function docker(args: readonly string[]): Promise<Ended> {
  const child = Bun.spawn([DOCKER ?? "docker", "manifest", ...args], {
    env: { PATH: "/usr/bin:/bin", HOME: home.path, DOCKER_CONFIG: `${home.path}/docker` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, status: await child.exited };
}

/** Both do it; what they answer must be the same. `@` stands for the registry. */
async function both(line: string): Promise<Ended> {
  const words = line.replaceAll("@", `${registry.host}/`).split(" ");
  const theirs = await docker(words);
  const ours = await tsbox(["manifest", ...words], { home });
  expect({ ...ours, stderr: ours.stderr.replace(/^tsbox: /, "") }).toEqual(theirs);
  return ours;
}

describe.skipIf(DOCKER === undefined)(`manifest, as docker does it${missing}`, () => {
  test("inspects images and lists of a registry", async () => {
    await both("inspect --insecure @m/one:amd");
    await both("inspect --insecure -v @m/one:arm");
    await both("inspect --insecure -v @m/oci:arm64");
    expect((await both("inspect --insecure @no/such")).status).toBe(1);
  });

  test("makes, amends, annotates and pushes a list whose digest is docker's", async () => {
    await both("create --insecure @m/one:list @m/one:amd @m/one:arm");
    expect((await both("create --insecure @m/one:list @m/one:amd")).status).toBe(1);
    await both("create --insecure -a @m/one:list @m/oci:arm64");
    await both("inspect @m/one:list");
    await both("inspect -v @m/one:list");
    await both("inspect @m/one:list @m/one:arm");
    await both("annotate @m/one:list @m/one:arm --os-features x,z --variant v6 --os-features y");
    await both("annotate @m/one:list @m/one:amd --os windows --os-version 10.0");
    expect((await both("annotate @m/one:list @m/one:none --variant v6")).status).toBe(1);
    const wrong = await tsbox(
      [
        "manifest",
        "annotate",
        `${registry.host}/m/one:list`,
        `${registry.host}/m/one:arm`,
        "--arch",
        "x",
      ],
      { home },
    );
    expect(wrong.stderr).toContain("unsupported os/arch combination: linux/x");
    await both("push --insecure -p @m/one:list");
    await both("inspect --insecure @m/one:list");
    await both("inspect --insecure -v @m/one:list");
    expect((await both("create --insecure @m/list @m/one:list")).stderr).toContain(
      "is a manifest list",
    );
    expect((await both("rm @m/one:list")).status).toBe(1);
    expect((await both("push --insecure @m/one:list")).status).toBe(1);
  });

  test("brings images of other repositories along, but not of other registries", async () => {
    await both("create --insecure @other/list:1 @m/oci:arm64 @m/one:arm");
    const { stdout } = await both("push --insecure @other/list:1");
    expect(stdout.match(/^Pushed ref /gm)?.length).toBe(2);
    await both("create --insecure registry.example:1/x @m/one:amd");
    const refused = await both("push --insecure registry.example:1/x");
    expect(refused.stderr).toContain("from a different registry than the target image");
    await both("rm @other/list:1 registry.example:1/x");
  });
});

describe("manifest", () => {
  test("a pushed list is pulled and run by its platform", async () => {
    const { host } = registry;
    await pushImage(registry, "run/box:own");
    await tsboxOk(["manifest", "create", `${host}/run/list`, `${host}/run/box:own`], { home });
    const pushed = await tsboxOk(["manifest", "push", `${host}/run/list`], { home });
    const run = ["run", "--rm", "--network", "none", `${host}/run/list`, "echo", "here"];
    expect(await tsboxOk(run, { home })).toEndWith("here\n");
    const shown = await tsboxOk(["inspect", "-f", "{{.RepoDigests}}", `${host}/run/list`], {
      home,
    });
    expect(shown).toContain(pushed.trim().split("\n").at(-1) ?? "?");
  });

  test("a list of what is no JSON, or is nested without end, is an error of one line", async () => {
    await using server = await UploadServer.start();
    const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    for (const text of ["no JSON", deep]) {
      const bytes = new TextEncoder().encode(text);
      const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const index = {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [{ mediaType, digest, size: bytes.length }],
      };
      server.manifests.set("bad/list latest", new TextEncoder().encode(JSON.stringify(index)));
      server.manifests.set(`bad/list ${digest}`, bytes);
      const shown = await tsbox(["manifest", "inspect", "-v", `${server.host}/bad/list`], { home });
      expect(shown).toMatchObject({ status: 1, stdout: "" });
      expect(shown.stderr).toMatch(/^tsbox: The image manifest .*\n$/);
    }
  });

  test("copies what a registry does not mount", async () => {
    await using server = await UploadServer.start();
    const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    const layer = new Uint8Array(300_000).fill(5);
    const config = text({ os: "linux", architecture: "amd64", rootfs: { diff_ids: [] } });
    const put = (bytes: Uint8Array, mediaType: string) => {
      const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
      server.blobs.set(`from/app ${digest}`, bytes);
      return { mediaType, digest, size: bytes.length };
    };
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const manifest = text({
      schemaVersion: 2,
      mediaType,
      config: put(config, "application/vnd.oci.image.config.v1+json"),
      layers: [put(layer, "application/vnd.oci.image.layer.v1.tar")],
    });
    server.manifests.set("from/app latest", manifest);
    server.faults.push({ match: ["POST", "mount="], kind: "status", status: 405, times: 9 });
    const [from, to] = [`${server.host}/from/app`, `${server.host}/to/app`];
    await tsboxOk(["manifest", "create", to, from], { home });
    await tsboxOk(["manifest", "push", to], { home });
    const copied = [...server.blobs].filter(([name]) => name.startsWith("to/app"));
    expect(copied.map(([, bytes]) => bytes.length).sort((a, b) => a - b)).toEqual([
      config.length,
      layer.length,
    ]);
  });
});
