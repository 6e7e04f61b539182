import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { RegistryServer } from "../../tests/support/registry_server.ts";
import { digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { parseReference } from "../oci/reference.ts";
import { NO_POLICY, type RegistryPolicy } from "./policy.ts";
import { RegistryClient } from "./registry_client.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const BLOB = new Uint8Array(1_000_000).map((_, i) => i * i);

function withImage(server: RegistryServer): Descriptor {
  server.addManifest("app", "latest", { schemaVersion: 2, manifests: [] }, INDEX);
  return server.addBlob(BLOB);
}

function client(policy: Partial<RegistryPolicy>, dockerConfigDir = "/nonexistent") {
  return new RegistryClient({
    home: "/nonexistent",
    dockerConfigDir,
    env: {},
    userAgent: "tsbox/test",
    policy: { ...NO_POLICY, ...policy },
    timing: { firstDelay: 1, attempts: 3, response: 500, stall: 500 },
  });
}

const mirrored = (registry: RegistryServer, ...mirrors: string[]) =>
  client({ mirrors: new Map([[registry.host, mirrors]]) });

const app = (server: RegistryServer) => parseReference(`${server.host}/app`);

async function blob(from: RegistryClient, registry: RegistryServer, wanted: Descriptor) {
  const parts: Uint8Array[] = [];
  for await (const chunk of from.blob(app(registry), wanted)) parts.push(chunk);
  return digestOf(Buffer.concat(parts));
}

test("a mirror that has it all is the only one who is asked", async () => {
  await using registry = await RegistryServer.start();
  await using mirror = await RegistryServer.start();
  const wanted = withImage(mirror);
  const reader = mirrored(registry, mirror.origin);
  await reader.resolve(app(registry));
  expect(await blob(reader, registry, wanted)).toBe(wanted.digest);
  expect([registry.requests.length, mirror.seen("/v2/app/").length]).toEqual([0, 2]);
});

test("what the first mirror lacks comes from the second, what both lack from the registry", async () => {
  await using registry = await RegistryServer.start();
  await using empty = await RegistryServer.start();
  await using half = await RegistryServer.start();
  const wanted = withImage(registry);
  half.addManifest("app", "latest", { schemaVersion: 2, manifests: [] }, INDEX);
  const reader = mirrored(registry, empty.origin, half.origin);
  await reader.resolve(app(registry));
  expect([empty.seen("/manifests/").length, half.seen("/manifests/").length]).toEqual([1, 1]);
  expect(registry.seen("/manifests/")).toEqual([]);
  expect(await blob(reader, registry, wanted)).toBe(wanted.digest);
  expect([empty.seen("/blobs/").length, half.seen("/blobs/").length]).toEqual([0, 1]);
});

test("a mirror that is dead, silent, broken or asks for a log-in is passed over", async () => {
  await using registry = await RegistryServer.start();
  const wanted = withImage(registry);
  const resolved = await client({}).resolve(app(registry));
  await using broken = await RegistryServer.start();
  broken.faults.push({ kind: "status", status: 503, match: "/v2/" });
  await using locked = await RegistryServer.start({
    auth: { kind: "basic", username: "u", password: "p" },
  });
  await using silent = await RegistryServer.start();
  silent.faults.push({ kind: "stall", after: -1, match: "/v2/" });
  for (const mirror of ["http://127.0.0.1:9", broken.origin, locked.origin, silent.origin]) {
    const reader = mirrored(registry, mirror);
    expect((await reader.resolve(app(registry))).descriptor).toEqual(resolved.descriptor);
    expect(await blob(reader, registry, wanted)).toBe(wanted.digest);
  }
  // One answer was enough: the registry is the better second try.
  expect(broken.requests).toHaveLength(1);
});

test("a blob that a mirror cuts off goes on at the registry, where it was cut", async () => {
  await using registry = await RegistryServer.start();
  await using mirror = await RegistryServer.start();
  const wanted = withImage(registry);
  withImage(mirror);
  mirror.faults.push({ kind: "cut", after: 300_000, match: "/blobs/" });
  expect(await blob(mirrored(registry, mirror.origin), registry, wanted)).toBe(wanted.digest);
  const [request] = registry.seen("/blobs/");
  expect(request?.headers["range"]).toMatch(/^bytes=[1-9]\d+-$/);
});

test("a manifest that a mirror changed is asked for again at the registry", async () => {
  await using registry = await RegistryServer.start();
  await using mirror = await RegistryServer.start();
  withImage(registry);
  const { descriptor } = await client({}).resolve(app(registry));
  mirror.addManifest("app", descriptor.digest, { schemaVersion: 2, manifests: [], x: 1 }, INDEX);
  const pinned = parseReference(`${registry.host}/app@${descriptor.digest}`);
  const found = await mirrored(registry, mirror.origin).resolve(pinned);
  expect(found.descriptor).toEqual(descriptor);
  expect(mirror.seen("/manifests/")).toHaveLength(1);
});

test("a mirror gets its own credentials, never those of the registry", async () => {
  await using registry = await RegistryServer.start();
  await using mirror = await RegistryServer.start({
    auth: { kind: "basic", username: "m", password: "own" },
  });
  withImage(mirror);
  const folder = mkdtempSync(`${tmpdir()}/mirrors-`);
  const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") });
  const resolve = (auths: Record<string, unknown>) => {
    writeFileSync(`${folder}/config.json`, JSON.stringify({ auths }));
    const mirrors = new Map([[registry.host, [mirror.origin]]]);
    return client({ mirrors }, folder).resolve(app(registry));
  };
  await expect(resolve({ [registry.host]: auth("r:secret") })).rejects.toThrow("not found");
  expect(mirror.requests.map((request) => request.headers["authorization"])).toEqual([undefined]);
  await resolve({ [registry.host]: auth("r:secret"), [mirror.host]: auth("m:own") });
  rmSync(folder, { recursive: true });
  expect(mirror.requests.at(-1)?.headers["authorization"]).toBe(`Basic ${auth("m:own").auth}`);
});

test("when all fail, the registry's answer is told, and what the mirrors said", async () => {
  await using registry = await RegistryServer.start();
  await using mirror = await RegistryServer.start();
  mirror.faults.push({ kind: "status", status: 500, match: "/v2/" });
  const failure = mirrored(registry, mirror.origin).resolve(app(registry));
  await expect(failure).rejects.toMatchObject({
    code: "not-found",
    message: expect.stringContaining(`manifest for ${registry.host}/app:latest not found`),
    hint: expect.stringContaining(`the mirror ${mirror.host} failed too: Cannot pull`),
  });
});

test("a user's interruption is not taken for a mirror's failure", async () => {
  await using registry = await RegistryServer.start();
  await using mirror = await RegistryServer.start();
  withImage(registry);
  const stop = AbortSignal.abort();
  const failure = mirrored(registry, mirror.origin).resolve(app(registry), { signal: stop });
  await expect(failure).rejects.toMatchObject({ code: "cancelled" });
  expect(registry.requests).toEqual([]);
});

test("a blocked registry, mirror or end of a redirect gets no connection", async () => {
  await using registry = await RegistryServer.start();
  await using mirror = await RegistryServer.start();
  withImage(registry);
  withImage(mirror);
  const mirrors = new Map([[registry.host, [mirror.origin]]]);
  await expect(client({ blocked: [registry.host], mirrors }).resolve(app(registry))).rejects
    .toThrow(`Cannot pull ${registry.host}/app:latest: the registry ${registry.host} is blocked`);
  expect([...registry.requests, ...mirror.requests]).toEqual([]);
  await client({ blocked: [mirror.host], mirrors }).resolve(app(registry));
  expect([registry.seen("/manifests/").length, mirror.requests.length]).toEqual([1, 0]);
  registry.faults.push({ kind: "redirect", to: `${mirror.origin}/v2/x`, match: "/manifests/" });
  await expect(client({ blocked: [mirror.host] }).resolve(app(registry))).rejects.toThrow(
    `the registry ${mirror.host} is blocked`,
  );
  expect(mirror.requests).toEqual([]);
});
