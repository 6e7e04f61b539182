/** What the executable makes of registries that want to be a nuisance. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/oci/digest.ts";
import type { Descriptor } from "../../src/oci/manifest.ts";
import { type Home, makeHome, TSBOX, tsboxOk } from "../support/cli.ts";
import { FAR_REGISTRY, startFarRegistry } from "../support/far_registry.ts";
import { ok, pour, rawServer } from "../support/raw_server.ts";
import { RegistryServer } from "../support/registry_server.ts";
import { archive, file, member } from "../support/tar_writer.ts";

const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
/** Bytes: what any command may take, however large what it is offered is. */
const MAX_RSS = 400e6;

let home: Home;
let server: RegistryServer;

beforeEach(async () => {
  home = makeHome();
  server = await RegistryServer.start();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  home.remove();
});

interface Pull {
  stdout: string;
  stderr: string;
  status: number;
}

async function pull(name: string, env: Record<string, string> = {}): Promise<Pull> {
  const child = Bun.spawn([TSBOX, "--max-download-attempts", "2", "pull", "-q", name], {
    env: { ...home.env, ...env },
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const status = await child.exited;
  expect(child.resourceUsage()?.maxRSS ?? Infinity).toBeLessThan(MAX_RSS);
  return { stdout, stderr, status };
}

/** One line that says why, no image, and nothing that takes up space for long. */
async function expectRefusal(name: string, why: RegExp, env?: Record<string, string>) {
  const { stdout, stderr, status } = await pull(name, env);
  expect(stderr).toMatch(/^tsbox: [^\n\p{Cc}]+\n$/u);
  expect(stderr).toMatch(why);
  expect({ stdout, status }).toEqual({ stdout: "", status: 1 });
  expect(await tsboxOk(["images", "-q"], { home })).toBe("");
  const tmp = `${home.dataRoot}/tmp`;
  expect(existsSync(tmp) ? readdirSync(tmp) : []).toEqual([]);
  expect(largestPartial()).toBeLessThan(1_000_000);
}

function largestPartial(): number {
  const partial = `${home.dataRoot}/blobs/partial`;
  if (!existsSync(partial)) return 0;
  return Math.max(0, ...readdirSync(partial).map((name) => statSync(`${partial}/${name}`).size));
}

function addLayer(content: Uint8Array, name = "data") {
  const tar = archive(file(name, content));
  return { descriptor: server.addBlob(gzipSync(tar), LAYER), diffId: digestOf(tar) };
}

describe("a pull succeeds", () => {
  test("when every layer's connection is cut at every tenth", async () => {
    const content = crypto.getRandomValues(new Uint8Array(60_000));
    const layers = ["a", "b", "c"].map((name) => addLayer(content.slice().reverse(), name));
    for (const { descriptor: { digest, size } } of layers) {
      server.faults.push({ match: digest, kind: "cut", after: Math.ceil(size / 10), times: 9 });
    }
    server.addImage("app", "1", layers);
    const name = `${server.host}/app:1`;
    // Nine waits of half a second at most, three layers at once.
    expect(await pull(name)).toEqual({ stdout: `${name}\n`, stderr: "", status: 0 });
    for (const { descriptor } of layers) expect(server.seen(descriptor.digest)).toHaveLength(10);
  }, 90_000);

  test("when one blob is several layers", async () => {
    const layer = addLayer(new Uint8Array(10));
    server.addImage("app", "1", Array.from({ length: 40 }, () => layer));
    const name = `${server.host}/app:1`;
    expect((await pull(name)).stderr).toBe("");
    expect(server.seen(layer.descriptor.digest)).toHaveLength(1);
  });
});

describe("a pull ends with one line, no image and no waste", () => {
  const wrong = (change: (layer: Descriptor) => Partial<Descriptor>) => {
    const layer = addLayer(crypto.getRandomValues(new Uint8Array(5_000)));
    const descriptor = { ...layer.descriptor, ...change(layer.descriptor) };
    server.addImage("app", "1", [{ ...layer, descriptor }]);
  };
  const name = () => `${server.host}/app:1`;

  test("for a layer with another content", async () => {
    wrong(() => ({}));
    server.faults.push({ match: "/blobs/", kind: "corrupt", times: 99 });
    await expectRefusal(name(), /sha256:[0-9a-f]{64} in(?:stead| its place)/);
  });

  test("for a layer of another size", async () => {
    for (const difference of [-1, 1]) {
      wrong(({ size }) => ({ size: size + difference }));
      await expectRefusal(name(), /the manifest says \d+ bytes, the registry has \d+/);
    }
  });

  test("for a layer that says to be larger than any disk, before it is begun", async () => {
    wrong(() => ({ size: Number.MAX_SAFE_INTEGER }));
    await expectRefusal(name(), /it has 9007199254740991 bytes, more than 68719476736/);
    expect(server.seen("/blobs/")).toHaveLength(1);
  });

  test("for a layer that never ends", async () => {
    using raw = await rawServer((socket, path) => {
      if (path === "/v2/") return void socket.end(ok("text/plain", "Content-Length: 0"));
      if (path.includes("/manifests/")) return void socket.end(ok(MANIFEST) + manifest);
      if (path.endsWith(configDigest)) return void socket.end(ok(CONFIG) + config);
      socket.write(ok("x/y"));
      pour(socket, new Uint8Array(65_536));
    });
    const digest = digestOf(new Uint8Array(1));
    const config = JSON.stringify({ os: "linux", rootfs: { type: "layers", diff_ids: [digest] } });
    const configDigest = digestOf(new TextEncoder().encode(config));
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, digest: configDigest, size: config.length },
      layers: [{ mediaType: LAYER, digest, size: 5_000_000 }],
    });
    await expectRefusal(`${raw.host}/app:1`, /Cannot use/);
  });

  test("for a gzip bomb, in a file and without one", async () => {
    const megabyte = gzipSync(new Uint8Array(1024 * 1024));
    // Many members are one stream: half a gigabyte out of half a megabyte.
    const zeros = Buffer.concat(Array.from({ length: 512 }, () => megabyte));
    const bomb = server.addBlob(zeros, LAYER);
    server.addImage("app", "1", [{ descriptor: bomb, diffId: digestOf(zeros) }]);
    const env = { TSBOX_MAX_LAYER_BYTES: "50000000" };
    await expectRefusal(name(), /decompresses to more than 50000000/, env);
    const head = member({ name: "big", size: 400_000_000 }).subarray(0, 512);
    const sparse = Buffer.concat([gzipSync(head), zeros]);
    const layer = server.addBlob(sparse, LAYER);
    server.addImage("app", "1", [{ descriptor: layer, diffId: digestOf(sparse) }]);
    await expectRefusal(name(), /more than 50000000/, env);
  });

  test("for 10,000 layers", async () => {
    const { descriptor, diffId } = addLayer(new Uint8Array(1));
    server.addImage("app", "1", Array.from({ length: 10_000 }, () => ({ descriptor, diffId })));
    await expectRefusal(name(), /10000 layers, more than 500/);
  });

  test("for a config of nothing but zeros", async () => {
    const zeros = server.addBlob(new Uint8Array(8 * 1024 * 1024), CONFIG);
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, config: zeros, layers: [] };
    server.addManifest("app", "1", manifest, MANIFEST);
    await expectRefusal(name(), /image config is not JSON/);
  });

  test("for an index in an index, and one that says to be an image", async () => {
    const platform = { os: "linux", architecture: process.arch === "x64" ? "amd64" : "arm64" };
    const image = server.addImage("app", undefined, [addLayer(new Uint8Array(1))]);
    const inner = server.addIndex("app", "inner", [image]);
    const middle = server.addIndex("app", "middle", [{ ...inner, platform }]);
    server.addIndex("app", "1", [{ ...middle, platform }]);
    await expectRefusal(name(), /no matching manifest for linux\/\w+ in the manifest list/);
    server.addIndex("app", "1", [{ ...middle, platform, mediaType: MANIFEST }]);
    await expectRefusal(name(), /Cannot use|Cannot pull/);
  });

  test("for a far registry that leads to this machine's network", async () => {
    await using far = await startFarRegistry(`${home.path}/far`);
    for (const host of ["169.254.169.254", "127.0.0.1:8443"]) {
      const to = `https://${host}/latest/meta-data`;
      far.server.faults.push({ match: "/manifests/", kind: "redirect", to });
      await expectRefusal(`${FAR_REGISTRY}/app:1`, /to .*: that is in this machine's/, far.env);
    }
    expect([...new Set(far.asked)]).toEqual([`${FAR_REGISTRY}:443`]);
  });
});
