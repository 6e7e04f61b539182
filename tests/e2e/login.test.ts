import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type Home, makeHome, onTerminal, TSBOX, tsbox, tsboxOk } from "../support/cli.ts";
import { startFarRegistry } from "../support/far_registry.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import { RegistryServer } from "../support/registry_server.ts";

const USER = "alice";
const PASSWORD = "s3:cret";

let registry: RegistryProcess;
let home: Home;

beforeAll(async () => {
  registry = await startRegistry({ credentials: { user: USER, password: PASSWORD } });
});
afterAll(() => registry.stop());
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

const configPath = () => `${home.path}/.docker/config.json`;
const config = (): unknown => JSON.parse(readFileSync(configPath(), "utf8"));
const login = (...words: string[]) => ["login", "-u", USER, ...words, registry.host];

const STORED_PLAIN = () =>
  `\nWARNING! Your credentials are stored unencrypted in '${configPath()}'.\n` +
  "Configure a credential helper to remove this warning. See\n" +
  "https://docs.docker.com/go/credential-store/\n\n";

describe("login to Debian's registry with htpasswd", () => {
  test("opens it for pulls until logout", async () => {
    const image = await pushImage(registry, "app", { busybox: false, layers: [[]] });
    expect((await tsbox(["pull", "-q", image.reference], { home })).stderr).toContain(
      "no basic auth credentials",
    );
    const stdin = `${PASSWORD}\n`;
    const { stdout, stderr, status } = await tsbox(login("--password-stdin"), { home, stdin });
    expect({ stdout, stderr, status }).toEqual({
      stdout: "Login Succeeded\n",
      stderr: STORED_PLAIN(),
      status: 0,
    });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const again = await tsbox(["login", `https://${registry.host}/`], { home });
    expect(again.stderr).toStartWith(
      `Authenticating with existing credentials... [Username: ${USER}]\n\n Info -> `,
    );
    expect(again.stdout).toBe("Login Succeeded\n");
    expect(await tsboxOk(["logout", registry.host], { home })).toBe(
      `Removing login credentials for ${registry.host}\n`,
    );
    expect(config()).toEqual({});
    expect((await tsbox(["pull", image.reference], { home })).status).toBe(1);
  });

  test("what docker's own login wrote is taken over, and the other way round", async () => {
    await tsboxOk(login("-p", PASSWORD), { home });
    const auth = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
    expect(config()).toEqual({ auths: { [registry.host]: { auth } } });
    const docker = Bun.spawnSync(["docker", "logout", registry.host], { env: home.env });
    expect(docker.exitCode).toBe(0);
    expect(config()).toEqual({ auths: {} });
  });

  test("refused credentials end with docker's words and leave nothing behind", async () => {
    const { stderr, stdout, status } = await tsbox(login("-p", "wrong"), { home });
    expect({ stderr, stdout, status }).toEqual({
      stderr: "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n" +
        `tsbox: login attempt to ${registry.url}/v2/ failed with status: 401 Unauthorized\n`,
      stdout: "",
      status: 1,
    });
    expect(existsSync(configPath())).toBe(false);
  });

  test("a credential helper keeps the password in place of the file", async () => {
    const bin = `${home.path}/bin`;
    mkdirSync(bin);
    mkdirSync(`${home.path}/.docker`);
    writeFileSync(configPath(), `{"credsStore": "test"}`);
    writeFileSync(
      `${bin}/docker-credential-test`,
      `#!/bin/sh
case $1 in
store) cat >"$HOME/secret" ;;
get) cat "$HOME/secret" || echo "credentials not found in native keychain" ;;
erase) rm "$HOME/secret" ;;
esac
`,
      { mode: 0o755 },
    );
    const env = { PATH: `${bin}:${home.env["PATH"]}` };
    const first = await tsbox(login("--password-stdin"), { home, env, stdin: PASSWORD });
    expect({ ...first }).toEqual({ stdout: "Login Succeeded\n", stderr: "", status: 0 });
    expect(config()).toEqual({ credsStore: "test", auths: { [registry.host]: {} } });
    expect((await tsbox(["login", registry.host], { home, env })).status).toBe(0);
    // Of the other names a registry may have there the helper knows nothing, and fails.
    const { stderr, status } = await tsbox(["logout", registry.host], { home, env });
    expect(stderr).toMatch(/^tsbox: Cannot erase the credentials for .*ended with 1\n$/);
    expect(status).toBe(1);
    expect(existsSync(`${home.path}/secret`)).toBe(false);
  });
});

test("docker's own login and search work through the API", async () => {
  await pushImage(registry, "found", { busybox: false, layers: [[]] });
  const service = Bun.spawn([TSBOX, "system", "service"], { env: home.env, stdout: "pipe" });
  await service.stdout.getReader().read();
  const env = { ...home.env, DOCKER_HOST: `unix://${home.runtimeDir}/tsbox.sock` };
  const docker = (...words: string[]) =>
    Bun.spawnSync(["docker", ...words], { env, stdin: "ignore", timeout: 20_000 });
  const refused = docker("login", "-u", USER, "-p", "wrong", registry.host);
  expect(refused.stderr.toString()).toContain(
    `Error response from daemon: login attempt to ${registry.url}/v2/ failed with status: 401`,
  );
  const search = ["search", "--format", "{{.Name}}", `${registry.host}/found`];
  expect(docker("login", "-u", USER, "-p", PASSWORD, registry.host).exitCode).toBe(0);
  expect(docker(...search).stdout.toString()).toBe(`${registry.host}/found\n`);
  service.kill();
  await service.exited;
});

test("an identity token is kept in place of the password, and pulls with it", async () => {
  const auth = { kind: "token", username: USER, password: PASSWORD, identityToken: "idt" } as const;
  await using server = await RegistryServer.start({ auth });
  const words = ["login", "-u", USER, "--password-stdin", server.host];
  const { stdout, stderr } = await tsbox(words, { home, stdin: PASSWORD });
  expect({ stdout, stderr }).toEqual({ stdout: "Login Succeeded\n", stderr: "" });
  expect(config()).toEqual({
    auths: { [server.host]: { auth: btoa(`${USER}:`), identitytoken: "idt" } },
  });
  await tsbox(["pull", `${server.host}/app`], { home });
  expect(server.requests.findLast(({ method }) => method === "POST")?.body).toContain(
    "refresh_token=idt",
  );
});

test("without a server it is Docker Hub's, kept under docker's name for it", async () => {
  await using far = await startFarRegistry(`${home.path}/far`);
  far.server.auth = { kind: "basic", username: USER, password: PASSWORD };
  const login = ["login", "-u", USER, "--password-stdin"];
  await tsboxOk(login, { home, env: far.env, stdin: PASSWORD });
  expect([...new Set(far.asked)]).toEqual(["registry-1.docker.io:443"]);
  const key = "https://index.docker.io/v1/";
  expect(config()).toEqual({ auths: { [key]: { auth: btoa(`${USER}:${PASSWORD}`) } } });
  expect(await tsboxOk(["logout"], { home })).toBe(`Removing login credentials for ${key}\n`);
  expect(config()).toEqual({});
});

describe("what is missing or contradicts itself", () => {
  const cases: [words: string[], message: string][] = [
    [["--password-stdin"], "the --password-stdin option requires --username to be set"],
    [
      ["-p", "x", "-u", "a", "--password-stdin"],
      "conflicting options: cannot specify both --password and --password-stdin",
    ],
    [["-u", ""], "username is empty"],
    [["-u", "a", "-p", ""], "password is empty"],
    [["-u", "a", "--password-stdin"], "password is empty"],
    [["-u", "a"], "Cannot perform an interactive login from a non TTY device"],
    [[], "Cannot perform an interactive login from a non TTY device"],
  ];
  for (const [words, message] of cases) {
    test(`login ${words.join(" ")}: ${message}`, async () => {
      const { stderr, status } = await tsbox(["login", ...words, "r.invalid"], {
        home,
        stdin: "\n",
      });
      expect(stderr).toBe(`tsbox: ${message}\n`);
      expect(status).toBe(1);
    });
  }
});

describe("on a terminal", () => {
  /** A shell, so that the terminal can be looked at afterwards. */
  const shell = (command: string) =>
    onTerminal(["sh", "-c", `${command}; echo "status=$?"; stty -a | grep -o '.echo '`], { home });

  test("name and password are asked for, and the password is not shown", async () => {
    const session = shell(`${TSBOX} login ${registry.host}`);
    await session.waitFor(/Username: /);
    session.type(`${USER}\n`);
    await session.waitFor(/Password: /);
    session.type(`${PASSWORD}\n`);
    await session.waitFor(/Login Succeeded/);
    await session.waitFor(/status=0\r\n echo /);
    expect(await session.exited).toBe(0);
    expect(session.output()).not.toContain("s3:cret");
    expect(config()).toHaveProperty("auths");
  });

  test("Ctrl-C at the password gives the terminal back", async () => {
    const session = shell(`trap : INT; ${TSBOX} login -u ${USER} ${registry.host}`);
    await session.waitFor(/Password: /);
    session.type("half\x03");
    await session.waitFor(/status=130\r\n echo /);
    expect(await session.exited).toBe(0);
    expect(existsSync(configPath())).toBe(false);
  });
});
