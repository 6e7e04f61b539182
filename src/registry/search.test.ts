import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { makeCertificate } from "../../tests/support/certificates.ts";
import { Connection } from "./connection.ts";
import { CredentialSource } from "./credentials.ts";
import { type FoundRepository, searchRegistry } from "./search.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/search-`);
});
afterEach(() => rmSync(home, { recursive: true }));

function search(
  registry: string,
  term: string,
  env: Record<string, string> = {},
): Promise<FoundRepository[]> {
  const connection = new Connection({
    home,
    dockerConfigDir: home,
    env,
    userAgent: "tsbox/test",
    timing: { firstDelay: 1, response: 2000, stall: 300 },
  });
  const credentials = new CredentialSource(home, env);
  return searchRegistry(connection, credentials, { registry, term, limit: 7, signal: undefined });
}

type Handler = (request: Request) => Response | Promise<Response>;

/** A registry of the test's own: what it answers is the test. */
function serve(handler: Handler): Disposable & { host: string; seen: string[] } {
  const seen: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url);
      seen.push(pathname + search);
      return pathname === "/v2/" ? new Response("{}") : handler(request);
    },
  });
  const host = `127.0.0.1:${server.port}`;
  return { host, seen, [Symbol.dispose]: () => void server.stop(true) };
}

const V1 = {
  num_results: 2,
  results: [
    { name: "library/redis", description: "a\nb", star_count: 5, is_official: true },
    { name: "user/redis", star_count: 3 },
  ],
};

describe("a registry with the v1 search API", () => {
  test("is asked for the term, and its names get its host", async () => {
    using registry = serve(() => Response.json(V1));
    const found = await search(registry.host, "re dis&x");
    expect(registry.seen.at(-1)).toBe("/v1/search?q=re+dis%26x&n=7");
    expect(found).toEqual([
      { name: `${registry.host}/library/redis`, description: "a\nb", stars: 5, official: true },
      { name: `${registry.host}/user/redis`, description: "", stars: 3, official: false },
    ]);
  });

  test("that answers nonsense is named", async () => {
    for (const results of [[{ name: 1 }], "x", [{ name: "a", star_count: -1 }]]) {
      using registry = serve(() => Response.json({ results }));
      expect(await search(registry.host, "x").catch(String)).toMatch(
        /^TsboxError: Cannot read search result\.results/,
      );
    }
    using endless = serve(() =>
      new Response(new Blob(["[".repeat(5_000_000)]), {
        headers: { "Content-Type": "application/json" },
      })
    );
    expect(await search(endless.host, "x").catch(String)).toContain("more than 4194304 bytes");
  });
});

test("a registry that nobody answers for is named", async () => {
  const { host, [Symbol.dispose]: stop } = serve(() => Response.json(V1));
  stop();
  expect(await search(host, "x").catch(String)).toBe(
    `TsboxError: Cannot reach ${host}: connection refused`,
  );
});

test("Docker Hub's index is asked without a password, and official images have short names", async () => {
  const { ca, cert, key } = makeCertificate(home, "DNS:index.docker.io");
  writeFileSync(`${home}/ca.pem`, ca);
  writeFileSync(
    `${home}/config.json`,
    JSON.stringify({ auths: { "https://index.docker.io/v1/": { auth: btoa("a:b") } } }),
  );
  const seen: [string, string | null][] = [];
  using index = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert, key },
    fetch: (request) => {
      seen.push([request.url, request.headers.get("authorization")]);
      return Response.json(V1);
    },
  });
  const proxy = createServer();
  proxy.on("connect", (request, socket) => {
    expect(request.url).toBe("index.docker.io:443");
    const upstream = connect(index.port ?? 0, "127.0.0.1");
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    socket.on("error", () => upstream.destroy());
    upstream.on("error", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const env = { HTTPS_PROXY: `http://127.0.0.1:${port}`, SSL_CERT_FILE: `${home}/ca.pem` };
  const found = await search("docker.io", "redis", env);
  proxy.close();
  expect(found.map(({ name }) => name)).toEqual(["redis", "user/redis"]);
  expect(seen).toEqual([["https://index.docker.io/v1/search?q=redis&n=7", null]]);
});

describe("a registry without it", () => {
  const names = Array.from({ length: 2500 }, (_, i) => `team/App-${i}`);

  /** Pages as the distribution project's registry gives them. */
  const catalog = (link: (last: string) => string): Handler => (request) => {
    const url = new URL(request.url);
    if (url.pathname !== "/v2/_catalog") return new Response("no", { status: 404 });
    const from = names.indexOf(url.searchParams.get("last") ?? "") + 1;
    const repositories = names.slice(from, from + 1000);
    const last = repositories.at(-1) ?? "";
    const headers = from + 1000 < names.length ? { Link: link(last) } : {};
    return Response.json({ repositories }, { headers });
  };

  test("is searched by its list of repositories, page by page", async () => {
    using registry = serve(
      catalog((last) => `</v2/_catalog?last=${encodeURIComponent(last)}&n=1000>; rel="next"`),
    );
    const found = await search(registry.host, "app-249");
    expect(found.map(({ name }) => name)).toEqual(
      ["team/App-249", ...Array.from({ length: 10 }, (_, i) => `team/App-249${i}`)].map((name) =>
        `${registry.host}/${name}`
      ),
    );
    expect(registry.seen.filter((path) => path.startsWith("/v2/_catalog"))).toHaveLength(3);
  });

  test("cannot lead to another host or go on for ever", async () => {
    using other = serve(() => Response.json({ repositories: ["stolen"] }));
    using away = serve(catalog(() => `<http://${other.host}/v2/_catalog>; rel="next"`));
    expect(await search(away.host, "stolen")).toEqual([]);
    expect(other.seen).toEqual([]);
    using circle = serve(catalog(() => `</v2/_catalog?n=1000>; rel=next`));
    expect(await search(circle.host, "App-7")).not.toEqual([]);
    expect(circle.seen.length).toBeLessThan(110);
  });

  test("nor a list is told from one that finds nothing", async () => {
    const page = () => new Response("<html>", { headers: { "Content-Type": "text/html" } });
    for (const handler of [page, () => new Response("", { status: 404 })]) {
      using registry = serve(handler);
      expect(await search(registry.host, "x").catch(String)).toBe(
        `TsboxError: Cannot search ${registry.host}: it offers no list of repositories`,
      );
    }
  });

  test("gets the credentials that are stored for it, and says what to do without", async () => {
    const auth = `Basic ${btoa("a:b")}`;
    using registry = serve((request) => {
      if (request.headers.get("authorization") !== auth) {
        return new Response("", { status: 401, headers: { "WWW-Authenticate": "Basic realm=x" } });
      }
      return catalog(() => "")(request);
    });
    const error: unknown = await search(registry.host, "app").catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "unauthorized",
      message: `Cannot search ${registry.host}: 401 Unauthorized`,
      hint: `use 'tsbox login ${registry.host}' first`,
    });
    mkdirSync(home, { recursive: true });
    writeFileSync(
      `${home}/config.json`,
      JSON.stringify({ auths: { [registry.host]: { auth: btoa("a:b") } } }),
    );
    expect(await search(registry.host, "app-7")).not.toEqual([]);
  });

  test("asks its token server for its list of repositories", async () => {
    const asked: string[] = [];
    using registry = serve((request) => {
      const url = new URL(request.url);
      if (url.pathname === "/token") {
        asked.push(url.search);
        return Response.json({ token: "t" });
      }
      if (request.headers.get("authorization") === "Bearer t") return catalog(() => "")(request);
      const realm = `http://${url.host}/token`;
      return new Response("", {
        status: 401,
        headers: { "WWW-Authenticate": `Bearer realm="${realm}",service="s",scope="x:y:*"` },
      });
    });
    expect(await search(registry.host, "app-7")).not.toEqual([]);
    expect(asked).toEqual(["?service=s&scope=registry%3Acatalog%3A*"]);
  });
});
