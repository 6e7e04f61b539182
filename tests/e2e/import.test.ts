/** `import` makes an image of files, from a file, a pipe or a server. */
import { namesInTmp } from "../support/busybox_containers.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxFiles } from "../support/busybox.ts";
import { type Home, makeHome, tsbox, tsboxOk } from "../support/cli.ts";
import { digestOf } from "../support/images.ts";
import { tar } from "../support/tar.ts";

let home: Home;
const rootfs = tar([...busyboxFiles(), { path: "mine", content: "x", uid: 7, gid: 8 }]);
const ok = (...args: string[]) => tsboxOk(args, { home });
const inspected = async (image: string) => JSON.parse(await ok("image", "inspect", image))[0];
const failed = async (stdin: Uint8Array<ArrayBuffer>, ...args: string[]) => {
  const { status, stdout, stderr } = await tsbox(["import", ...args], { home, stdin });
  expect([status, stdout, stderr.split("\n").length]).toEqual([1, "", 2]);
  return stderr;
};

beforeAll(() => {
  home = makeHome();
  writeFileSync(join(home.path, "root.tar"), rootfs);
});
afterAll(() => home.remove());

test("a file becomes an image that runs, with the changes asked for", async () => {
  const changes = [
    "ENV A=1 B=$A",
    'CMD ["sh", "-c", "echo $A; stat -c %u:%g /mine"]',
    "WORKDIR /bin",
  ];
  const flags = changes.flatMap((change) => ["-c", change]);
  const id = (await ok("import", "-m", "made here", ...flags, "root.tar", "made:1")).trim();
  expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
  const image = await inspected("made:1");
  expect(image.Id).toBe(id);
  expect(image.RootFS.Layers).toEqual([digestOf(rootfs)]);
  expect(image.Config).toMatchObject({ Env: ["A=1", "B="], WorkingDir: "/bin" });
  expect(await ok("run", "--rm", "--network", "none", "made:1")).toBe("1\n7:8\n");
});

test("the image is for this machine, or the platform of the settings, or that of the flag", async () => {
  const made = async (...words: string[]) => {
    await ok(...words, "root.tar", "other:1");
    const { Architecture, Variant = "" } = await inspected("other:1");
    return Architecture + Variant;
  };
  expect(await made("import")).toBe(process.arch === "arm64" ? "arm64" : "amd64");
  const set = ["--default-platform", "linux/arm/v7", "import"];
  expect(await made(...set)).toBe("armv7");
  expect(await made(...set, "--platform", "linux/s390x")).toBe("s390x");
});

test("standard input may be compressed; the layer is the same", async () => {
  for (const bytes of [Bun.gzipSync(rootfs), new Uint8Array(Bun.zstdCompressSync(rootfs))]) {
    const { stdout, status } = await tsbox(["import", "-"], { home, stdin: bytes });
    expect(status).toBe(0);
    expect((await inspected(stdout.trim())).RootFS.Layers).toEqual([digestOf(rootfs)]);
  }
});

test("an export can be imported: the same files", async () => {
  await ok("import", "root.tar", "round:1");
  await ok("run", "--name", "round", "--network", "none", "round:1", "touch", "/bin/new");
  await ok("export", "-o", "round.tar", "round");
  await ok("import", "round.tar", "round:2");
  const list = (image: string) =>
    ok(
      ...["run", "--rm", "--network", "none", image, "find", "/bin", "/mine", "/tmp"],
      ...["-exec", "stat", "-c", "%n %a %u:%g %s %Y", "{}", "+"],
    );
  const old = (await list("round:1")).split("\n").filter((line) => !line.startsWith("/bin "));
  const now = (await list("round:2")).split("\n");
  expect(now.filter((line) => line.startsWith("/bin/new"))).toHaveLength(1);
  expect(now.filter((line) => !/^\/bin(\/new)? /.test(line)).sort()).toEqual(old.sort());
});

test("an address is downloaded, also behind a redirect, without telling its password on", async () => {
  const seen: (string | null)[] = [];
  const second = Bun.serve({
    port: 0,
    fetch: (request) => {
      seen.push(request.headers.get("authorization"));
      return new Response(rootfs);
    },
  });
  const first = Bun.serve({
    port: 0,
    fetch: (request) => {
      seen.push(request.headers.get("authorization"));
      const to = new URL(request.url).searchParams.get("to") ?? `http://127.0.0.1:${second.port}/`;
      return new Response(null, { status: 302, headers: { location: to } });
    },
  });
  try {
    const url = `http://me:s3cr3t-w0rd@127.0.0.1:${first.port}/root.tar`;
    const id = (await ok("import", url, "far:1")).trim();
    expect(seen).toEqual([`Basic ${btoa("me:s3cr3t-w0rd")}`, null]);
    await ok("save", "-o", "far.tar", "far:1");
    const archive = Buffer.from(await Bun.file(join(home.path, "far.tar")).bytes());
    expect(archive.includes(`Imported from http://127.0.0.1:${first.port}/root.tar`)).toBe(true);
    expect(archive.includes("s3cr3t")).toBe(false);
    expect(id).toBe((await inspected("far:1")).Id);
    const bad = `http://127.0.0.1:${first.port}/?to=file:///etc/passwd`;
    expect(await failed(rootfs, bad)).toContain("redirects to what is not http");
    const loop = `http://127.0.0.1:${first.port}/?to=%3Fto%3D`;
    expect(await failed(rootfs, loop)).toContain("more than 10 redirects");
  } finally {
    await first.stop(true);
    await second.stop(true);
  }
  expect(await failed(rootfs, `http://127.0.0.1:${second.port}/`)).toContain("Cannot download");
});

test("what cannot become an image is one line, and leaves nothing", async () => {
  const before = await ok("images", "-a", "-q", "--no-trunc");
  const layers = () => readdirSync(join(home.dataRoot, "layers")).length;
  const count = layers();
  const text = new TextEncoder().encode("no archive at all".repeat(100));
  expect(await failed(text, "-")).toContain(
    "Cannot import standard input: ",
  );
  expect(await failed(new Uint8Array(0), "-")).toContain("it is empty");
  expect(await failed(rootfs.slice(0, 600_000), "-")).toContain("ends in the middle");
  expect(await failed(tar([{ path: "../x" }]), "-")).toContain("leaves the layer");
  expect(await failed(rootfs, "-c", "RUN x", "-")).toContain("RUN is not a valid change command");
  expect(await failed(rootfs, "-", "Bad:Name")).toContain("must be lowercase");
  expect(await failed(rootfs, "-", `x@sha256:${"0".repeat(64)}`)).toContain("digest reference");
  expect(await failed(rootfs, "-c", "STOPSIGNAL 99", "-")).toContain("invalid signal: 99");
  expect(await failed(rootfs, "nothing.tar")).toContain("no such file");
  const bounded = await tsbox(["import", "root.tar"], {
    home,
    env: { TSBOX_MAX_LAYER_BYTES: "9" },
  });
  expect(bounded.stderr).toContain("more than 9 bytes");
  expect(await ok("images", "-a", "-q", "--no-trunc")).toBe(before);
  expect(layers()).toBe(count);
  expect(namesInTmp(home.dataRoot)).toEqual([]);
});
