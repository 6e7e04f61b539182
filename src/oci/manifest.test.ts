import { describe, expect, test } from "bun:test";
import { digestOf } from "./digest.ts";
import { choosePlatform, type Index, MAX_MANIFEST_SIZE, parseManifest } from "./manifest.ts";
import { parsePlatform } from "./platform.ts";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const blob = (mediaType: string, size = 3) => ({
  mediaType,
  digest: digestOf(encode(mediaType)),
  size,
});

function image(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    schemaVersion: 2,
    mediaType: OCI,
    config: blob("application/vnd.oci.image.config.v1+json"),
    layers: [blob("application/vnd.oci.image.layer.v1.tar+gzip")],
    ...changes,
  };
}

function withLayer(mediaType: string): Uint8Array {
  return encode(image({ layers: [blob(mediaType)] }));
}

function index(platforms: string[]): Index {
  const manifests = platforms.map((text, i) => {
    const [os, architecture, variant] = text.split("/");
    return {
      ...blob(OCI),
      digest: digestOf(new Uint8Array([i])),
      platform: { os, architecture, variant },
    };
  });
  const parsed = parseManifest(encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }), "");
  if (parsed.kind === "index") return parsed;
  throw new Error("not an index");
}

describe("parseManifest()", () => {
  test("reads images of both formats with each layer's compression", () => {
    const layers = [
      blob("application/vnd.docker.image.rootfs.diff.tar.gzip"),
      blob("application/vnd.oci.image.layer.v1.tar+zstd"),
      blob("application/vnd.oci.image.layer.v1.tar"),
    ];
    const config = blob("application/vnd.docker.container.image.v1+json");
    const parsed = parseManifest(encode(image({ mediaType: DOCKER, config, layers })), DOCKER);
    if (parsed.kind !== "manifest") throw new Error("not a manifest");
    expect(parsed.config).toEqual(config);
    expect(parsed.layers.map((layer) => layer.compression)).toEqual(["gzip", "zstd", "none"]);
  });

  test("finds the type in the document when the registry does not tell", () => {
    expect(parseManifest(encode(image({ mediaType: undefined })), "text/plain").kind).toBe(
      "manifest",
    );
    expect(parseManifest(encode({ schemaVersion: 2, manifests: [] }), "").kind).toBe("index");
    expect(parseManifest(encode(image()), `${OCI}; charset=utf-8`).kind).toBe("manifest");
  });

  test("refuses a document that is two things at once", () => {
    expect(() => parseManifest(encode(image({ manifests: [] })), OCI)).toThrow("at once");
    expect(() => parseManifest(encode(image()), OCI_INDEX)).toThrow("the registry says");
  });

  test("refuses schema 1 by name", () => {
    const old = encode({ schemaVersion: 1, fsLayers: [] });
    expect(() => parseManifest(old, "")).toThrow("schema 1");
    const signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    expect(() => parseManifest(encode({}), signed)).toThrow(signed);
  });

  test.each([
    ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "foreign layer"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "foreign layer"],
    ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "encrypted"],
    ["application/vnd.example.wasm", "application/vnd.example.wasm is unknown"],
    ["__proto__", "is unknown"],
  ])("refuses layers of %s by name", (mediaType, words) => {
    expect(() => parseManifest(withLayer(mediaType), OCI)).toThrow(words);
  });

  test("refuses artifacts that are no images by name", () => {
    const config = blob("application/vnd.cncf.helm.config.v1+json");
    expect(() => parseManifest(encode(image({ config })), OCI)).toThrow("helm");
  });

  test.each([
    ["no JSON", new TextEncoder().encode("{")],
    ["no UTF-8", new Uint8Array([0xff, 0xfe])],
    ["no object", encode([])],
    ["deeply nested", new TextEncoder().encode("[".repeat(1_000_000))],
    ["a wrong version", encode(image({ schemaVersion: 3 }))],
    ["no config", encode(image({ config: null }))],
    [
      "a negative size",
      encode(image({ config: blob("application/vnd.oci.image.config.v1+json", -1) })),
    ],
    ["a fractional size", withSize(1.5)],
    ["a huge size", withSize(1e300)],
    [
      "a digest that is a path",
      encode(image({ layers: [{ ...blob("x"), digest: "sha256:../x" }] })),
    ],
  ])("refuses %s as corrupt", (_, bytes) => {
    expect(() => parseManifest(bytes, OCI)).toThrow(expect.objectContaining({ code: "corrupt" }));
  });

  test("refuses what is too large", () => {
    const tooLarge = expect.objectContaining({ code: "limit-exceeded" });
    expect(() => parseManifest(new Uint8Array(MAX_MANIFEST_SIZE + 1), OCI)).toThrow(tooLarge);
    const layers = Array.from(
      { length: 501 },
      () => blob("application/vnd.oci.image.layer.v1.tar"),
    );
    expect(() => parseManifest(encode(image({ layers })), OCI)).toThrow(tooLarge);
    const config = blob("application/vnd.oci.image.config.v1+json", 1e9);
    expect(() => parseManifest(encode(image({ config })), OCI)).toThrow(tooLarge);
  });
});

function withSize(size: number): Uint8Array {
  return encode(image({ layers: [blob("application/vnd.oci.image.layer.v1.tar", size)] }));
}

describe("choosePlatform()", () => {
  const choose = (platforms: string[], machine: string): number => {
    const list = index(platforms);
    return list.manifests.indexOf(choosePlatform(list, parsePlatform(machine), "app:1"));
  };

  test("takes the machine's own architecture and best variant", () => {
    const all = ["linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/arm64/v8", "linux/386"];
    expect(choose(all, "linux/arm64")).toBe(3);
    expect(choose(all, "linux/arm/v7")).toBe(2);
    expect(choose(all, "linux/arm/v6")).toBe(1);
    expect(choose(all, "linux/amd64/v3")).toBe(0);
    expect(choose(["windows/amd64", "linux/amd64/v3", "linux/amd64/v2"], "linux/amd64/v3")).toBe(1);
  });

  test("passes over attestations and names what there is when nothing fits", () => {
    expect(choose(["unknown/unknown", "linux/amd64"], "linux/amd64")).toBe(1);
    expect(() => choose(["unknown/unknown", "linux/s390x"], "linux/amd64")).toThrow(
      "no matching manifest for linux/amd64 in the manifest list entries of app:1",
    );
  });

  test("takes the only image when the index names no platform", () => {
    const manifests = [blob(DOCKER)];
    const list = parseManifest(encode({ schemaVersion: 2, manifests }), DOCKER_LIST);
    if (list.kind !== "index") throw new Error("not an index");
    expect(choosePlatform(list, parsePlatform("linux/amd64"), "a").digest).toBe(
      blob(DOCKER).digest,
    );
  });
});
