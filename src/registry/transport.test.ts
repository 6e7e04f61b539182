import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { type Certificate, makeCertificate } from "../../tests/support/certificates.ts";
import { RegistryServer } from "../../tests/support/registry_server.ts";
import { parseReference } from "../oci/reference.ts";
import { hostCertificates } from "./certificates.ts";
import { isLoopback } from "./hosts.ts";
import { NO_POLICY, type RegistryPolicy } from "./policy.ts";
import { RegistryClient } from "./registry_client.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
let made: Certificate & { ca: string };
let keys: string;
let home: string;

beforeAll(() => {
  keys = mkdtempSync(`${tmpdir()}/keys-`);
  made = makeCertificate(keys);
});
afterAll(() => rmSync(keys, { recursive: true }));

beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/transport-`);
});
afterEach(() => rmSync(home, { recursive: true }));

function client(
  env: Record<string, string> = {},
  policy: Partial<RegistryPolicy> = {},
): RegistryClient {
  return new RegistryClient({
    policy: { ...NO_POLICY, ...policy },
    home,
    dockerConfigDir: `${home}/.docker`,
    env,
    userAgent: "tsbox/test",
    timing: { firstDelay: 1, attempts: 2, response: 2000 },
  });
}

function withIndex(server: RegistryServer): RegistryServer {
  server.addManifest("app", "latest", { schemaVersion: 2, manifests: [] }, INDEX);
  return server;
}

function trust(host: string, files: Record<string, string>, root = `${home}/.config/tsbox`): void {
  mkdirSync(`${root}/certs.d/${host}`, { recursive: true });
  for (const name in files) writeFileSync(`${root}/certs.d/${host}/${name}`, files[name] ?? "");
}

const pull = (
  host: string,
  env?: Record<string, string>,
  policy?: Partial<RegistryPolicy>,
) => client(env, policy).resolve(parseReference(`${host}/app`));

describe("TLS", () => {
  test("a loopback registry may have any certificate, as in docker", async () => {
    await using server = withIndex(await RegistryServer.start({ tls: made }));
    await pull(server.host);
    expect(server.seen("/manifests/")).toHaveLength(1);
  });

  test("an authority named in certs.d must have signed it, on loopback too", async () => {
    await using server = withIndex(await RegistryServer.start({ tls: made }));
    trust(server.host, { "ca.crt": made.ca });
    await pull(server.host);
    mkdirSync(`${keys}/other`);
    trust(server.host, { "ca.crt": makeCertificate(`${keys}/other`).ca });
    await expect(pull(server.host)).rejects.toThrow(
      expect.objectContaining({ hint: expect.stringContaining(`certs.d/${server.host}/ca.crt`) }),
    );
    expect(server.seen("/manifests/")).toHaveLength(1);
  });

  test("a registry whose authority is named is never spoken to in plain HTTP", async () => {
    await using server = withIndex(await RegistryServer.start());
    trust(server.host, { "ca.crt": made.ca }, `${home}/.docker`);
    await expect(pull(server.host)).rejects.toThrow("does not speak TLS");
    expect(server.requests).toEqual([]);
  });

  test("the system's authorities count, as SSL_CERT_FILE names them", async () => {
    await using server = withIndex(await RegistryServer.start({ tls: made }));
    // Any authority for the host ends the freedom of loopback, so that the system's decide.
    mkdirSync(`${keys}/third`);
    trust(server.host, { "ca.crt": makeCertificate(`${keys}/third`).ca });
    await expect(pull(server.host)).rejects.toThrow("Cannot reach");
    await pull(server.host, { SSL_CERT_FILE: `${keys}/ca.crt` });
  });

  test("our own certificate is shown to a registry that asks for it", async () => {
    const seen: boolean[] = [];
    const tls = { cert: made.cert, key: made.key, ca: made.ca, requestCert: true };
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { ...tls, rejectUnauthorized: true },
      fetch: () => {
        seen.push(true);
        return new Response(`{"schemaVersion":2,"manifests":[]}`, {
          headers: { "Content-Type": INDEX },
        });
      },
    });
    const host = `127.0.0.1:${server.port}`;
    trust(host, { "ca.crt": made.ca });
    await expect(pull(host)).rejects.toThrow();
    expect(seen).toEqual([]);
    trust(host, { "own.cert": made.cert, "own.key": made.key });
    await pull(host);
    expect(seen).toEqual([true]);
  });
});

describe("certs.d", () => {
  test("a certificate without its key is refused with docker's advice", () => {
    trust("r.example", { "own.cert": "x" });
    expect(() => hostCertificates([`${home}/.config/tsbox/certs.d`], ["r.example"])).toThrow(
      "missing key own.key for client certificate own.cert",
    );
  });

  test("a host's name cannot lead out of the folder", () => {
    mkdirSync(`${home}/certs.d`);
    writeFileSync(`${home}/evil.crt`, "x");
    for (const name of ["..", "../", ".", "a/../.."]) {
      expect(hostCertificates([`${home}/certs.d`], [name]).ca).toEqual([]);
    }
  });
});

describe("plain HTTP", () => {
  test("loopback is known by its name, not by what a name server says", () => {
    const hosts = ["localhost", "127.0.0.1", "127.1", "[::1]", "0x7f.1"];
    expect(hosts.map((host) => isLoopback(new URL(`http://${host}:5000/`).hostname))).toEqual(
      hosts.map(() => true),
    );
    for (
      const host of ["127.0.0.1.nip.io", "localhost.evil.org", "10.0.0.1", "128.0.0.1", "[::2]"]
    ) {
      expect(isLoopback(new URL(`http://${host}/`).hostname)).toBe(false);
    }
  });
});

describe("proxies", () => {
  async function startProxy() {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
      response.writeHead(200, { "Content-Type": INDEX });
      response.end(`{"schemaVersion":2,"manifests":[]}`);
    });
    server.on("connect", (request, socket) => {
      seen.push(`CONNECT ${request.url}`);
      socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address() as AddressInfo;
    return { seen, server, host: `127.0.0.1:${address.port}` };
  }

  test("are used for far registries and never for this machine", async () => {
    const { seen, server, host } = await startProxy();
    const env = { HTTP_PROXY: `http://u:p@${host}`, HTTPS_PROXY: `http://${host}` };
    await pull("registry.invalid:5000", env, { insecure: ["registry.invalid:5000"] });
    expect(seen[0]).toBe("CONNECT registry.invalid:5000");
    const credentials = `Basic ${Buffer.from("u:p").toString("base64")}`;
    expect(seen.at(-1)).toBe(
      `http://registry.invalid:5000/v2/app/manifests/latest ${credentials}`,
    );
    await using registry = withIndex(await RegistryServer.start());
    const before = seen.length;
    await pull(registry.host, env);
    expect(seen).toHaveLength(before);
    server.close();
  });
});
