import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { eraseCredentials, storeCredentials } from "./credential_store.ts";
import { CredentialSource } from "./credentials.ts";
import { changeDockerConfig } from "./docker_config.ts";

let home: string;
const dir = () => `${home}/.docker`;
const path = () => `${dir()}/config.json`;
const read = (): unknown => JSON.parse(readFileSync(path(), "utf8"));
const env = () => ({ PATH: `${home}/bin:/usr/bin:/bin`, HOME: home });
const place = () => ({ dockerConfigDir: dir(), env: env() });
const ALICE = { username: "alice", password: "s3:cret", identityToken: undefined };
const found = (registry: string) => new CredentialSource(dir(), env()).find(registry);

beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/config-`);
});

afterEach(() => rmSync(home, { recursive: true }));

/** A real credential helper: it keeps one file a server, and writes down how it was called. */
function installHelper(name: string, prelude = ""): void {
  mkdirSync(`${home}/bin`, { recursive: true });
  mkdirSync(`${home}/kept`, { recursive: true });
  const script = `#!/bin/sh
${prelude}
input=$(cat)
echo "$1 $input" >>"$HOME/calls"
server=$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/')
file="$HOME/kept/$(printf %s "$server" | tr '/' '_')"
case $1 in
store) printf %s "$input" >"$file" ;;
get) cat "$file" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm "$file" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
esac
`;
  writeFileSync(`${home}/bin/docker-credential-${name}`, script, { mode: 0o755 });
}

describe("changing docker's config.json", () => {
  test("makes the folder and the file for the user alone", () => {
    changeDockerConfig(dir(), () => ({ auths: {} }));
    expect(statSync(dir()).mode & 0o777).toBe(0o700);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir())).toEqual(["config.json"]);
  });

  test("keeps what it does not know, and closes a file that others could read", async () => {
    mkdirSync(dir());
    const before = { HttpHeaders: { a: "b" }, auths: { other: { auth: "YTpi", x: 1 } }, z: [1] };
    writeFileSync(path(), JSON.stringify(before));
    chmodSync(path(), 0o644);
    await storeCredentials(place(), "r:5000", ALICE);
    expect(read()).toEqual({
      ...before,
      auths: { ...before.auths, "r:5000": { auth: btoa("alice:s3:cret") } },
    });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(await found("r:5000")).toEqual({
      kind: "password",
      username: "alice",
      password: "s3:cret",
    });
  });

  test("writes through symbolic links, also to a file that is not there yet", () => {
    mkdirSync(dir());
    mkdirSync(`${home}/dotfiles`);
    symlinkSync("../dotfiles/link", path());
    symlinkSync("docker.json", `${home}/dotfiles/link`);
    for (const value of [1, 2]) {
      changeDockerConfig(dir(), () => ({ value }));
      expect(read()).toEqual({ value });
      expect(lstatSync(path()).isSymbolicLink()).toBe(true);
      expect(readdirSync(`${home}/dotfiles`).sort()).toEqual(["docker.json", "link"]);
    }
    rmSync(`${home}/dotfiles/link`);
    symlinkSync("link", `${home}/dotfiles/link`);
    expect(() => changeDockerConfig(dir(), () => ({}))).toThrow("too many symbolic links");
  });

  test("leaves a config alone that it cannot read, and quotes nothing of it", async () => {
    mkdirSync(dir());
    for (const text of [`{"auths": secret}`, "[]", `{"auths": []}`]) {
      writeFileSync(path(), text);
      const error = await storeCredentials(place(), "r", ALICE).catch(String);
      expect(error).toMatch(/^TsboxError: Cannot use /);
      expect(error).not.toContain("secret");
      expect(readFileSync(path(), "utf8")).toBe(text);
    }
    expect(readdirSync(dir())).toEqual(["config.json"]);
  });

  test("a temporary file that a killed log-in left is no obstacle", () => {
    mkdirSync(dir());
    writeFileSync(`${path()}.tsbox-new`, "half");
    changeDockerConfig(dir(), () => ({ a: 1 }));
    expect(read()).toEqual({ a: 1 });
    expect(readdirSync(dir())).toEqual(["config.json"]);
  });

  test("of many at once none is lost", async () => {
    const program = `
      import { storeCredentials } from "${import.meta.dir}/credential_store.ts";
      const place = { dockerConfigDir: ${JSON.stringify(dir())}, env: {} };
      const user = { username: "u", password: "p", identityToken: undefined };
      for (let i = 0; i < 20; i++) await storeCredentials(place, process.argv[1] + "." + i, user);`;
    const children = ["a", "b", "c"].map((name) =>
      Bun.spawn([process.execPath, "-e", program, name])
    );
    for (const child of children) expect(await child.exited).toBe(0);
    const { auths } = read() as { auths: object };
    expect(Object.keys(auths)).toHaveLength(60);
  });
});

describe("credential helpers", () => {
  test("keep, give and forget a log-in; config.json has no secret", async () => {
    installHelper("keep");
    changeDockerConfig(dir(), () => ({ credsStore: "keep" }));
    expect(await storeCredentials(place(), "r:5000", ALICE)).toBe(false);
    expect(read()).toEqual({ credsStore: "keep", auths: { "r:5000": {} } });
    expect(await found("r:5000")).toMatchObject({ username: "alice", password: "s3:cret" });
    await eraseCredentials(place(), ["r:5000", "http://r:5000"]);
    expect(read()).toEqual({ credsStore: "keep" });
    expect(await found("r:5000")).toBeUndefined();
    expect(readFileSync(`${home}/calls`, "utf8").split("\n")[0]).toBe(
      `store {"ServerURL":"r:5000","Username":"alice","Secret":"s3:cret"}`,
    );
  });

  test("get identity tokens under the name <token>", async () => {
    installHelper("keep");
    changeDockerConfig(dir(), () => ({ credHelpers: { r: "keep" } }));
    await storeCredentials(place(), "r", { ...ALICE, identityToken: "idt" });
    expect(await found("r")).toEqual({ kind: "identity-token", token: "idt" });
    expect(await storeCredentials(place(), "other", ALICE)).toBe(true);
  });

  test("that fail are named, what they say is shown unless it is the secret", async () => {
    installHelper("bad", "cat >/dev/null; echo keyring is locked; exit 3");
    changeDockerConfig(dir(), () => ({ credsStore: "bad", auths: { r: { auth: "YTpi" } } }));
    expect(await storeCredentials(place(), "r", ALICE).catch(String)).toBe(
      "TsboxError: Cannot store the credentials for r: docker-credential-bad ended with 3: keyring is locked",
    );
    expect(read()).toHaveProperty("auths.r.auth", "YTpi");
    expect(await eraseCredentials(place(), ["r"]).catch(String)).toContain("keyring is locked");
    // What is in the file is forgotten all the same.
    expect(read()).toEqual({ credsStore: "bad" });
    installHelper("bad", `cat; exit 3`);
    expect(await storeCredentials(place(), "r", ALICE).catch(String)).not.toContain("s3:cret");
    changeDockerConfig(dir(), () => ({ credsStore: "gone" }));
    expect(await storeCredentials(place(), "r", ALICE).catch(String)).toContain(
      "no docker-credential-gone in PATH",
    );
  });
});

test("a helper that leaves an agent behind on its output is not waited for", async () => {
  installHelper("agent", `sleep 20 & echo $! >>"$HOME/agents"`);
  changeDockerConfig(dir(), () => ({ credsStore: "agent" }));
  const began = performance.now();
  await storeCredentials(place(), "r", ALICE);
  expect(await found("r")).toMatchObject({ username: "alice", password: "s3:cret" });
  const agents = readFileSync(`${home}/agents`, "utf8").trim().split("\n");
  for (const agent of agents) process.kill(Number(agent));
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("forgetting touches nothing when there is nothing", async () => {
  await eraseCredentials(place(), ["r"]);
  expect(readdirSync(home)).toEqual([]);
  mkdirSync(dir());
  const text = `{ "auths": {"other": {}} }`;
  writeFileSync(path(), text);
  await eraseCredentials(place(), ["r"]);
  expect(readFileSync(path(), "utf8")).toBe(text);
});
