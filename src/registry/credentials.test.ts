import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseChallenges } from "./challenge.ts";
import { CredentialSource } from "./credentials.ts";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/credentials-`);
});

afterEach(() => rmSync(dir, { recursive: true }));

function find(registry: string, config?: unknown) {
  if (config !== undefined) writeFileSync(`${dir}/config.json`, JSON.stringify(config));
  return new CredentialSource(dir, {}).find(registry);
}

const auth = Buffer.from("bob:pw").toString("base64");
const bob = { kind: "password", username: "bob", password: "pw" } as const;

test("there are none without a file or an entry", async () => {
  expect(await find("localhost:5000")).toBeUndefined();
  expect(await find("localhost:5000", { auths: { "localhost:5001": { auth } } })).toBeUndefined();
  expect(await find("x.io", { auths: { "x.io": {} } })).toBeUndefined();
});

test("docker.io is stored under its old address", async () => {
  expect(await find("docker.io", { auths: { "https://index.docker.io/v1/": { auth } } })).toEqual(
    bob,
  );
});

test("old files have URLs where new ones have hosts", async () => {
  expect(await find("x.io", { auths: { "https://x.io/v1/": { auth } } })).toEqual(bob);
  expect(await find("x.io", { auths: { "http://x.io.evil.org/": { auth } } })).toBeUndefined();
});

test("user and password may stand apart, and NUL at the end is padding", async () => {
  expect(await find("x.io", { auths: { "x.io": { username: "bob", password: "pw" } } })).toEqual(
    bob,
  );
  const padded = Buffer.from("bob:pw\0\0").toString("base64");
  expect(await find("x.io", { auths: { "x.io": { auth: padded } } })).toEqual(bob);
});

test("tokens go before passwords", async () => {
  const entry = { auth, identitytoken: "t" };
  expect(await find("x.io", { auths: { "x.io": entry } })).toEqual({
    kind: "identity-token",
    token: "t",
  });
});

test("what is broken is named without showing it", async () => {
  writeFileSync(`${dir}/config.json`, `{"auths": {"x.io": {"auth": "c2VjcmV0"`);
  const error = await find("x.io").catch((error: unknown) => error);
  expect(String(error)).toContain("config.json");
  expect(String(error)).not.toContain("c2VjcmV0");
  await expect(find("x.io", { auths: { "x.io": { auth: "c2VjcmV0" } } })).rejects.toThrow(
    '"auth" is not user:password',
  );
});

test("challenges are read in all the forms servers write them", () => {
  const all = parseChallenges(
    'Negotiate, Basic realm="a \\"b\\", c", Bearer realm="https://x/y?a=b,c",service=reg.io , scope="a b"',
  );
  expect(all.map((one) => [one.scheme, Object.fromEntries(one.parameters)])).toEqual([
    ["negotiate", {}],
    ["basic", { realm: 'a "b", c' }],
    ["bearer", { realm: "https://x/y?a=b,c", service: "reg.io", scope: "a b" }],
  ]);
  expect(parseChallenges(null)).toEqual([]);
  expect(parseChallenges('Bearer realm="' + "x".repeat(100_000)).length).toBeLessThan(3);
});
