/** A full disk, a store that cannot be written, locks that are taken away, many commands at once. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { type CliResult, TSBOX, tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import { tar } from "../support/tar.ts";
import { exitedState, storeContainer } from "../support/container_records.ts";
import { KillStore } from "./kill_store.ts";

let registry: RegistryProcess;
let store: KillStore;
let kept: string;
let other: string;

beforeAll(async () => {
  registry = await startRegistry();
  store = new KillStore();
  const files = (word: string) =>
    Array.from({ length: 20 }, (_, i) => ({ path: `${word}${i}`, content: word.repeat(900) }));
  const image = async (name: string) =>
    (await pushImage(registry, name, { busybox: false, layers: [files("base"), files(name)] }))
      .reference;
  [kept, other] = [await image("kept"), await image("other")];
  const { home } = store;
  await tsboxOk(["pull", "-q", other], { home });
  await tsboxOk(["save", "-o", `${home.path}/other.tar`, other], { home });
  await tsboxOk(["rmi", other], { home });
  await Bun.write(`${home.path}/files.tar`, tar(files("imported")));
  await tsboxOk(["pull", "-q", kept], { home });
  store.keep();
});
afterAll(async () => {
  store.home.remove();
  await registry.stop();
});

/** Runs a script as root of a mount namespace of its own, where it may mount. */
async function inMountNamespace(script: string): Promise<string> {
  const { home } = store;
  const child = Bun.spawn(["unshare", "-rm", "sh", "-c", script], {
    cwd: home.path,
    env: { ...home.env, tsbox: TSBOX, store: home.dataRoot, kept, other },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if (await child.exited === 0) return out;
  throw new Error(out + err);
}

const onFull = '"$tsbox" --data-root "$full"';
const OPERATIONS = {
  pull: `${onFull} pull -q "$other"`,
  load: `${onFull} load -q -i other.tar`,
  import: `${onFull} import files.tar imported:1`,
  rmi: `${onFull} rmi "$kept"`,
};

test.each(Object.entries(OPERATIONS))(
  "%s on a full disk works or says so, and nothing that was there is lost",
  async (name, command) => {
    store.restore();
    // Room for nothing, for a file, for almost all of it; and in the end enough.
    const script = `
      full=$PWD/full; mkdir -p "$full"
      for extra in 0 4 8 16 24 32 48 64 96 128 192 256 384 8192; do
        mount -t tmpfs -o size=16m none "$full" && cp -a "$store/." "$full/"
        left=$(df -k --output=avail "$full" | tail -1)
        fallocate -l $((left - extra))k "$full/filling" || exit 1
        out=$(${command} 2>&1 </dev/null); status=$?
        rm "$full/filling"
        echo "$extra: $status: $out" | tr '\\n' ' '; echo
        ${onFull} system check --repair >check 2>&1 || { echo "check: $extra"; cat check; exit 1; }
        ${onFull} system check >check 2>&1 || { echo "check again: $extra"; cat check; exit 1; }
        ${onFull} images --format '{{.Repository}}' | grep -q /kept ||
          [ "${name}$status" = rmi0 ] || { echo "lost: $extra"; exit 1; }
        umount "$full"
      done`;
    const lines = (await inMountNamespace(script)).trim().split("\n");
    expect(lines.length).toBe(14);
    expect(lines.at(-1)).toStartWith("8192: 0: ");
    const failed = lines.filter((line) => !/^\d+: 0: /.test(line));
    for (const line of failed) {
      expect(line).toMatch(/^\d+: 1: .*tsbox: .*(ENOSPC|[Nn]o space|free some space|disk is full)/);
      expect(line).not.toMatch(/internal error| at .*\.ts:/);
    }
    // Who has to make room must be able to.
    if (name === "rmi") expect(failed).toEqual([]);
    else expect(failed.length).toBeGreaterThan(2);
  },
  60_000,
);

test("a store that cannot be written can be looked at; what would change it says why it cannot", async () => {
  store.restore();
  const words = ["images -q", 'inspect "$kept"', "ps -a", 'rmi "$kept"', 'pull "$other"', "rm x"];
  const script = `
    mount --bind "$store" "$store" && mount -o remount,ro,bind "$store"
    ${words.map((line) => `out=$("$tsbox" ${line} 2>&1 >/dev/null); echo "$?: $out"`).join("\n")}
    out=$("$tsbox" run --rm --userns single "$kept" true 2>&1); echo "$?: $out"`;
  const [images, inspect, ps, rmi, pull, rm, run] = (await inMountNamespace(script)).split("\n");
  expect([images, inspect, ps]).toEqual(["0: ", "0: ", "0: "]);
  expect(rm).toContain("No such container: x");
  for (const line of [rmi, pull, run]) expect(line).toMatch(/^1(25)?: tsbox: Cannot .*EROFS/);
  expect(run).toStartWith("125: ");
  expect(await store.mend()).toEqual([]);
});

test(
  "nobody waits for a lock that cannot be had, nor for what cannot be cleared away",
  async () => {
    store.restore();
    const { dataRoot } = store.home;
    storeContainer(dataRoot, "made", exitedState(3)).lock.release();
    storeContainer(dataRoot, "left", exitedState(3), { remove: true }).lock.release();
    await Bun.write(`${dataRoot}/tmp/trash-x/file`, "");
    const words = ["ps", "ps -a", "wait made", "system check", "system check --repair"];
    const refused = ["rm made", "start made", "container prune -f", "cp made:/x ."];
    const script = `
    mount --bind "$store" "$store" && mount -o remount,ro,bind "$store"
    for words in ${[...words, ...refused].map((line) => `"${line}"`).join(" ")}; do
      out=$(timeout 5 "$tsbox" $words 2>&1); echo "$?: $out" | tr '\\n' ' '; echo
    done`;
    const begin = performance.now();
    const [ps, all, wait, check, repair, ...rest] = (await inMountNamespace(script)).trim().split(
      "\n",
    );
    expect(ps).toMatch(/^0: CONTAINER ID.*NAMES $/);
    expect(all).toMatch(/^0: .*Exited \(3\).* made $/);
    expect(wait).toBe("0: 3 ");
    expect(check).toMatch(
      /^1: container .*left behind.*tmp\/trash-x: left behind.*2 problems found $/,
    );
    expect(repair).toMatch(/^1: tsbox: Cannot mend the store .*: it cannot be written/);
    expect(rest).toHaveLength(refused.length);
    for (const line of rest) expect(line).toMatch(/^1: tsbox: Cannot [^\n]*EROFS *$/);
    // Each of them once looked for ten seconds or more whether somebody lets go of the lock.
    expect(performance.now() - begin).toBeLessThan(8000);
    expect((await store.mend()).length).toBe(2);
  },
  60_000,
);

test("what comes while the check looks at the blobs is no problem", async () => {
  store.restore();
  // Of holes: it takes a while to read, and no room.
  const size = 256 << 20;
  const zeros = new Uint8Array(1 << 20);
  const hasher = new Bun.CryptoHasher("sha256");
  for (let at = 0; at < size; at += zeros.length) hasher.update(zeros);
  const blob = `${store.home.dataRoot}/blobs/sha256/${hasher.digest("hex")}`;
  writeFileSync(blob, "");
  truncateSync(blob, size);
  const checking = tsbox(["system", "check"], { home: store.home });
  await Bun.sleep(100);
  await tsboxOk(["import", "files.tar", "imported:1"], { home: store.home });
  expect(await checking).toMatchObject({ status: 0, stdout: "No problems found\n" });
}, 60_000);

/** All at once; what each of them said. */
async function crowd(): Promise<CliResult[]> {
  const { home } = store;
  const commands = [
    ["pull", "-q", other],
    ["rmi", other],
    ["load", "-q", "-i", "other.tar"],
    ["import", "files.tar", "imported:1"],
    ["images"],
    ["ps", "-a"],
    ["image", "prune", "-f"],
    ["tag", kept, "again:1"],
  ];
  const all = [0, 1, 2, 3].flatMap(() => commands);
  return await Promise.all(all.map((words) => tsbox(words, { home })));
}

test("32 commands at once all succeed or say that an image is not there", async () => {
  store.restore();
  for (const { status, stderr } of await crowd()) {
    if (status !== 0) expect(stderr).toMatch(/^tsbox: .*(No such image|must be forced)[^\n]*\n$/);
  }
  await store.mend();
  store.expectWhole(kept);
  expect(store.names()).toContain("docker.io/library/again:1");
}, 60_000);

test("locks that are taken away from their holders cost no complete image", async () => {
  store.restore();
  const steal = setInterval(() => {
    for (const name of ["images.lock", "layers.lock"]) {
      rmSync(`${store.home.dataRoot}/${name}`, { force: true });
    }
  }, 1);
  const results = await crowd();
  clearInterval(steal);
  for (const { stderr } of results) expect(stderr).not.toContain("internal error");
  await store.mend();
  store.expectWhole(kept);
}, 60_000);
