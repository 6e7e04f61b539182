/** Documents that are bombs: each ends in one clear error, or in no time. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { failure } from "../../tests/support/raw_server.ts";
import { RegistryServer } from "../../tests/support/registry_server.ts";
import { digestOf } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image_config.ts";
import { choosePlatform, parseManifest } from "../oci/manifest.ts";
import { parsePlatform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";
import { RegistryClient } from "./registry_client.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

let server: RegistryServer;
beforeEach(async () => {
  server = await RegistryServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const client = () =>
  new RegistryClient({ home: "/", dockerConfigDir: "/", env: {}, userAgent: "tsbox/test" });
const pull = (host: string) => client().resolve(parseReference(`${host}/app`));

describe("documents that are bombs", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const descriptor = { mediaType: MANIFEST, digest: `sha256:${"0".repeat(64)}`, size: 1 };
  const amd64 = parsePlatform("linux/amd64");
  const bytes = (text: string) => new TextEncoder().encode(text);
  const parse = (document: unknown, type = MANIFEST) =>
    Promise.resolve().then(() => parseManifest(bytes(JSON.stringify(document)), type));

  test("JSON nested two million times is no stack overflow", () => {
    const list = bytes(nested(2_000_000));
    expect(() => parseManifest(list, INDEX)).toThrow("image manifest: it is not an object");
    expect(() => parseImageConfig(list)).toThrow("image config: it is not an object");
    // What nobody asked for may be as deep as it wants to.
    const object = bytes(`{"schemaVersion":2,"manifests":[],"x":${nested(2_000_000)}}`);
    expect(parseManifest(object, INDEX).kind).toBe("index");
    expect(() => parseImageConfig(object)).toThrow("image config.rootfs: it is not an object");
  });

  test("an index as wide as it may be is read in no time", async () => {
    const manifests = Array.from({ length: 25_000 }, () => ({ ...descriptor }));
    const document = { schemaVersion: 2, mediaType: INDEX, manifests };
    server.addManifest("app", "latest", document, INDEX);
    const began = performance.now();
    const { bytes, descriptor: found } = await pull(server.host);
    const index = parseManifest(bytes, found.mediaType);
    if (index.kind !== "index") throw new Error("no index");
    expect(() => choosePlatform(index, amd64, "app")).toThrow("no matching manifest");
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  test("10,000 layers are more than can be mounted", async () => {
    const config = { ...descriptor, mediaType: CONFIG };
    const layers = Array.from({ length: 10_000 }, () => ({ ...descriptor, mediaType: LAYER }));
    expect(await failure(parse({ schemaVersion: 2, config, layers }))).toContain("10000 layers");
  });

  test("sizes that are no sizes and types that are no types are refused", async () => {
    const config = { ...descriptor, mediaType: CONFIG };
    for (const size of [-1, 1.5, 1e300, "7", null, [1]]) {
      const layers = [{ ...descriptor, mediaType: LAYER, size }];
      expect(await failure(parse({ schemaVersion: 2, config, layers }))).toContain("size");
    }
    for (
      const mediaType of [
        "",
        "text/html",
        "application/\u001b[31m",
        "x".repeat(5_000),
      ]
    ) {
      const layers = [{ ...descriptor, mediaType }];
      const error = await failure(parse({ schemaVersion: 2, config, layers }));
      expect(error.length).toBeLessThan(400);
      expect(error).not.toContain("\u001b");
    }
  });

  test("a Content-Encoding is not decoded: what was sent is what the digest is of", async () => {
    const bomb = Bun.gzipSync(new Uint8Array(50_000_000));
    using raw = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) =>
        new URL(request.url).pathname === "/v2/"
          ? new Response("{}")
          : new Response(bomb, { headers: { "Content-Encoding": "gzip", "Content-Type": INDEX } }),
    });
    const host = `127.0.0.1:${raw.port}`;
    expect(await failure(pull(host))).toContain("image manifest is not JSON");
    const config = { mediaType: CONFIG, digest: digestOf(bomb), size: bomb.length };
    expect(await client().config(parseReference(`${host}/app`), config)).toEqual(Buffer.from(bomb));
  });

  test("a config of nothing but zeros is no config", async () => {
    const zeros = new Uint8Array(8 * 1024 * 1024);
    const config = server.addBlob(zeros, CONFIG);
    const got = await client().config(parseReference(`${server.host}/app`), config);
    expect(() => parseImageConfig(got)).toThrow("is not JSON");
    const longer = server.addBlob(new Uint8Array(zeros.length + 1), CONFIG);
    const reading = client().config(parseReference(`${server.host}/app`), longer);
    expect(await failure(reading)).toContain("more than 8388608 bytes");
  });
});
