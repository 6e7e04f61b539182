/** What the user sets, as dist/tsbox obeys it; the registries are Debian's docker-registry. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { makeCertificate } from "../support/certificates.ts";
import { type Home, makeHome, tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage, pushIndex } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";

let origin: RegistryProcess;
let mirror: RegistryProcess;
let home: Home;

beforeAll(async () => {
  [origin, mirror] = await Promise.all([startRegistry(), startRegistry()]);
});
afterAll(() => Promise.all([origin.stop(), mirror.stop()]));
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

const configPath = () => `${home.path}/.config/tsbox/config.json`;

function configure(value: unknown): void {
  mkdirSync(`${home.path}/.config/tsbox`, { recursive: true });
  writeFileSync(configPath(), typeof value === "string" ? value : JSON.stringify(value));
}

const plain = (text: string) => ({
  busybox: false as const,
  layers: [[{ path: "text", content: text }]],
});

const pull = (name: string, ...flags: string[]) => tsbox([...flags, "pull", "-q", name], { home });

/** Id of an image in the store, as it was pushed. */
const idOf = (name: string) =>
  tsboxOk(["image", "inspect", "--format", "{{.Id}}", name], { home }).then((id) => id.trim());

/** Requests for manifests and blobs that are in a registry's access log. */
const requests = (registry: RegistryProcess, repository: string) =>
  registry.log().split("\n").filter((line) => line.includes(`"GET /v2/${repository}/`)).length;

/** What stands between a registry and us, and changes bodies. */
function changing(
  registry: RegistryProcess,
  change: (path: string, body: Uint8Array) => Uint8Array,
) {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      const answer = await fetch(`${registry.url}${pathname}`, { headers: request.headers });
      const body = change(pathname, new Uint8Array(await answer.arrayBuffer()));
      const type = answer.headers.get("content-type") ?? "";
      return new Response(body, { status: answer.status, headers: { "content-type": type } });
    },
  });
}

describe("a mirror", () => {
  test("of docker.io that has the image spares the way there, and the image runs", async () => {
    await pushImage(mirror, "library/app:1");
    const flags = ["--registry-mirror", mirror.url];
    const { stdout, stderr, status } = await tsbox(
      [...flags, "run", "--rm", "--network", "none", "app:1", "echo", "hello"],
      { home },
    );
    expect([stdout, status]).toEqual(["hello\n", 0]);
    expect(stderr).toContain("1: Pulling from library/app\n");
    expect(await tsboxOk(["images", "--format", "{{.Repository}}:{{.Tag}}"], { home })).toBe(
      "app:1\n",
    );
  });

  test("that lacks the image, or is dead, is passed over for the next and the registry", async () => {
    const image = await pushImage(origin, "passed", plain("passed"));
    const mirrors = ["http://127.0.0.1:9", mirror.url];
    configure({ registries: { [origin.host]: { mirrors } } });
    expect(await pull(image.reference)).toMatchObject({
      stdout: `${image.reference}\n`,
      stderr: "",
    });
    expect(await idOf(image.reference)).toBe(image.config.digest);
    // One answer of 404 is enough: what the manifest lists is not asked for.
    expect(requests(mirror, "passed")).toBe(1);
  });

  test("that changes a layer is found out, and the layer comes from the registry", async () => {
    const image = await pushImage(origin, "liar", plain("true"));
    const [layer = expect.unreachable()] = image.layers;
    let lies = 0;
    await using liar = changing(origin, (path, body) => {
      if (!path.includes(layer.digest)) return body;
      lies++;
      return body.fill(1, body.length - 1);
    });
    configure({ registries: { [origin.host]: { mirrors: [`http://127.0.0.1:${liar.port}`] } } });
    expect(await pull(image.reference)).toMatchObject({ status: 0, stderr: "" });
    expect([lies, await idOf(image.reference)]).toEqual([1, image.config.digest]);
  });

  test("that changes a manifest is found out, and when nobody else has it that is the end", async () => {
    const image = await pushImage(mirror, "only-there", plain("only there"));
    await using liar = changing(
      mirror,
      (path, body) => path.includes("/manifests/") ? Buffer.concat([body, Buffer.from(" ")]) : body,
    );
    const mirrors = [`http://127.0.0.1:${liar.port}`];
    configure({ registries: { [origin.host]: { mirrors } } });
    const pinned = `${origin.host}/only-there@${image.manifest.digest}`;
    const { stderr, status } = await pull(pinned);
    expect(status).toBe(1);
    expect(stderr).toContain(`manifest for ${pinned} not found`);
    expect(stderr).toContain("failed too: Cannot pull");
    expect(stderr).toContain("content verification failed");
    expect(stderr.trimEnd()).not.toContain("\n");
    expect(await tsboxOk(["images", "-q"], { home })).toBe("");
  });
});

describe("a blocked registry", () => {
  test("is refused by name and gets no connection, but what is there runs", async () => {
    const image = await pushImage(origin, "blocked");
    await tsboxOk(["pull", "-q", image.reference], { home });
    const before = requests(origin, "blocked");
    configure({ "blocked-registries": [origin.host] });
    const { stderr, status } = await pull(image.reference);
    expect([status, stderr]).toEqual([
      1,
      `tsbox: Cannot pull ${image.reference}: the registry ${origin.host} is blocked; ` +
      "the settings say so; 'tsbox info' shows them\n",
    ]);
    const login = await tsbox(["login", "-u", "u", "-p", "p", origin.host], { home });
    expect(login.stderr).toContain("is blocked");
    expect(requests(origin, "blocked")).toBe(before);
    const run = ["run", "--rm", "--network", "none", image.reference, "true"];
    expect((await tsbox(run, { home })).status).toBe(0);
  });
});

/** This machine by another name than loopback's. */
const [address] = Object.values(networkInterfaces()).flat()
  .flatMap((one) => one?.family === "IPv4" && !one.internal ? [one.address] : []);

/** The first registry at that address. */
function front(tls: boolean) {
  const keys = mkdtempSync(`${tmpdir()}/tsbox-keys-`);
  const made = makeCertificate(keys);
  rmSync(keys, { recursive: true });
  return Bun.serve({
    port: 0,
    hostname: "0.0.0.0",
    ...(tls && { tls: { cert: made.cert, key: made.key } }),
    fetch: ({ url, headers }) => fetch(`${origin.url}${new URL(url).pathname}`, { headers }),
  });
}

describe.skipIf(address === undefined)(
  "an insecure registry (needs an address that is not loopback)",
  () => {
    test.each([["plain HTTP", false], ["a certificate of nobody's", true]])(
      "may have %s only when it is named, or is in a block of addresses that is",
      async (_, tls) => {
        await pushImage(origin, "insecure", plain("insecure"));
        await using server = front(tls);
        const host = `${address}:${server.port}`;
        const name = `${host}/insecure:latest`;
        expect(await pull(name)).toMatchObject({ status: 1, stdout: "" });
        expect(await pull(name, "--insecure-registry", `${address}:1`)).toMatchObject({
          status: 1,
        });
        for (const rule of [host, `${address}/32`]) {
          expect(await pull(name, "--insecure-registry", rule)).toMatchObject({
            status: 0,
            stdout: `${name}\n`,
          });
          await tsboxOk(["rmi", name], { home });
        }
      },
    );
  },
);

test.skipIf(address === undefined)(
  "a mirror may be spoken to by plain HTTP where its URL says so (needs an address that is not loopback)",
  async () => {
    await pushImage(origin, "library/plain-mirror", plain("mirrored"));
    await using server = front(false);
    const mirror = `http://${address}:${server.port}`;
    expect(await pull("plain-mirror", "--registry-mirror", mirror)).toMatchObject({
      stdout: "docker.io/library/plain-mirror:latest\n",
      stderr: "",
    });
  },
);

describe("an image without a registry in its name", () => {
  test("is looked for in the search registries, in order, here and there", async () => {
    const first = await pushImage(origin, "both", plain("first"));
    await pushImage(mirror, "both", plain("second"));
    const second = await pushImage(mirror, "team/second:2", plain("only second"));
    configure({ "search-registries": [origin.host, mirror.host] });
    expect((await pull("both")).stdout).toBe(`${first.reference}\n`);
    expect((await pull("team/second:2")).stdout).toBe(`${second.reference}\n`);
    expect(await idOf("both")).toBe(first.config.digest);
    expect(await idOf("team/second:2")).toBe(second.config.digest);
    const { stderr } = await pull("nowhere");
    expect(stderr).toStartWith(
      `tsbox: Cannot find nowhere:latest in ${origin.host}, ${mirror.host}; manifest for `,
    );
    expect(await tsboxOk(["rmi", "both"], { home })).toStartWith(`Untagged: ${first.reference}\n`);
  });

  test("is run from where it was found", async () => {
    const image = await pushImage(mirror, "tool");
    configure({ "search-registries": [origin.host, mirror.host] });
    const run = (...flags: string[]) =>
      tsbox(["run", "--rm", "--network", "none", ...flags, "tool", "echo", "run"], { home });
    expect(await run()).toMatchObject({ stdout: "run\n", status: 0 });
    expect(await run("--pull", "never")).toMatchObject({ stdout: "run\n", stderr: "" });
    expect(await idOf("tool")).toBe(image.config.digest);
  });

  test("does not come from a later registry when an earlier one cannot be asked", async () => {
    await pushImage(mirror, "squatted", plain("squatted"));
    configure({ "search-registries": ["127.0.0.1:9", mirror.host] });
    const { stderr, status } = await pull("squatted");
    expect([status, stderr]).toEqual([1, expect.stringContaining("Cannot reach 127.0.0.1:9")]);
    expect(requests(mirror, "squatted")).toBe(0);
  });
});

test("the default platform chooses the image, and what is here for another one is not run", async () => {
  const other = process.arch === "arm64" ? "amd64" : "arm64";
  const own = process.arch === "arm64" ? "arm64" : "amd64";
  const images = await Promise.all(
    [own, other].map((architecture) =>
      pushImage(origin, `multi:${architecture}`, {
        ...plain(architecture),
        platform: { os: "linux", architecture },
      })
    ),
  );
  const { reference: index } = await pushIndex(origin, "multi:all", images);
  const platform = () =>
    tsboxOk(["image", "inspect", "--format", "{{.Architecture}}", index], { home });
  await tsboxOk(["pull", "-q", index], { home });
  expect(await platform()).toBe(`${own}\n`);
  const run = ["--default-platform", `linux/${other}`, "run", "--pull", "never", index, "true"];
  expect((await tsbox(run, { home })).stderr).toContain("does not provide the specified platform");
  configure({ "default-platform": other });
  await tsboxOk(["pull", "-q", index], { home });
  expect(await platform()).toBe(`${other}\n`);
});

describe("settings", () => {
  const shown = async (flags: string[], env: Record<string, string> = {}): Promise<unknown> => {
    const text = await tsboxOk([...flags, "info", "--format", "json"], { home, env });
    return JSON.parse(text).Settings["max-concurrent-downloads"];
  };

  test("of a flag go before those of the environment, these before the file's; info tells", async () => {
    const env = { TSBOX_MAX_CONCURRENT_DOWNLOADS: "5" };
    expect(await shown([])).toEqual({ Value: 3, Origin: "default" });
    configure({ "max-concurrent-downloads": 4 });
    expect(await shown([])).toEqual({ Value: 4, Origin: configPath() });
    expect(await shown([], env)).toEqual({ Value: 5, Origin: "TSBOX_MAX_CONCURRENT_DOWNLOADS" });
    const Origin = "--max-concurrent-downloads";
    expect(await shown(["--max-concurrent-downloads", "6"], env)).toEqual({ Value: 6, Origin });
  });

  test("are printed by info as docker prints them, with who set them", async () => {
    configure({
      "insecure-registries": ["r.lan", "10.0.0.0/8"],
      "data-root": `${home.path}/store`,
    });
    const text = await tsboxOk(["--registry-mirror", "https://m.lan", "info"], { home });
    expect(text).toContain(`Data Root: ${home.path}/store\n`);
    expect(text.slice(text.indexOf("Insecure"))).toBe(
      "Insecure Registries:\n r.lan\n ::1/128\n 127.0.0.0/8\n 10.0.0.0/8\n" +
        "Registry Mirrors:\n https://m.lan/\n" +
        `Settings:\n data-root: "${home.path}/store" (${configPath()})\n` +
        ` insecure-registries: ["r.lan","10.0.0.0/8"] (${configPath()})\n` +
        ' registry-mirrors: ["https://m.lan"] (--registry-mirror)\n',
    );
    const format = "{{json .RegistryConfig.IndexConfigs}}";
    const configs = JSON.parse(await tsboxOk(["info", "--format", format], { home }));
    expect(configs["r.lan"]).toEqual({
      Name: "r.lan",
      Mirrors: [],
      Secure: false,
      Official: false,
    });
  });

  test("that are wrong end every command but help with one line", async () => {
    configure({ "registry-mirors": [] });
    const line = `tsbox: Cannot use "${configPath()}": unknown key "registry-mirors"; ` +
      'did you mean "registry-mirrors"?\n';
    expect(await tsbox(["images"], { home })).toEqual({ stdout: "", stderr: line, status: 1 });
    expect(await tsbox(["run", "x"], { home })).toEqual({ stdout: "", stderr: line, status: 125 });
    expect((await tsbox(["help"], { home })).status).toBe(0);
    expect(existsSync(home.dataRoot)).toBe(false);
    const flag = await tsbox(["--max-layer-files", "many", "images"], { home });
    expect([flag.status, flag.stderr.split("\n")[0]]).toEqual([
      125,
      'invalid argument "many" for "--max-layer-files" flag: must be a whole number from 1 to ' +
      Number.MAX_SAFE_INTEGER,
    ]);
  });

  test("in a file that everybody can write are not taken", async () => {
    configure({});
    chmodSync(configPath(), 0o666);
    const { stderr, status } = await tsbox(["images"], { home });
    expect([status, stderr]).toEqual([
      1,
      `tsbox: Cannot use "${configPath()}": everybody can write it; ` +
      "it decides which registries are trusted: make it yours, with mode 0644\n",
    ]);
  });

  test("are defaults of containers, where the flags of run say nothing", async () => {
    const { reference } = await pushImage(origin, "defaults");
    configure({
      "default-shm-size": "8m",
      "default-ulimits": { nofile: { Soft: 100, Hard: 200 }, core: { Soft: 0, Hard: 0 } },
      dns: ["10.9.8.7"],
      "dns-search": ["lan"],
      "dns-opts": ["ndots:3"],
    });
    const script =
      "ulimit -n; ulimit -c; df /dev/shm | awk 'NR==2 {print $2}'; cat /etc/resolv.conf";
    const run = (...flags: string[]) =>
      tsboxOk(["run", "--rm", ...flags, reference, "sh", "-c", script], { home });
    const shown = (files: number, size: number, address: string) =>
      `${files}\n0\n${size}\nnameserver ${address}\nsearch lan\noptions ndots:3\n`;
    expect(await run()).toBe(shown(100, 8192, "10.9.8.7"));
    expect(await run("--ulimit", "nofile=50", "--shm-size", "4m", "--dns", "10.1.1.1")).toBe(
      shown(50, 4096, "10.1.1.1"),
    );
  });

  test("say how many layers are downloaded at a time, and how often one is tried", async () => {
    const layers = [1, 2, 3, 4, 5].map((n) => [{ path: `${n}`, content: `${n}` }]);
    const image = await pushImage(origin, "lanes", { busybox: false, layers });
    let [now, most, refusals] = [0, 0, 0];
    await using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async ({ url, headers }) => {
        if (refusals-- > 0) return new Response("", { status: 503 });
        most = Math.max(most, ++now);
        await Bun.sleep(100);
        now--;
        return await fetch(`${origin.url}${new URL(url).pathname}`, { headers });
      },
    });
    const name = `127.0.0.1:${server.port}/lanes`;
    for (const lanes of [1, 2, 5]) {
      most = 0;
      expect(await pull(name, "--max-concurrent-downloads", `${lanes}`)).toMatchObject({
        status: 0,
      });
      expect([lanes, most]).toEqual([lanes, lanes]);
      await tsboxOk(["rmi", image.config.digest], { home });
    }
    // The first refusal answers the question whether it speaks plain HTTP, which any answer does.
    refusals = 2;
    const { status, stderr } = await pull(name, "--max-download-attempts", "1");
    expect([status, stderr]).toEqual([1, expect.stringContaining("503 Service Unavailable")]);
    refusals = 2;
    expect(await pull(name, "--max-download-attempts", "2")).toMatchObject({ status: 0 });
  });

  test("bound what a layer may become", async () => {
    const image = await pushImage(origin, "files", plain("files"));
    const env = { TSBOX_MAX_LAYER_BYTES: "100" };
    const { stderr, status } = await tsbox(["pull", "-q", image.reference], { home, env });
    expect([status, stderr]).toEqual([1, expect.stringContaining("raise max-layer-bytes")]);
  });
});
