import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { UploadServer } from "../../tests/support/upload_server.ts";
import { TsboxError } from "../errors.ts";
import { digestOf } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import { RegistryUploader } from "./registry_uploader.ts";
import type { Timing } from "./retry.ts";
import { type BlobSource, bytesSource } from "./upload_body.ts";

const FAST: Partial<Timing> = { firstDelay: 1, maxDelay: 5, response: 5_000, finish: 5_000 };

let home: string;
let server: UploadServer;

beforeEach(async () => {
  home = mkdtempSync(`${tmpdir()}/upload-`);
  server = await UploadServer.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

function uploader(timing: Partial<Timing> = {}): RegistryUploader {
  return new RegistryUploader({
    home,
    dockerConfigDir: `${home}/.docker`,
    env: { PATH: "/usr/bin:/bin" },
    userAgent: "tsbox/test",
    timing: { ...FAST, ...timing },
  });
}

function logIn(host: string): void {
  mkdirSync(`${home}/.docker`);
  const auths = { [host]: { auth: btoa("alice:secret") } };
  writeFileSync(`${home}/.docker/config.json`, JSON.stringify({ auths }));
}

/** In pieces, as a file is read. */
function source(bytes: Uint8Array): BlobSource {
  return {
    digest: digestOf(bytes),
    size: bytes.length,
    async *read(start, end) {
      for (let at = start; at < end; at += 65_536) {
        await Promise.resolve();
        yield bytes.subarray(at, Math.min(at + 65_536, end));
      }
    },
  };
}

const SIZE = 3_000_000;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31) >> 3);
const blob = source(bytes);
const app = () => parseReference(`${server.host}/team/app:1`);
const has = (repository: string) =>
  Buffer.from(server.blobs.get(`${repository} ${blob.digest}`) ?? []).equals(bytes);
const sent = () => server.requests.reduce((sum, { received }) => sum + received, 0);

describe("blob()", () => {
  test("sends what the repository lacks in one piece, and nothing the next time", async () => {
    const places: number[] = [];
    const onBytes = (position: number) => places.push(position);
    expect(await uploader().blob(app(), blob, { onBytes })).toEqual({ how: "sent" });
    expect(has("team/app")).toBe(true);
    expect(server.requests.map(({ method }) => method)).toEqual(["GET", "HEAD", "POST", "PUT"]);
    expect(server.seen("PUT", "/uploads/")[0]?.headers["content-length"]).toBe(String(SIZE));
    expect(places.at(-1)).toBe(SIZE);
    expect(await uploader().blob(app(), blob)).toEqual({ how: "existed" });
    expect(sent()).toBe(SIZE);
  });

  test("mounts from the first repository that has it, and gives up the uploads begun by the wish", async () => {
    server.blobs.set(`team/base ${blob.digest}`, bytes);
    const mountFrom = ["team/app", "nobody/here", "team/base"];
    expect(await uploader().blob(app(), blob, { mountFrom })).toEqual({
      how: "mounted",
      from: "team/base",
    });
    expect(has("team/app")).toBe(true);
    expect(sent()).toBe(0);
    expect(server.seen("DELETE", "/uploads/").length).toBe(1);
  });

  test("sends it when it cannot be mounted, by the upload that began instead", async () => {
    const wished = await uploader().blob(app(), blob, { mountFrom: ["nobody/here"] });
    expect(wished).toEqual({ how: "sent" });
    expect(server.seen("POST", "/blobs/uploads/").length).toBe(1);
    server.faults.push({ match: ["POST", "mount="], kind: "status", status: 403 });
    server.blobs.clear();
    expect(await uploader().blob(app(), blob, { mountFrom: ["secret/one"] })).toEqual({
      how: "sent",
    });
  });

  test("goes on where a cut connection left it", async () => {
    server.faults.push({ match: ["PUT", "/uploads/"], kind: "cut", after: 1_000_000 });
    server.faults.push({ match: ["PATCH", "/uploads/"], kind: "cut", after: 500_000 });
    const reasons: string[] = [];
    await uploader().blob(app(), blob, { onRetry: ({ reason }) => reasons.push(reason) });
    expect(has("team/app")).toBe(true);
    expect(reasons.length).toBe(2);
    expect(server.seen("PATCH", "").map(({ headers }) => headers["content-range"])).toEqual([
      `1000000-${SIZE - 1}`,
      `1500000-${SIZE - 1}`,
    ]);
    expect(sent()).toBe(SIZE);
  });

  test("is cut at every tenth and still arrives whole", async () => {
    for (let tenth = 1; tenth < 10; tenth++) {
      server.blobs.clear();
      server.faults.push({ match: ["PUT", "/uploads/"], kind: "cut", after: SIZE * tenth / 10 });
      await uploader().blob(app(), blob);
      expect(has("team/app")).toBe(true);
    }
    expect(sent()).toBe(9 * SIZE);
  });

  test("begins anew where the registry has forgotten the upload", async () => {
    server.forgetful = true;
    server.faults.push({ match: ["PUT", "/uploads/"], kind: "cut", after: 1_000_000 });
    await uploader().blob(app(), blob);
    expect(has("team/app")).toBe(true);
    expect(server.seen("POST", "/blobs/uploads/").length).toBe(2);
  });

  test("does not send again what had arrived when only the answer was lost", async () => {
    server.faults.push({ match: ["PUT", "/uploads/"], kind: "lose-answer" });
    await uploader().blob(app(), blob);
    expect(has("team/app")).toBe(true);
    expect(sent()).toBe(SIZE);
  });

  test.each([405, 411, 413, 501])("sends chunks to a registry that answers %d", async (status) => {
    server.minimumChunk = 20_000_000;
    const large = source(new Uint8Array(50_000_000).fill(7));
    server.faults.push({ match: ["PUT", "/uploads/"], kind: "status", status });
    await uploader().blob(app(), large);
    expect(server.blobs.has(`team/app ${large.digest}`)).toBe(true);
    expect(server.seen("PATCH", "").map(({ received }) => received)).toEqual([
      20_000_000,
      20_000_000,
      10_000_000,
    ]);
  });

  test("tries chunks with a registry that cuts long requests without a word", async () => {
    server.faults.push({ match: ["PUT", "/uploads/"], kind: "cut", after: 0, times: 2 });
    await uploader().blob(app(), blob);
    expect(has("team/app")).toBe(true);
    expect(server.seen("PATCH", "").length).toBe(1);
  });

  test("follows a location on another host without credentials", async () => {
    await using store = await UploadServer.start();
    server.password = "secret";
    logIn(server.host);
    server.uploadHost = store.host;
    // The store asks for credentials, too, and gets none.
    store.faults.push({
      match: ["PUT", "/uploads/"],
      kind: "status",
      status: 401,
      headers: { "WWW-Authenticate": `Basic realm="mine"` },
    });
    await expect(uploader().blob(app(), blob)).rejects.toThrow("push access denied");
    expect(store.seen("PUT", "/uploads/").length).toBe(1);
    expect(store.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test("asks for a token to write this repository, and to read those it mounts from", async () => {
    const headers = {
      "WWW-Authenticate": `Bearer realm="http://${server.host}/token",service="s"`,
    };
    const denied = { kind: "status", status: 401, headers } as const;
    server.faults.push({ match: ["HEAD", "/blobs/"], ...denied });
    server.faults.push({ match: ["POST", "mount="], ...denied });
    const body = `{"token":"t0ken"}`;
    server.faults.push({ match: ["GET", "/token"], kind: "status", status: 200, body, times: 9 });
    await uploader().blob(app(), blob, { mountFrom: ["team/base", "team/more"] });
    expect(has("team/app")).toBe(true);
    const scopes = server.seen("GET", "/token").map(({ path }) =>
      new URL(path, "http://x").searchParams.getAll("scope")
    );
    const own = "repository:team/app:pull,push";
    expect(scopes).toEqual([
      [own],
      [own, "repository:team/base:pull", "repository:team/more:pull"],
    ]);
    expect(server.seen("PUT", "/uploads/")[0]?.headers.authorization).toBe("Bearer t0ken");
  });

  test("is not led to plain HTTP elsewhere or to files", async () => {
    for (const Location of ["http://registry.example/x", "file:///etc/passwd", "ftp://x/y"]) {
      server.faults.push({
        match: ["POST", "/uploads/"],
        kind: "status",
        status: 202,
        headers: { Location },
      });
      await expect(uploader().blob(app(), blob)).rejects.toThrow("Cannot follow the redirect");
    }
    expect(sent()).toBe(0);
  });

  test("sends a body again only where a redirect keeps the method", async () => {
    const status = { match: ["PUT", "/uploads/"] as [string, string], kind: "status" as const };
    const id = "/uploads/none?repository=x";
    server.faults.push({ ...status, status: 307, headers: { Location: id } });
    // It is there, but not known: a new upload begins.
    await uploader().blob(app(), blob);
    expect(has("team/app")).toBe(true);
    server.blobs.clear();
    server.faults.push({ ...status, status: 302, headers: { Location: id } });
    await expect(uploader().blob(app(), blob)).rejects.toThrow(
      "it would make another request of PUT",
    );
  });

  test("waits as a busy registry asks, and gives up in the end", async () => {
    server.faults.push({
      match: ["PUT", "/uploads/"],
      kind: "status",
      status: 429,
      headers: { "Retry-After": "0" },
      times: 2,
    });
    await uploader().blob(app(), blob);
    expect(has("team/app")).toBe(true);
    server.blobs.clear();
    const always = { kind: "status", status: 503, times: 1000 } as const;
    server.faults.push({ match: ["PUT", "/uploads/"], ...always });
    server.faults.push({ match: ["PATCH", "/uploads/"], ...always });
    await expect(uploader({ attempts: 3 }).blob(app(), blob)).rejects.toThrow(
      `Cannot push ${app().familiar}: received unexpected HTTP status: 503 Service Unavailable`,
    );
  });

  test("ends at an error of its source, which says what is wrong", async () => {
    const broken: BlobSource = {
      ...blob,
      async *read() {
        yield bytes.subarray(0, 1_000_000);
        await Promise.resolve();
        throw new TsboxError("corrupt", "The blob was changed");
      },
    };
    await expect(uploader().blob(app(), broken)).rejects.toThrow("The blob was changed");
    expect(server.blobs.size).toBe(0);
    expect(server.seen("PUT", "/uploads/").length).toBeLessThan(2);
  });

  test("stops when it is interrupted", async () => {
    const controller = new AbortController();
    const onBytes = (position: number) => {
      if (position > 1_000_000) controller.abort();
    };
    const { signal } = controller;
    await expect(uploader().blob(app(), blob, { signal, onBytes })).rejects.toThrow(
      expect.objectContaining({ code: "cancelled" }),
    );
    expect(server.blobs.size).toBe(0);
  });

  test("sends empty blobs and those of one byte", async () => {
    for (const size of [0, 1]) {
      const small = bytesSource(digestOf(bytes.subarray(0, size)), bytes.subarray(0, size));
      expect(await uploader().blob(app(), small)).toEqual({ how: "sent" });
      expect(server.blobs.get(`team/app ${small.digest}`)?.length).toBe(size);
    }
  });
});

describe("manifest()", () => {
  const TYPE = "application/vnd.oci.image.manifest.v1+json";
  const document = new TextEncoder().encode("{}");

  test("is stored under its tag, or under its digest", async () => {
    await uploader().manifest(app(), document, TYPE);
    await uploader().manifest(
      parseReference(`${app().name}@${digestOf(document)}`),
      document,
      TYPE,
    );
    expect([...server.manifests.keys()]).toEqual(["team/app 1", `team/app ${digestOf(document)}`]);
    expect(server.seen("PUT", "/manifests/")[0]?.headers["content-type"]).toBe(TYPE);
  });

  test("must be what the registry says it has stored", async () => {
    const headers = { "Docker-Content-Digest": digestOf(bytes) };
    server.faults.push({ match: ["PUT", "/manifests/"], kind: "status", status: 201, headers });
    await expect(uploader().manifest(app(), document, TYPE)).rejects.toThrow(
      `stored ${digestOf(bytes)} instead of ${digestOf(document)}`,
    );
  });

  test("is refused in the registry's words", async () => {
    const body =
      `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`;
    server.faults.push({ match: ["PUT", "/manifests/"], kind: "status", status: 400, body });
    await expect(uploader().manifest(app(), document, TYPE)).rejects.toThrow(
      "manifest blob unknown: blob unknown to registry",
    );
  });
});
