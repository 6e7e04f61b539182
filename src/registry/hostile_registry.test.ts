/** Registries that want to be a nuisance: each ends in success or one clear error, within bounds of time and memory. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { failure, ok, pour, rawServer } from "../../tests/support/raw_server.ts";
import { RegistryServer } from "../../tests/support/registry_server.ts";
import { digestOf } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import { RegistryClient } from "./registry_client.ts";
import type { Timing } from "./retry.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

let home: string;
let server: RegistryServer;

beforeEach(async () => {
  home = mkdtempSync(`${tmpdir()}/hostile-`);
  server = await RegistryServer.start();
  server.addManifest("app", "latest", { schemaVersion: 2, manifests: [] }, INDEX);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

function client(timing: Partial<Timing> = {}): RegistryClient {
  const fast = { firstDelay: 1, maxDelay: 5, maxRetryAfter: 100, stall: 200, response: 1000 };
  return new RegistryClient({
    home,
    dockerConfigDir: home,
    env: {},
    userAgent: "tsbox/test",
    timing: { ...fast, ...timing },
  });
}

function logIn(host: string): void {
  writeFileSync(
    `${home}/config.json`,
    JSON.stringify({ auths: { [host]: { auth: btoa("u:p") } } }),
  );
}

const pull = (host: string, timing?: Partial<Timing>) =>
  client(timing).resolve(parseReference(`${host}/app`));

async function read(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

describe("connections that are cut", () => {
  const content = Uint8Array.from({ length: 500_000 }, (_, i) => (i * 31) >> 3);
  const tenth = content.length / 10;

  test("at every tenth go on by Range", async () => {
    const blob = server.addBlob(content);
    server.faults.push({ match: "/blobs/", kind: "cut", after: tenth, times: 9 });
    const got = await read(client().blob(parseReference(`${server.host}/app`), blob));
    expect(digestOf(got)).toBe(blob.digest);
    const ranges = server.seen("/blobs/").map(({ headers }) => headers["range"]);
    expect(ranges).toHaveLength(10);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ""))).toBe(true);
  });

  test("at every tenth end well also when the server ignores Range", async () => {
    const blob = server.addBlob(content);
    for (let cuts = 1; cuts < 10; cuts++) {
      const after = cuts * tenth;
      server.faults.push({ match: "/blobs/", kind: "cut", after, ignoreRange: true });
    }
    server.faults.push({ match: "/blobs/", kind: "ignore-range" });
    const got = await read(client().blob(parseReference(`${server.host}/app`), blob));
    expect(digestOf(got)).toBe(blob.digest);
  });

  test("in the head, in a manifest and in a token are tried again", async () => {
    let tries = 0;
    using raw = await rawServer((socket, path) => {
      if (path === "/v2/") return void socket.end(ok("text/plain", "Content-Length: 0"));
      const body = `{"schemaVersion":2,"manifests":[]}`;
      const whole = ok(INDEX, `Content-Length: ${body.length}`) + body;
      tries++;
      socket.end(tries > 3 ? whole : whole.slice(0, [10, whole.length - 5, 40][tries - 1]));
    });
    expect((await pull(raw.host)).descriptor.mediaType).toBe(INDEX);
    expect(tries).toBe(4);
  });
});

describe("servers that take their time", () => {
  test("a blob that drips is given up, however often it drips", async () => {
    const blob = server.addBlob(new Uint8Array(100_000));
    server.faults.push({ match: "/blobs/", kind: "drip", bytes: 10, pause: 20, times: 99 });
    const reading = read(
      client({ totalAttempts: 3 }).blob(parseReference(`${server.host}/app`), blob),
    );
    const began = performance.now();
    expect(await failure(reading)).toContain("it stopped sending, or nearly so");
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(server.seen("/blobs/")).toHaveLength(3);
  });

  test("a manifest that drips is given up", async () => {
    server.addManifest("app", "latest", { schemaVersion: 2, x: "x".repeat(9_000) }, INDEX);
    server.faults.push({ match: "/manifests/", kind: "drip", bytes: 5, pause: 20, times: 99 });
    expect(await failure(pull(server.host, { attempts: 2 }))).toContain("nearly so");
  });

  test("a manifest just fast enough has an end, too", async () => {
    server.addManifest("app", "latest", { schemaVersion: 2, x: "x".repeat(90_000) }, INDEX);
    server.faults.push({ match: "/manifests/", kind: "drip", bytes: 100, pause: 20, times: 99 });
    const began = performance.now();
    expect(await failure(pull(server.host, { attempts: 1 }))).toContain("nearly so");
    expect(performance.now() - began).toBeLessThan(6_000);
  });

  test("a slow line above the least rate is none of them", async () => {
    const blob = server.addBlob(new Uint8Array(20_000));
    server.faults.push({ match: "/blobs/", kind: "drip", bytes: 500, pause: 20 });
    const got = await read(client().blob(parseReference(`${server.host}/app`), blob));
    expect(got).toHaveLength(20_000);
    expect(server.seen("/blobs/")).toHaveLength(1);
  });
});

describe("sizes that lie", () => {
  const serveBlob = (length: number, sent: number) =>
    rawServer((socket, path) => {
      if (path === "/v2/") return void socket.end(ok("text/plain", "Content-Length: 0"));
      socket.end(ok("x/y", `Content-Length: ${length}`) + "x".repeat(sent));
    });
  const digest = digestOf(new Uint8Array(100).fill(120));
  const descriptor = { mediaType: LAYER, digest, size: 100 };
  const readFrom = (host: string) =>
    failure(
      read(client({ attempts: 2 }).blob(parseReference(`${host}/app`), descriptor)),
    );

  test("a Content-Length that is not the manifest's size is refused at once", async () => {
    for (const [length, sent] of [[10, 100], [1000, 100]] as const) {
      using raw = await serveBlob(length, sent);
      expect(await readFrom(raw.host)).toContain(
        `the manifest says 100 bytes, the registry has ${length}`,
      );
    }
  });

  test("a body that is shorter than its Content-Length is a cut", async () => {
    using raw = await serveBlob(100, 99);
    expect(await readFrom(raw.host)).toContain("Cannot re");
  });

  test("an endless blob is left after its size", async () => {
    using raw = await rawServer((socket, path) => {
      if (path === "/v2/") return void socket.end(ok("text/plain", "Content-Length: 0"));
      socket.write(ok("x/y", "Connection: close"));
      pour(socket, new Uint8Array(65_536));
    });
    expect(await readFrom(raw.host)).toContain("says 100 bytes, the registry has more");
  });

  test("a range that is another one is refused", async () => {
    for (const range of ["bytes 0-99/100", "bytes 50-99/200", "bytes 50-", "none"]) {
      using raw = await rawServer((socket, path) => {
        if (path === "/v2/") return void socket.end(ok("text/plain", "Content-Length: 0"));
        const head = ok("x/y", "Content-Length: 50", `Content-Range: ${range}`);
        socket.end(head.replace("200 OK", "206 Partial Content") + "x".repeat(50));
      });
      const blob = client().blob(parseReference(`${raw.host}/app`), descriptor, { offset: 50 });
      expect(await failure(read(blob))).toContain("the registry has another part");
    }
  });
});

describe("answers without end", () => {
  const cases: Record<string, [head: string, piece: string, error: RegExp]> = {
    "a head of one line": ["HTTP/1.1 200 OK\r\nX-A: ", "x".repeat(65_536), /headers .* too large/],
    "a head of many lines": [
      "HTTP/1.1 200 OK\r\n",
      Array.from({ length: 1000 }, (_, i) => `X-${i}: ${"y".repeat(50)}\r\n`).join(""),
      /not HTTP|too large/,
    ],
    "a manifest": [ok(INDEX), " ".repeat(65_536), /manifest of .* more than 4194304 bytes/],
    "interim answers": [
      "",
      "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n".repeat(1000),
      /Cannot reach/,
    ],
    "no HTTP at all": ["", "\0".repeat(65_536), /Cannot reach .*not HTTP/],
  };
  for (const [name, [head, piece, message]] of Object.entries(cases)) {
    test(`${name}: an error, and no memory`, async () => {
      using raw = await rawServer((socket, path) => {
        if (path === "/v2/") return void socket.end(ok("text/plain", "Content-Length: 0"));
        socket.write(head);
        pour(socket, new TextEncoder().encode(piece));
      });
      const before = process.memoryUsage().rss;
      expect(await failure(pull(raw.host, { attempts: 2 }))).toMatch(message);
      expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
    });
  }

  test("an error's text: the status is said, the text left", async () => {
    using raw = await rawServer((socket, path) => {
      if (path === "/v2/") return void socket.end(ok("text/plain", "Content-Length: 0"));
      socket.write(ok("application/json").replace("200 OK", "404 Gone"));
      pour(socket, new Uint8Array(65_536).fill(32));
    });
    expect(await failure(pull(raw.host))).toEndWith("not found: manifest unknown");
  });

  test("a token: an error", async () => {
    using raw = await rawServer((socket, path) => {
      if (path.startsWith("/token")) {
        socket.write(ok("application/json"));
        return pour(socket, new Uint8Array(65_536).fill(32));
      }
      const challenge =
        `WWW-Authenticate: Bearer realm="http://${socket.localAddress}:${socket.localPort}/token"`;
      socket.end(ok("x/y", challenge, "Content-Length: 0").replace("200 OK", "401 No"));
    });
    expect(await failure(pull(raw.host))).toMatch(/token of .* more than 1048576 bytes/);
  });
});

describe("servers that never say yes", () => {
  test("401 for ever ends after one answer to the challenge", async () => {
    logIn(server.host);
    for (const kind of ["basic", "token"] as const) {
      server.auth = { kind };
      // Tokens are given and never accepted.
      server.tokens.add = () => server.tokens;
      const before = server.requests.length;
      expect(await failure(pull(server.host))).toContain("pull access denied");
      expect(server.requests.length - before).toBeLessThan(6);
    }
  });

  for (const status of [429, 500, 502, 503, 504]) {
    test(`${status} for ever ends after six tries, waiting no longer than it may`, async () => {
      const headers = { "Retry-After": "86400" };
      server.faults.push({ match: "/manifests/", kind: "status", status, headers, times: 1e9 });
      const began = performance.now();
      expect(await failure(pull(server.host))).toContain(
        `received unexpected HTTP status: ${status}`,
      );
      expect(performance.now() - began).toBeLessThan(8_000);
      expect(server.seen("/manifests/")).toHaveLength(6);
    });
  }

  test("a token server that answers 503 for ever is left", async () => {
    server.auth = { kind: "token" };
    server.faults.push({ match: "/token", kind: "status", status: 503, times: 1e9 });
    expect(await failure(pull(server.host))).toContain("503");
    expect(server.seen("/token")).toHaveLength(6);
  });

  test("429 after every tenth of a blob is waited for, and the blob gets whole", async () => {
    const blob = server.addBlob(new Uint8Array(100_000).fill(7));
    for (let i = 0; i < 9; i++) {
      server.faults.push(
        { match: "/blobs/", kind: "cut", after: 10_000 },
        { match: "/blobs/", kind: "status", status: 429, headers: { "Retry-After": "0" } },
      );
    }
    const got = await read(client().blob(parseReference(`${server.host}/app`), blob));
    expect(digestOf(got)).toBe(blob.digest);
  });
});
