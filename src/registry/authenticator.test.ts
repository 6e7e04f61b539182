import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { RegistryServer, type ServerAuth } from "../../tests/support/registry_server.ts";
import { parseReference } from "../oci/reference.ts";
import { RegistryClient } from "./registry_client.ts";

const USER = { username: "alice", password: "s3:cret\u00e9" };
const ENCODED = Buffer.from(`${USER.username}:${USER.password}`).toString("base64");

let home: string;
let server: RegistryServer;

beforeEach(async () => {
  home = mkdtempSync(`${tmpdir()}/auth-`);
  mkdirSync(`${home}/.docker`);
  server = await RegistryServer.start();
  server.addManifest("app", "latest", { schemaVersion: 2, manifests: [] }, INDEX);
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

const INDEX = "application/vnd.oci.image.index.v1+json";

function client(): RegistryClient {
  return new RegistryClient({
    home,
    dockerConfigDir: `${home}/.docker`,
    env: { PATH: `${home}/bin:/usr/bin:/bin`, HOME: home },
    userAgent: "tsbox/test",
    timing: { firstDelay: 1, response: 2000 },
  });
}

const pull = (registry = client()) => registry.resolve(parseReference(`${server.host}/app`));

function writeConfig(config: unknown): void {
  writeFileSync(`${home}/.docker/config.json`, JSON.stringify(config));
}

function logIn(auth: ServerAuth, entry: Record<string, string> = { auth: ENCODED }): void {
  server.auth = auth;
  writeConfig({ auths: { [server.host]: entry } });
}

/** A real credential helper: a program in PATH. */
function installHelper(name: string, script: string): void {
  mkdirSync(`${home}/bin`, { recursive: true });
  const path = `${home}/bin/docker-credential-${name}`;
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

describe("basic authentication", () => {
  test("uses what docker login stored", async () => {
    logIn({ kind: "basic", ...USER });
    await pull();
    const asked = server.seen("/manifests/");
    expect(asked.map((request) => request.headers["authorization"] !== undefined)).toEqual([
      false,
      true,
    ]);
  });

  test("says that there are no credentials, or that they are wrong, without showing them", async () => {
    server.auth = { kind: "basic", ...USER };
    await expect(pull()).rejects.toThrow("no basic auth credentials");
    logIn({ kind: "basic", username: "alice", password: "other" });
    await expect(pull()).rejects.toThrow(expect.objectContaining({ code: "unauthorized" }));
    expect(server.seen("/manifests/").length).toBeLessThan(5);
  });
});

describe("bearer tokens", () => {
  test("anonymous ones are asked for reading this repository only", async () => {
    server.auth = { kind: "token" };
    const registry = client();
    await pull(registry);
    await pull(registry);
    const [request, ...more] = server.seen("/token");
    const query = new URL(request?.path ?? "", server.origin).searchParams;
    expect(query.get("scope")).toBe("repository:app:pull");
    expect(query.get("service")).toBe("test registry");
    expect(request?.headers["authorization"]).toBeUndefined();
    expect(more).toEqual([]);
  });

  test("user and password go to the realm, the token to the registry", async () => {
    logIn({ kind: "token", ...USER });
    await pull();
    expect(server.seen("/token")[0]?.headers["authorization"]).toBe(`Basic ${ENCODED}`);
    expect(server.seen("/token")[0]?.path).toContain("account=alice");
    const sent = server.seen("/v2/").map((request) => request.headers["authorization"]);
    expect(sent.filter((header) => header?.startsWith("Basic"))).toEqual([]);
  });

  test("an identity token is exchanged by POST", async () => {
    logIn({ kind: "token", ...USER, identityToken: "id-1" }, { identitytoken: "id-1" });
    await pull();
    const [request] = server.seen("/token");
    expect(request?.method).toBe("POST");
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      grant_type: "refresh_token",
      client_id: "tsbox",
      service: "test registry",
      scope: "repository:app:pull",
      refresh_token: "id-1",
    });
  });

  test("a token that is no longer accepted is renewed once for all that wait", async () => {
    server.auth = { kind: "token" };
    const registry = client();
    await pull(registry);
    server.tokens.clear();
    await Promise.all([pull(registry), pull(registry), pull(registry)]);
    expect(server.seen("/token")).toHaveLength(2);
    await pull(registry);
  });

  test("refused credentials are named by registry, with what to do", async () => {
    logIn({ kind: "token", username: "alice", password: "other" });
    await expect(pull()).rejects.toThrow(
      expect.objectContaining({
        message: expect.stringContaining("refused the stored credentials"),
        hint: expect.stringContaining("tsbox login"),
      }),
    );
  });

  test("a realm that is no web address is refused before anything is sent", async () => {
    for (
      const realm of ["file:///etc/passwd", "http://registry.example/token", "ftp://x/", "nonsense"]
    ) {
      logIn({ kind: "token", ...USER, realm });
      await expect(pull()).rejects.toThrow("names a realm that is no https URL");
    }
  });

  test("a realm's redirect never carries the password on", async () => {
    await using other = await RegistryServer.start();
    logIn({ kind: "token", ...USER });
    server.faults.push({ match: "/token", kind: "redirect", to: `${other.origin}/token` });
    await expect(pull()).rejects.toThrow();
    expect(other.requests.map((request) => request.headers["authorization"])).toEqual([undefined]);
  });
});

describe("redirects", () => {
  test("blobs may be elsewhere, but the token stays", async () => {
    await using other = await RegistryServer.start();
    const blob = other.addBlob(new Uint8Array(1000));
    server.auth = { kind: "token" };
    const to = `${other.origin}/v2/x/blobs/${blob.digest}`;
    server.faults.push({
      match: "/blobs/",
      kind: "status",
      status: 401,
      headers: challengeOf(server),
    });
    server.faults.push({ match: "/blobs/", kind: "redirect", to });
    let length = 0;
    for await (const chunk of client().blob(parseReference(`${server.host}/app`), blob)) {
      length += chunk.length;
    }
    expect(length).toBe(1000);
    expect(server.seen("/blobs/").at(-1)?.headers["authorization"]).toStartWith("Bearer ");
    expect(other.requests.map((request) => request.headers["authorization"])).toEqual([undefined]);
  });

  test("whoever we were redirected to cannot ask for credentials", async () => {
    await using other = await RegistryServer.start({ auth: { kind: "basic", ...USER } });
    logIn({ kind: "basic", ...USER });
    server.auth = undefined;
    server.faults.push({
      match: "/manifests/",
      kind: "redirect",
      to: `${other.origin}/v2/app/manifests/latest`,
    });
    await expect(pull()).rejects.toThrow(expect.objectContaining({ code: "unauthorized" }));
    expect(other.requests.map((request) => request.headers["authorization"])).toEqual([undefined]);
  });

  test.each([
    ["http://registry.example/x", "not https"],
    ["file:///etc/passwd", "file: is not http"],
    ["data:text/plain,x", "data: is not http"],
    ["http://[", "no URL"],
  ])("to %s are refused", async (to, words) => {
    server.faults.push({ match: "/manifests/", kind: "redirect", to });
    await expect(pull()).rejects.toThrow(words);
  });

  test("in a circle end", async () => {
    const to = "/v2/app/manifests/latest";
    server.faults.push({ match: "/manifests/", kind: "redirect", to, times: 100 });
    await expect(pull()).rejects.toThrow("redirects");
  });
});

function challengeOf(server: RegistryServer): Record<string, string> {
  return { "WWW-Authenticate": `Bearer realm="${server.origin}/token",service="s"` };
}

describe("credential helpers", () => {
  test("are asked by docker's protocol, for the registry they are set for", async () => {
    server.auth = { kind: "basic", ...USER };
    writeConfig({ credHelpers: { [server.host]: "keys" }, credsStore: "wrong" });
    installHelper(
      "keys",
      `[ "$1" = get ] && [ "$(cat)" = "${server.host}" ] || exit 9
       printf '{"ServerURL":"x","Username":"alice","Secret":"s3:cret\u00e9"}'`,
    );
    await pull();
    expect(server.seen("/manifests/").at(-1)?.headers["authorization"]).toBe(`Basic ${ENCODED}`);
  });

  test("may hold an identity token", async () => {
    server.auth = { kind: "token", ...USER, identityToken: "id-2" };
    writeConfig({ credsStore: "keys" });
    installHelper("keys", `cat >/dev/null; echo '{"Username":"<token>","Secret":"id-2"}'`);
    await pull();
    expect(server.seen("/token")[0]?.method).toBe("POST");
  });

  test("that know nothing leave us anonymous", async () => {
    server.auth = { kind: "token" };
    writeConfig({ credsStore: "keys" });
    installHelper("keys", `echo "credentials not found in native keychain"; exit 1`);
    await pull();
    expect(server.seen("/token")[0]?.headers["authorization"]).toBeUndefined();
  });

  test.each([
    ["missing", "absent", "no docker-credential-absent in PATH"],
    ["a path", "../evil", "no docker-credential-../evil in PATH"],
    ["failing", "failing", "docker-credential-failing ended with 3"],
    ["no JSON", "text", "its answer is not JSON"],
  ])("%s: the error names the helper and shows no secret", async (_, name, words) => {
    server.auth = { kind: "token" };
    writeConfig({ credsStore: name });
    installHelper("failing", "echo s3cret; exit 3");
    installHelper("text", "echo 's3cret'");
    const error = await pull().catch((error: unknown) => error);
    expect(String(error)).toContain(words);
    expect(String(error)).not.toContain("s3cret");
  });

  test("are not started when no registry asks", async () => {
    writeConfig({ credsStore: "absent" });
    await pull();
    expect(server.requests.length).toBeGreaterThan(0);
  });
});
