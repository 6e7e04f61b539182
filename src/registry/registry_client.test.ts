import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Fault, RegistryServer } from "../../tests/support/registry_server.ts";
import { digestOf } from "../oci/digest.ts";
import { choosePlatform, type Descriptor, parseManifest } from "../oci/manifest.ts";
import { parsePlatform } from "../oci/platform.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import { RegistryClient } from "./registry_client.ts";
import type { RetryNotice, Timing } from "./retry.ts";

const FAST: Partial<Timing> = {
  firstDelay: 1,
  maxDelay: 5,
  maxRetryAfter: 200,
  stall: 200,
  response: 500,
};

let home: string;
let server: RegistryServer;

beforeEach(async () => {
  home = mkdtempSync(`${tmpdir()}/registry-`);
  server = await RegistryServer.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

function client(timing: Partial<Timing> = {}): RegistryClient {
  return new RegistryClient({
    home,
    dockerConfigDir: `${home}/.docker`,
    env: { PATH: "/usr/bin:/bin" },
    userAgent: "tsbox/test",
    timing: { ...FAST, ...timing },
  });
}

const named = (name: string): Reference => parseReference(`${server.host}/${name}`);
const bytesOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31) >> 3);
const failing = (code: string) => expect.objectContaining({ code });

function addImage(name: string, tag: string, layer = bytesOf(100)): Descriptor {
  const descriptor = server.addBlob(layer, "application/vnd.oci.image.layer.v1.tar");
  return server.addImage(name, tag, [{ descriptor, diffId: digestOf(layer) }]);
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

describe("resolve()", () => {
  test("gets an image by tag and by digest", async () => {
    const image = addImage("team/app", "1");
    const byTag = await client().resolve(named("team/app:1"));
    expect(byTag.descriptor).toEqual({
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.size,
    });
    const byDigest = await client().resolve(named(`team/app@${image.digest}`));
    expect(byDigest).toEqual(byTag);
    expect(server.seen("/manifests/1")[0]?.headers["user-agent"]).toBe("tsbox/test");
  });

  test("leads from an index over the manifest to the config", async () => {
    const images = ["amd64", "arm64"].map((architecture) => {
      const layer = server.addBlob(bytesOf(9), "application/vnd.oci.image.layer.v1.tar");
      const layers = [{ descriptor: layer, diffId: layer.digest }];
      return server.addImage("app", undefined, layers, {}, { os: "linux", architecture });
    });
    server.addIndex("app", "latest", images);
    const registry = client();
    const reference = named("app");
    const { bytes, descriptor } = await registry.resolve(reference);
    const index = parseManifest(bytes, descriptor.mediaType);
    if (index.kind !== "index") throw new Error("not an index");
    const chosen = choosePlatform(index, parsePlatform("linux/arm64"), reference.familiar);
    const manifest = parseManifest(await registry.manifest(reference, chosen), chosen.mediaType);
    if (manifest.kind !== "manifest") throw new Error("not a manifest");
    const config = await registry.config(reference, manifest.config);
    expect(new TextDecoder().decode(config)).toContain("arm64");
  });

  test("says what is missing in docker's words", async () => {
    addImage("app", "1");
    await expect(client().resolve(named("app:2"))).rejects.toThrow(
      `manifest for ${server.host}/app:2 not found: manifest unknown`,
    );
    server.faults.push({ match: "/other/", kind: "status", status: 403 });
    await expect(client().resolve(named("other"))).rejects.toThrow(
      `pull access denied for ${server.host}/other, repository does not exist or may require 'docker login'`,
    );
    const body = JSON.stringify({ errors: [{ code: "NAME_UNKNOWN", message: "gone\u001b[31m" }] });
    server.faults.push({ match: "/third/", kind: "status", status: 404, body });
    await expect(client().resolve(named("third"))).rejects.toThrow(
      `repository ${server.host}/third not found: name unknown: gone?[31m`,
    );
  });

  test("refuses content with another digest, from a tag, a digest or an index", async () => {
    const image = addImage("app", "1");
    const fault = (match: string): Fault => ({ match, kind: "corrupt" });
    server.faults.push(fault("/manifests/1"), fault(image.digest), fault(image.digest));
    await expect(client().resolve(named("app:1"))).rejects.toThrow("content verification failed");
    await expect(client().resolve(named(`app@${image.digest}`))).rejects.toThrow(
      failing("corrupt"),
    );
    await expect(client().manifest(named("app"), image)).rejects.toThrow(failing("corrupt"));
  });

  test("refuses a manifest that does not end", async () => {
    const big = { schemaVersion: 2, filler: "x".repeat(5 * 1024 * 1024) };
    server.addManifest("app", "big", big, "application/vnd.oci.image.manifest.v1+json");
    await expect(client().resolve(named("app:big"))).rejects.toThrow(failing("limit-exceeded"));
  });

  test("tries again after 429 and 5xx, waiting as long as the server says but not for ever", async () => {
    addImage("app", "1");
    server.faults.push(
      { match: "/manifests/", kind: "status", status: 429, headers: { "Retry-After": "3600" } },
      { match: "/manifests/", kind: "status", status: 503 },
    );
    const notices: RetryNotice[] = [];
    const onRetry = (notice: RetryNotice) => notices.push(notice);
    const start = performance.now();
    await client().resolve(named("app:1"), { onRetry });
    expect(performance.now() - start).toBeGreaterThan(190);
    expect(notices[0]).toMatchObject({ delay: 200 });
    expect(notices[0]?.reason).toContain("429 Too Many Requests");
    expect(notices).toHaveLength(2);
  });

  test("gives up after some tries", async () => {
    server.faults.push({ match: "/manifests/", kind: "status", status: 500, times: 100 });
    await expect(client({ attempts: 3 }).resolve(named("app"))).rejects.toThrow(
      "received unexpected HTTP status: 500 Internal Server Error",
    );
    expect(server.seen("/manifests/")).toHaveLength(3);
  });

  test("does not try again when nobody listens", async () => {
    const reference = named("app");
    await server[Symbol.asyncDispose]();
    await expect(client({ firstDelay: 60_000 }).resolve(reference)).rejects.toThrow(
      "connection refused",
    );
    server = await RegistryServer.start();
  });

  test("tries again when the server does not answer in time", async () => {
    addImage("app", "1");
    server.faults.push({ match: "/manifests/", kind: "stall", after: -1 });
    await client({ response: 100 }).resolve(named("app:1"));
    expect(server.seen("/manifests/")).toHaveLength(2);
  });

  test("ends at once when the user interrupts", async () => {
    addImage("app", "latest");
    server.faults.push({ match: "/manifests/", kind: "stall", after: -1 });
    const signal = AbortSignal.timeout(50);
    await expect(client({ response: 60_000 }).resolve(named("app"), { signal })).rejects.toThrow(
      failing("cancelled"),
    );
  });

  test("refuses names that are no hosts", async () => {
    await expect(client().resolve(parseReference("localhost:99999/app"))).rejects.toThrow(
      "is no host",
    );
  });
});

describe("blob()", () => {
  const size = 300_000;
  const content = bytesOf(size);

  test("gives exactly the bytes, from any place", async () => {
    const blob = server.addBlob(content);
    expect(await read(client().blob(named("app"), blob))).toEqual(Buffer.from(content));
    const part = await read(client().blob(named("app"), blob, { offset: 1234 }));
    expect(part).toEqual(Buffer.from(content.subarray(1234)));
    expect(await read(client().blob(named("app"), blob, { offset: size }))).toHaveLength(0);
  });

  test("goes on where a connection was cut", async () => {
    const blob = server.addBlob(content);
    server.faults.push({ match: "/blobs/", kind: "cut", after: 100_000, times: 2 });
    const notices: RetryNotice[] = [];
    const onRetry = (notice: RetryNotice) => notices.push(notice);
    expect(await read(client().blob(named("app"), blob, { onRetry }))).toEqual(
      Buffer.from(content),
    );
    const ranges = server.seen("/blobs/").map((request) => request.headers["range"]);
    expect(ranges).toEqual([undefined, "bytes=100000-", "bytes=200000-"]);
    expect(notices).toHaveLength(2);
  });

  test("skips what it has when the server ignores Range", async () => {
    const blob = server.addBlob(content);
    server.faults.push(
      { match: "/blobs/", kind: "cut", after: 100_000 },
      { match: "/blobs/", kind: "ignore-range" },
    );
    expect(await read(client().blob(named("app"), blob))).toEqual(Buffer.from(content));
  });

  test("goes on when the server stops sending, or ends early without a length", async () => {
    const blob = server.addBlob(content);
    server.faults.push(
      { match: "/blobs/", kind: "stall", after: 70_000 },
      { match: "/blobs/", kind: "no-length", after: 70_000 },
    );
    expect(await read(client().blob(named("app"), blob))).toEqual(Buffer.from(content));
    expect(server.seen("/blobs/")).toHaveLength(3);
  });

  test("a slow reader is no stall", async () => {
    const blob = server.addBlob(content);
    let length = 0;
    for await (const chunk of client({ stall: 50 }).blob(named("app"), blob)) {
      if (length === 0) await Bun.sleep(200);
      length += chunk.length;
    }
    expect(length).toBe(size);
    expect(server.seen("/blobs/")).toHaveLength(1);
  });

  test("tries that bring nothing are counted, tries that bring something are not", async () => {
    const blob = server.addBlob(content);
    server.faults.push({ match: "/blobs/", kind: "cut", after: 30_000, times: 8 });
    expect(await read(client({ attempts: 3 }).blob(named("app"), blob))).toHaveLength(size);
    server.faults.push({ match: "/blobs/", kind: "cut", after: 0, times: 100 });
    await expect(read(client({ attempts: 3 }).blob(named("app"), blob))).rejects.toThrow(
      failing("unavailable"),
    );
  });

  test("a registry that sends a byte at a time does not keep us for ever", async () => {
    const blob = server.addBlob(content);
    server.faults.push({ match: "/blobs/", kind: "cut", after: 1, times: 1000 });
    await expect(read(client({ totalAttempts: 5 }).blob(named("app"), blob))).rejects.toThrow(
      failing("unavailable"),
    );
    expect(server.seen("/blobs/")).toHaveLength(5);
  });

  test("refuses a blob of another size", async () => {
    const blob = server.addBlob(content);
    const wanted = (size: number) => client().blob(named("app"), { ...blob, size });
    await expect(read(wanted(size - 1))).rejects.toThrow(failing("corrupt"));
    await expect(read(wanted(size + 1))).rejects.toThrow(failing("corrupt"));
    server.faults.push({ match: "/blobs/", kind: "longer" });
    await expect(read(wanted(size))).rejects.toThrow(failing("corrupt"));
  });

  test("stops reading when the consumer leaves or the user interrupts", async () => {
    const blob = server.addBlob(bytesOf(20_000_000));
    for await (const chunk of client().blob(named("app"), blob)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _ of client().blob(named("app"), blob, { signal: controller.signal })) {
        controller.abort();
      }
    })();
    await expect(reading).rejects.toThrow(failing("cancelled"));
  });

  test("names the blob's image when it is missing", async () => {
    const missing = { mediaType: "x", digest: digestOf(bytesOf(5)), size: 5 };
    await expect(read(client().blob(named("app:7"), missing))).rejects.toThrow("app:7");
  });
});
