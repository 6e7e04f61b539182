/** The registry client against Debian's docker-registry: the reference implementation, not ours. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { digestOf } from "../src/oci/digest.ts";
import { type Descriptor, parseManifest } from "../src/oci/manifest.ts";
import { parseReference } from "../src/oci/reference.ts";
import { RegistryClient } from "../src/registry/registry_client.ts";
import { makeCertificate } from "./support/certificates.ts";

const REGISTRY = "/usr/bin/docker-registry";
const missing = existsSync(REGISTRY) ? "" : ` (skipped: ${REGISTRY} is not installed)`;
const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const USER = ["alice", "secret"] as const;

let dir: string;
const running: Bun.Subprocess[] = [];

beforeAll(() => {
  dir = mkdtempSync(`${tmpdir()}/debian-registry-`);
});

afterAll(async () => {
  for (const child of running) {
    child.kill();
    await child.exited;
  }
  rmSync(dir, { recursive: true });
});

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Starts a registry; `extra` goes under `http:` and beside it. */
async function start(name: string, http: string, extra: string, headers: Record<string, string>) {
  const port = await freePort();
  mkdirSync(`${dir}/${name}`);
  writeFileSync(
    `${dir}/${name}.yml`,
    `version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: ${dir}/${name} } }
http:
  addr: 127.0.0.1:${port}
${http}
${extra}
`,
  );
  const child = Bun.spawn([REGISTRY, "serve", `${dir}/${name}.yml`], {
    stdout: "ignore",
    stderr: "ignore",
  });
  running.push(child);
  const origin = `${http === "" ? "http" : "https"}://127.0.0.1:${port}`;
  const init: BunFetchRequestInit = { tls: { rejectUnauthorized: false }, headers };
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`${origin}/v2/`, init).catch(() => undefined);
    if (answer?.status === 200) return { origin, host: `127.0.0.1:${port}`, init };
    await Bun.sleep(50);
  }
  throw new Error("docker-registry did not start");
}

type Started = Awaited<ReturnType<typeof start>>;

async function pushBlob(
  registry: Started,
  bytes: Uint8Array,
  mediaType: string,
): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const { init, origin } = registry;
  const begun = await fetch(`${origin}/v2/team/app/blobs/uploads/`, { ...init, method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", origin);
  location.searchParams.set("digest", digest);
  const put = await fetch(location, { ...init, method: "PUT", body: bytes });
  expect(put.status).toBe(201);
  return { mediaType, digest, size: bytes.length };
}

async function pushImage(registry: Started, layer: Uint8Array): Promise<Descriptor> {
  const config = { os: "linux", architecture: "amd64", rootfs: { diff_ids: [digestOf(layer)] } };
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: await pushBlob(
      registry,
      new TextEncoder().encode(JSON.stringify(config)),
      "application/vnd.docker.container.image.v1+json",
    ),
    layers: [await pushBlob(registry, layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
  };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const headers = new Headers(registry.init.headers);
  headers.set("Content-Type", MANIFEST);
  const url = `${registry.origin}/v2/team/app/manifests/1`;
  const put = await fetch(url, { ...registry.init, method: "PUT", body: bytes, headers });
  expect(put.status).toBe(201);
  return { mediaType: MANIFEST, digest: digestOf(bytes), size: bytes.length };
}

function client(home: string): RegistryClient {
  const timing = { firstDelay: 1, attempts: 2 };
  return new RegistryClient({
    home,
    dockerConfigDir: `${home}/.docker`,
    env: {},
    userAgent: "tsbox/test",
    timing,
  });
}

/** Reads the whole image and compares it with what was pushed. */
async function expectImage(
  registry: RegistryClient,
  name: string,
  image: Descriptor,
  layer: Uint8Array,
) {
  const reference = parseReference(name);
  const { descriptor, bytes } = await registry.resolve(reference);
  expect(descriptor).toEqual(image);
  const manifest = parseManifest(bytes, descriptor.mediaType);
  if (manifest.kind !== "manifest") throw new Error("not a manifest");
  expect((await registry.config(reference, manifest.config)).length).toBe(manifest.config.size);
  const [first] = manifest.layers;
  if (first === undefined) throw new Error("no layer");
  const parts: Uint8Array[] = [];
  for await (const chunk of registry.blob(reference, first, { offset: 1000 })) parts.push(chunk);
  expect(Buffer.concat(parts).equals(layer.subarray(1000))).toBe(true);
}

describe.skipIf(missing !== "")(`Debian's docker-registry${missing}`, () => {
  const layer = new Uint8Array(3_000_000).map((_, i) => i * i);

  test("is read over plain HTTP on loopback, from any offset", async () => {
    const registry = await start("plain", "", "", {});
    const image = await pushImage(registry, layer);
    await expectImage(client(dir), `${registry.host}/team/app:1`, image, layer);
    await expectImage(client(dir), `${registry.host}/team/app@${image.digest}`, image, layer);
    await expect(client(dir).resolve(parseReference(`${registry.host}/team/app:2`))).rejects
      .toThrow(
        `manifest for ${registry.host}/team/app:2 not found: manifest unknown`,
      );
    await expect(client(dir).resolve(parseReference(`${registry.host}/nobody`))).rejects.toThrow(
      expect.objectContaining({ code: "not-found" }),
    );
  });

  test("is read over TLS of a private authority, after a log-in", async () => {
    const keys = mkdtempSync(`${dir}/keys-`);
    const { ca } = makeCertificate(keys);
    const [user, password] = USER;
    const made = Bun.spawnSync(["htpasswd", "-Bbn", user, password]);
    writeFileSync(`${dir}/htpasswd`, made.stdout);
    const authorization = `Basic ${Buffer.from(USER.join(":")).toString("base64")}`;
    const registry = await start(
      "secure",
      `  tls: { certificate: ${keys}/own.crt, key: ${keys}/own.key }`,
      `auth: { htpasswd: { realm: test, path: ${dir}/htpasswd } }`,
      { Authorization: authorization },
    );
    const image = await pushImage(registry, layer);
    const home = mkdtempSync(`${dir}/home-`);
    const certs = `${home}/.config/tsbox/certs.d/${registry.host}`;
    mkdirSync(certs, { recursive: true });
    writeFileSync(`${certs}/ca.crt`, ca);
    const name = `${registry.host}/team/app:1`;
    await expect(client(home).resolve(parseReference(name))).rejects.toThrow(
      "no basic auth credentials",
    );
    mkdirSync(`${home}/.docker`);
    const auths = { [registry.host]: { auth: authorization.slice(6) } };
    writeFileSync(`${home}/.docker/config.json`, JSON.stringify({ auths }));
    await expectImage(client(home), name, image, layer);
  });
});
