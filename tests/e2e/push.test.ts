/** `tsbox push` to Debian's docker-registry: what arrives is what the store has, byte for byte. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { listImages, updateImages } from "../../src/storage/image_index.ts";
import { makeCertificate } from "../support/certificates.ts";
import { type Home, makeHome, tsbox, tsboxOk, tsboxOnTerminal } from "../support/cli.ts";
import { pushImage, pushIndex } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import { UploadServer } from "../support/upload_server.ts";

let registry: RegistryProcess;
let home: Home;

beforeAll(async () => {
  registry = await startRegistry();
  home = makeHome();
});

afterAll(async () => {
  home.remove();
  await registry.stop();
});

/** Gives the image called `from` one more name. */
const tag = (from: string, to: string) => tsboxOk(["tag", from, to], { home });

/** The manifest of a name as the registry has it. */
async function manifestOf(
  { url, headers }: RegistryProcess,
  repository: string,
  name: string,
): Promise<string> {
  const accept = ["oci.image.manifest.v1", "oci.image.index.v1", "docker.distribution.manifest.v2"];
  const answer = await fetch(`${url}/v2/${repository}/manifests/${name}`, {
    headers: {
      ...headers,
      accept: accept.map((type) => `application/vnd.${type}+json`).join(", "),
    },
    tls: { rejectUnauthorized: false },
  });
  if (!answer.ok) throw new Error(`${repository}:${name}: ${answer.status}`);
  return await answer.text();
}

function uploads({ log }: RegistryProcess, repository: string): number {
  return log().split("\n").filter((line) =>
    line.includes(`"PUT /v2/${repository}/blobs/uploads/`) && line.includes('" 201 ')
  ).length;
}

/** Two layers above busybox that no other test has. */
function layersOf(name: string) {
  return [[{ path: "a", content: name }], [{ path: "b", content: `${name}!` }]];
}

describe("push", () => {
  test("brings an image to another registry, where it is the same, and says so", async () => {
    const other = await startRegistry();
    const image = await pushImage(registry, "team/app", { layers: layersOf("app") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const name = `${other.host}/copies/app:1`;
    await tag(image.reference, name);
    const output = await tsboxOk(["push", name], { home });
    const ids = image.diffIds.map((id) => id.slice(7, 19)).reverse();
    const lines = output.trimEnd().split("\n");
    expect(lines[0]).toBe(`The push refers to repository [${other.host}/copies/app]`);
    expect(lines.slice(1, 4)).toEqual(ids.map((id) => `${id}: Preparing`));
    expect(lines.slice(4, 7).sort()).toEqual(ids.map((id) => `${id}: Pushed`).sort());
    expect(lines[7]).toBe(`1: digest: ${image.manifest.digest} size: ${image.manifest.size}`);
    expect(await manifestOf(other, "copies/app", "1")).toBe(
      await manifestOf(registry, "team/app", "latest"),
    );
    const digests = await tsboxOk(["inspect", "-f", "{{json .RepoDigests}}", name], { home });
    expect(JSON.parse(digests)).toContain(`${other.host}/copies/app@${image.manifest.digest}`);
    const raw = Bun.spawnSync([
      "skopeo",
      "inspect",
      "--raw",
      "--tls-verify=false",
      `docker://${name}`,
    ]);
    expect(raw.stdout.toString()).toBe(await manifestOf(registry, "team/app", "latest"));

    const fresh = makeHome();
    await tsboxOk(["pull", "-q", `${other.host}/copies/app@${image.manifest.digest}`], {
      home: fresh,
    });
    expect(listImages(fresh.dataRoot)[0]?.id).toBe(image.config.digest);
    fresh.remove();

    const again = await tsboxOk(["push", name], { home });
    expect(again.match(/Layer already exists/g)?.length).toBe(3);
    expect(await tsboxOk(["push", "-q", name], { home })).toBe(`${name}\n`);
    await other.stop();
  });

  test("mounts layers from another repository of the registry instead of sending them", async () => {
    const image = await pushImage(registry, "base/one", { layers: layersOf("one") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const name = `${registry.host}/mine/one:2`;
    await tag(image.reference, name);
    const output = await tsboxOk(["push", name], { home });
    expect(output.match(/: Mounted from \S+/g)?.length).toBe(3);
    // The config is no layer: it alone had to be sent.
    expect(uploads(registry, "mine/one")).toBe(1);
    expect(await manifestOf(registry, "mine/one", "2")).toBe(
      await manifestOf(registry, "base/one", "latest"),
    );
  });

  test("takes all tags with -a", async () => {
    const image = await pushImage(registry, "team/tags", { layers: layersOf("tags") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const name = `${registry.host}/all/tags`;
    await tag(image.reference, `${name}:1`);
    await tag(image.reference, `${name}:2`);
    const output = await tsboxOk(["push", "-a", name], { home });
    expect(output.match(/^The push refers/gm)?.length).toBe(1);
    expect(output.match(/^[12]: digest: /gm)).toEqual(["1: digest: ", "2: digest: "]);
    expect(await manifestOf(registry, "all/tags", "2")).toBe(
      await manifestOf(registry, "team/tags", "latest"),
    );
    const refused = await tsbox(["push", "-a", `${name}:1`], { home });
    expect(refused).toMatchObject({
      status: 1,
      stderr: "tsbox: tag can't be used with --all-tags/-a\n",
    });
  });

  test("pushes the whole index when the store has it, else its own image, and says so", async () => {
    const one = await pushImage(registry, "multi/app:amd", {
      layers: layersOf("multi"),
      platform: { os: "linux", architecture: "amd64" },
    });
    const two = await pushImage(registry, "multi/app:arm", {
      layers: [[{ path: "c", content: "c" }]],
      platform: { os: "linux", architecture: "arm64" },
    });
    const index = await pushIndex(registry, "multi/app:all", [one, two]);
    const other = await startRegistry();
    const name = `${other.host}/multi/app:all`;
    await tsboxOk(["pull", "-q", "--platform", "linux/arm64", index.reference], { home });
    await tag(index.reference, name);
    const single = await tsboxOk(["push", name], { home });
    expect(single).toContain(`all: digest: ${two.manifest.digest} size: ${two.manifest.size}\n`);
    expect(single).toContain("only the available single-platform image was pushed");
    await tsboxOk(["pull", "-q", "--platform", "linux/amd64", index.reference], { home });
    const whole = await tsboxOk(["push", name], { home });
    expect(whole).toContain(`all: digest: ${index.descriptor.digest} `);
    expect(whole).not.toContain("single-platform");
    expect(await manifestOf(other, "multi/app", "all")).toBe(
      await manifestOf(registry, "multi/app", "all"),
    );
    expect(await manifestOf(other, "multi/app", one.manifest.digest)).toContain("layers");
    const chosen = await tsboxOk(["push", "--platform", "linux/amd64", name], { home });
    expect(chosen).toContain(`all: digest: ${one.manifest.digest} `);
    const lacking = await tsbox(["push", "--platform", "linux/s390x", name], { home });
    expect(lacking.stderr).toContain("does not provide the specified platform (linux/s390x)");
    await other.stop();
  });

  test("compresses the plain layers of an image that no registry knows, once", async () => {
    const image = await pushImage(registry, "plain/app", {
      layers: layersOf("plain"),
      busybox: { group: ["plain:x:7:"] },
      compression: "none",
    });
    await tsboxOk(["pull", "-q", image.reference], { home });
    // As `load` leaves it: layers as plain tars, and no digest of a registry.
    updateImages(
      home.dataRoot,
      (images) =>
        images.map((one) => one.id === image.config.digest ? { ...one, digests: [] } : one),
    );
    const name = `${registry.host}/squeezed/app:1`;
    await tag(image.reference, name);
    const first = await tsboxOk(["push", name], { home });
    const manifest = JSON.parse(await manifestOf(registry, "squeezed/app", "1"));
    expect(manifest.config.digest).toBe(image.config.digest);
    expect(manifest.layers.map((layer: { mediaType: string }) => layer.mediaType)).toEqual(
      Array(3).fill("application/vnd.oci.image.layer.v1.tar+gzip"),
    );
    const sent = uploads(registry, "squeezed/app");
    const second = await tsboxOk(["push", name], { home });
    expect(second.split("\n").at(-2)).toBe(first.split("\n").at(-2) ?? "");
    expect(uploads(registry, "squeezed/app")).toBe(sent);
    const blobs = new Set(
      listImages(home.dataRoot).flatMap((one) => one.layers.map(({ digest }) => digest)),
    );
    for (const { digest } of image.layers) {
      expect(blobs.has(digest)).toBe(false);
      expect(await Bun.file(`${home.dataRoot}/blobs/sha256/${digest.slice(7)}`).exists()).toBe(
        false,
      );
    }
    const fresh = makeHome();
    const run = ["run", "--rm", "--network", "none", name, "cat", "/b"];
    expect(await tsboxOk(run, { home: fresh })).toBe("plain!");
    fresh.remove();
  });

  test("an image loaded from docker's archive is pushed as gzip and comes back as the same image", async () => {
    const image = await pushImage(registry, "archive/app", { layers: layersOf("archive") });
    const [archive, name] = [`${home.path}/app.tar`, `${registry.host}/loaded/app:1`];
    const source = `docker://${image.reference}`;
    const copy = ["skopeo", "copy", "-q", "--src-tls-verify=false", source];
    const copied = Bun.spawnSync([...copy, `docker-archive:${archive}:${name}`], { env: home.env });
    expect(copied.stderr.toString()).toBe("");
    const [loader, fresh] = [makeHome(), makeHome()];
    await tsboxOk(["load", "-q", "-i", archive], { home: loader });
    const pushed = await tsboxOk(["push", name], { home: loader });
    expect(pushed.match(/: Pushed$/gm)?.length).toBe(3);
    const manifest = JSON.parse(await manifestOf(registry, "loaded/app", "1"));
    const types = manifest.layers.map(({ mediaType }: { mediaType: string }) => mediaType);
    expect(types.every((type: string) => type.endsWith("gzip"))).toBe(true);
    const again = await tsboxOk(["push", name], { home: loader });
    expect(again.split("\n").at(-2)).toBe(pushed.split("\n").at(-2) ?? "");
    await tsboxOk(["pull", "-q", name], { home: fresh });
    const ids = [loader, fresh].map(({ dataRoot }) => listImages(dataRoot)[0]?.id);
    expect(ids).toEqual([manifest.config.digest, manifest.config.digest]);
    loader.remove();
    fresh.remove();
  });

  test("keeps the digest of an image of which other images brought layers in another form", async () => {
    const shared = layersOf("forms");
    const first = await pushImage(registry, "forms/gzip", { layers: shared });
    const second = await pushImage(registry, "forms/plain", {
      layers: [...shared, [{ path: "c", content: "c" }]],
      compression: "none",
    });
    await tsboxOk(["pull", "-q", first.reference], { home });
    // Its lower layers are not fetched again: the store has them, as gzip.
    await tsboxOk(["pull", "-q", second.reference], { home });
    const name = `${registry.host}/forms/copy:1`;
    await tag(second.reference, name);
    expect(await tsboxOk(["push", name], { home })).toContain(second.manifest.digest);
    expect(await manifestOf(registry, "forms/copy", "1")).toBe(
      await manifestOf(registry, "forms/plain", "latest"),
    );
    // A registry that has never seen them gets the form that is here; the image is the same.
    const other = await startRegistry();
    const elsewhere = `${other.host}/forms/copy:1`;
    await tag(second.reference, elsewhere);
    await tsboxOk(["push", elsewhere], { home });
    const manifest = JSON.parse(await manifestOf(other, "forms/copy", "1"));
    expect(manifest.config.digest).toBe(second.config.digest);
    await other.stop();
  });

  test("reaches a registry with TLS of a private authority and a password, and only with it", async () => {
    const keys = `${home.path}/keys`;
    mkdirSync(keys);
    const { ca } = makeCertificate(keys);
    const credentials = { user: "alice", password: "secret" };
    const secure = await startRegistry({
      tls: { certificate: `${keys}/own.crt`, key: `${keys}/own.key` },
      credentials,
    });
    const certs = `${home.path}/.config/tsbox/certs.d/${secure.host}`;
    mkdirSync(certs, { recursive: true });
    writeFileSync(`${certs}/ca.crt`, ca);
    const image = await pushImage(registry, "team/secret", { layers: layersOf("secret") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const name = `${secure.host}/team/secret:1`;
    await tag(image.reference, name);
    const denied = await tsbox(["push", name], { home });
    expect(denied.status).toBe(1);
    expect(denied.stderr).toContain(`push access denied for ${secure.host}/team/secret`);
    mkdirSync(`${home.path}/.docker`, { recursive: true });
    writeFileSync(
      `${home.path}/.docker/config.json`,
      JSON.stringify({ auths: { [secure.host]: { auth: btoa("alice:secret") } } }),
    );
    expect(await tsboxOk(["push", name], { home })).toContain(image.manifest.digest);
    expect(await manifestOf(secure, "team/secret", "1")).toBe(
      await manifestOf(registry, "team/secret", "latest"),
    );
    await secure.stop();
  });

  test("refuses what cannot be pushed in one line", async () => {
    const image = await pushImage(registry, "team/refused", { layers: layersOf("refused") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const pinned = await tsbox(["push", image.pinned], { home });
    expect(pinned).toMatchObject({ status: 1 });
    expect(pinned.stderr).toStartWith("tsbox: cannot push a digest reference");
    const unknown = await tsbox(["push", "nobody/has:this"], { home });
    expect(unknown.stderr).toStartWith(
      "tsbox: An image does not exist locally with the tag: nobody/has",
    );
    // A bit of a blob flips; the last part of it is never sent.
    const name = `${registry.host}/changed/app:1`;
    await tag(image.reference, name);
    const [, , top] = image.layers;
    const path = `${home.dataRoot}/blobs/sha256/${top?.digest.slice(7)}`;
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    // Known nowhere else, or it would be mounted.
    updateImages(
      home.dataRoot,
      (images) =>
        images.map((one) => one.id === image.config.digest ? { ...one, digests: [] } : one),
    );
    const changed = await tsbox(["push", name], { home });
    expect(changed.status).toBe(1);
    expect(changed.stderr).toContain(top?.digest ?? "?");
    expect(changed.stderr.split("\n").length).toBe(2);
    await expect(manifestOf(registry, "changed/app", "1")).rejects.toThrow("404");
  });

  test("sends as many blobs at a time as the setting says", async () => {
    await using server = await UploadServer.start();
    const image = await pushImage(registry, "team/lanes", { layers: layersOf("lanes") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const name = `${server.host}/lanes:1`;
    await tag(image.reference, name);
    await tsboxOk(["--max-concurrent-uploads", "1", "push", name], { home });
    const methods = server.requests.filter(({ path }) => path !== "/v2/").map(({ method }) =>
      method
    );
    // Layer by layer, then the config, then the manifest.
    expect(methods.join(" ")).toBe(`${"HEAD POST PUT ".repeat(4)}PUT`);
    expect(server.manifests.size).toBe(1);
  });

  test("leaves no tag behind when it is interrupted, and the next push goes on", async () => {
    await using server = await UploadServer.start();
    const image = await pushImage(registry, "team/stopped", { layers: layersOf("stopped") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const name = `${server.host}/stopped:1`;
    await tag(image.reference, name);
    // The last layer is never taken.
    const always = { kind: "status", status: 503, times: 1000 } as const;
    server.faults.push({ match: ["HEAD", image.layers[2]?.digest ?? "?"], ...always });
    const session = tsboxOnTerminal(["push", name], { home });
    await session.waitFor(/Retrying in/);
    await session.waitFor(/: Pushed/, 20_000);
    session.type("\x03");
    expect(await session.exited).toBe(130);
    expect(server.manifests.size).toBe(0);
    server.faults.length = 0;
    const output = await tsboxOk(["push", name], { home });
    expect(output).toContain("Layer already exists");
    expect(server.manifests.size).toBe(1);
  });

  test("shows bars on a terminal", async () => {
    const other = await startRegistry();
    const image = await pushImage(registry, "team/bars", { layers: layersOf("bars") });
    await tsboxOk(["pull", "-q", image.reference], { home });
    const name = `${other.host}/bars:1`;
    await tag(image.reference, name);
    const session = tsboxOnTerminal(["push", name], { home });
    expect(await session.exited).toBe(0);
    expect(session.output()).toMatch(/: Pushing \[=+>? *\] +\S+\/\S+/);
    await other.stop();
  });
});
