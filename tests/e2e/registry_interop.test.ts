/** Images on their way between tsbox, skopeo, buildah and podman, over Debian's docker-registry. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { CuttingProxy } from "../support/cutting_proxy.ts";
import { type Home, makeHome, tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";

const missing = ["skopeo", "buildah", "podman"].filter((name) => Bun.which(name) === null);

let registry: RegistryProcess;
let home: Home;

beforeAll(async () => {
  registry = await startRegistry();
  home = makeHome();
  mkdirSync(`${home.path}/work`);
});

afterAll(async () => {
  home.remove();
  await registry.stop();
});

/** The options of containers/storage that keep everything in the home. */
const storage = () =>
  `--root ${home.path}/storage --runroot ${home.path}/storage-run --storage-driver vfs`;

/** What a shell script prints; throws when it fails. */
async function sh(script: string): Promise<string> {
  const child = Bun.spawn(["sh", "-ec", script], {
    cwd: `${home.path}/work`,
    env: { ...home.env, XDG_RUNTIME_DIR: `${home.path}/run` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if (await child.exited === 0) return stdout;
  throw new Error(`${script}\n${stdout}${stderr}`);
}

async function digestOf(name: string): Promise<string> {
  const digest = await sh(`skopeo inspect --raw --tls-verify=false docker://${name} | sha256sum`);
  return `sha256:${digest.split(" ")[0]}`;
}

describe.skipIf(missing.length > 0)(`with ${missing.join(", ") || "the others"}`, () => {
  test("what buildah, podman and skopeo push is pulled and run, and pushed again unchanged", async () => {
    const [from, copy] = [`${registry.host}/theirs/app`, `${registry.host}/ours/app`];
    await sh(`
      c=$(buildah ${storage()} from scratch)
      buildah ${storage()} copy $c /bin/busybox /bin/sh
      buildah ${storage()} config --entrypoint '["/bin/sh", "-c", "echo built"]' $c
      buildah ${storage()} commit -q $c made
      buildah ${storage()} push -q --tls-verify=false made docker://${from}:buildah
      podman ${storage()} push -q --tls-verify=false made ${from}:podman
      podman ${storage()} push -q --tls-verify=false --format v2s2 made ${from}:v2s2
      stored="containers-storage:[vfs@${home.path}/storage+${home.path}/storage-run]localhost/made"
      skopeo copy -q --dest-tls-verify=false "$stored" docker://${from}:skopeo
      skopeo copy -q --dest-tls-verify=false "$stored" oci:layout:made
      skopeo copy -q --dest-tls-verify=false --dest-compress-format zstd --dest-compress-level 3 \\
        oci:layout:made docker://${from}:zstd`);
    for (const tag of ["buildah", "podman", "v2s2", "skopeo", "zstd"]) {
      const fresh = makeHome();
      const run = ["run", "--rm", "--network", "none", `${from}:${tag}`];
      expect(await tsboxOk(run, { home: fresh })).toEndWith("built\n");
      await tsboxOk(["tag", `${from}:${tag}`, `${copy}:${tag}`], { home: fresh });
      await tsboxOk(["push", "-q", `${copy}:${tag}`], { home: fresh });
      expect(await digestOf(`${copy}:${tag}`)).toBe(await digestOf(`${from}:${tag}`));
      fresh.remove();
    }
  });

  test("what we push, skopeo, podman and buildah pull", async () => {
    const image = await pushImage(registry, "source/app", {
      layers: [[{ path: "x", content: "x" }]],
    });
    const name = `${registry.host}/pushed/app:1`;
    await tsboxOk(["pull", "-q", image.reference], { home });
    await tsboxOk(["tag", image.reference, name], { home });
    await tsboxOk(["push", "-q", name], { home });
    expect(await digestOf(name)).toBe(image.manifest.digest);
    await sh(`skopeo copy -q --src-tls-verify=false docker://${name} oci:pulled:1`);
    const id = image.config.digest.slice("sha256:".length);
    for (const program of ["podman", "buildah"]) {
      const pulled = await sh(`${program} ${storage()} pull -q --tls-verify=false ${name}`);
      expect(pulled.trim()).toBe(id);
      await sh(`${program} ${storage()} rmi -f ${id}`);
    }
  });

  test("a push over a line that is cut arrives at docker-registry whole", async () => {
    const bytes = new Uint8Array(6_000_000).map((_, i) => (i * i) >> 7);
    const archives = [bytes.subarray(0, 3_000_000), bytes.subarray(3_000_000)];
    const layers = archives.map((content, i) => [{ path: `big${i}`, content }]);
    const image = await pushImage(registry, "cut/app", {
      busybox: { group: ["cut:x:7:"] },
      layers,
      compression: "none",
    });
    await using proxy = await CuttingProxy.start(registry.host, [1_000_000, 800_000, 500_000]);
    const name = `${proxy.host}/arrived/app:1`;
    await tsboxOk(["pull", "-q", image.reference], { home });
    await tsboxOk(["tag", image.reference, name], { home });
    const output = await tsboxOk(["push", name], { home });
    expect(proxy.cuts).toBe(3);
    expect(output).toMatch(/: Retrying in \d+ second/);
    expect(await digestOf(`${registry.host}/arrived/app:1`)).toBe(image.manifest.digest);
    const fresh = makeHome();
    await tsboxOk(["pull", "-q", `${registry.host}/arrived/app:1`], { home: fresh });
    fresh.remove();
  });
});
