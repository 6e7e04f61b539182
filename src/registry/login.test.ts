import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { RegistryServer, type ServerAuth } from "../../tests/support/registry_server.ts";
import { checkLogin, loginServer } from "./login.ts";
import { Connection } from "./connection.ts";

const USER = { username: "alice", password: "s3:cret" };

let home: string;
let server: RegistryServer;

beforeEach(async () => {
  home = mkdtempSync(`${tmpdir()}/login-`);
  server = await RegistryServer.start();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

function logIn(auth: ServerAuth | undefined, user = USER): Promise<string | undefined> {
  server.auth = auth;
  const connection = new Connection({
    home,
    dockerConfigDir: home,
    env: {},
    userAgent: "tsbox/test",
    timing: { firstDelay: 1, response: 2000, stall: 500 },
  });
  return checkLogin(connection, server.host, { kind: "password", ...user }, undefined);
}

const failure = async (auth: ServerAuth | undefined, user = USER) => {
  const error: unknown = await logIn(auth, user).then(() => "logged in", (error) => error);
  return String(error).replaceAll(server.origin, "ORIGIN").replaceAll(server.host, "HOST");
};

test("a server is named by host; scheme and path do not count, and none is Docker Hub", () => {
  const hub = { registry: "docker.io", key: "https://index.docker.io/v1/" };
  for (const name of ["", "docker.io", "https://index.docker.io/v1/", "index.docker.io"]) {
    expect(loginServer(name)).toEqual(hub);
  }
  for (const name of ["r:5000", "http://r:5000", "https://r:5000/v2/x"]) {
    expect(loginServer(name)).toEqual({ registry: "r:5000", key: "r:5000" });
  }
  for (const name of ["https://", "u:p@r", "r:99999", "a b", "r?x", "r#x", "\\r"]) {
    expect(() => loginServer(name)).toThrow("Cannot log in to");
  }
});

describe("a log-in", () => {
  test("is checked by basic authentication", async () => {
    expect(await logIn({ kind: "basic", ...USER })).toBeUndefined();
    expect(await failure({ kind: "basic", ...USER }, { ...USER, password: "no" })).toBe(
      "TsboxError: login attempt to ORIGIN/v2/ failed with status: 401 Unauthorized",
    );
  });

  test("is checked by the token server, for no repository", async () => {
    expect(await logIn({ kind: "token", ...USER })).toBeUndefined();
    const [asked] = server.seen("/token");
    expect(asked?.path).toBe(
      "/token?service=test+registry&client_id=tsbox&offline_token=true&account=alice",
    );
    expect(await failure({ kind: "token", ...USER }, { ...USER, username: "bob" })).toBe(
      `TsboxError: Get "ORIGIN/v2/": unauthorized: incorrect username or password`,
    );
  });

  test("brings the identity token that the token server offers", async () => {
    expect(await logIn({ kind: "token", ...USER, identityToken: "idt" })).toBe("idt");
  });

  test("succeeds where nobody is asked for anything, as with docker", async () => {
    expect(await logIn(undefined)).toBeUndefined();
    expect(server.seen("/v2/").every(({ headers }) => !headers["authorization"])).toBe(true);
  });

  test("fails with what the registry answers, after what may pass was tried again", async () => {
    server.faults.push({ kind: "status", match: "/v2/", status: 404, times: 99 });
    expect(await failure(undefined)).toBe(
      "TsboxError: login attempt to ORIGIN/v2/ failed with status: 404 Not Found",
    );
    server.faults[0] = { kind: "status", match: "/v2/", status: 503, times: 99 };
    const before = server.requests.length;
    expect(await failure(undefined)).toContain("503 Service Unavailable");
    // One to see that it speaks plain HTTP.
    expect(server.requests.length - before).toBe(7);
    server.faults[0] = { kind: "status", match: "/token", status: 502, times: 2 };
    expect(await logIn({ kind: "token", ...USER })).toBeUndefined();
  });

  test("where nobody listens fails at once", async () => {
    const { host } = server;
    await server[Symbol.asyncDispose]();
    expect(await failure(undefined)).toBe("TsboxError: Cannot reach HOST: connection refused");
    server = await RegistryServer.start();
    expect(server.host).not.toBe(host);
  });

  test("at a registry that leads elsewhere is none", async () => {
    await using other = await RegistryServer.start();
    server.faults.push({ kind: "redirect", match: "/v2/", to: `${other.origin}/v2/`, times: 99 });
    other.auth = { kind: "basic", ...USER };
    expect(await failure(undefined)).toContain("failed with status: 401");
    other.auth = undefined;
    expect(await failure(undefined)).toContain("was redirected to 127.0.0.1");
    expect(other.requests.every(({ headers }) => !headers["authorization"])).toBe(true);
  });

  test("is never told to a realm that is no https URL", async () => {
    for (const realm of ["file:///etc/passwd", "http://registry.example/token", "nonsense"]) {
      expect(await failure({ kind: "token", ...USER, realm })).toContain("realm that is no https");
    }
  });
});
