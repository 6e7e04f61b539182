/** `system check` of volumes, which it never deletes, and of manifest lists. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
let volumes: string;
let home: BusyboxContainers["home"];
beforeAll(async () => {
  box = await busyboxContainers();
  home = box.home;
  volumes = `${home.dataRoot}/volumes`;
  await box.sh(["-v", "data:/data"], "echo precious >/data/file; chown 7 /data/file");
});
afterAll(() => box.stop());

const check = (...flags: string[]) => tsbox(["system", "check", ...flags], { home });

/** Sees that something is found, mended and gone, and that the volume has what it had. */
async function mends(problem: RegExp): Promise<void> {
  const found = await check();
  expect(found.stdout).toMatch(problem);
  expect(found.status).toBe(1);
  expect(await check("--repair")).toMatchObject({ status: 0, stderr: "" });
  expect(await check()).toMatchObject({ status: 0, stdout: "No problems found\n" });
  expect(await box.sh(["-v", "data:/data"], "cat /data/file")).toBe("precious\n");
}

test.each([["is empty", ""], ["is another one's", '{"name":"other"}'], ["is gone", undefined]])(
  "a volume whose record %s gets a new one and keeps its content",
  async (_, text) => {
    const path = `${volumes}/data/volume.json`;
    if (text === undefined) rmSync(path);
    else writeFileSync(path, text);
    expect((await tsbox(["volume", "inspect", "data"], { home })).stderr).toContain("is damaged");
    await mends(
      /^volume "data": its record is damaged \(repair: makes it anew; .* its data is not\)$/m,
    );
    const [volume] = JSON.parse(await tsboxOk(["volume", "inspect", "data"], { home }));
    expect(volume).toMatchObject({ Name: "data", Labels: null, Options: null });
    expect(volume.CreatedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  },
);

test("what a killed command has begun is deleted, or ended where all is there", async () => {
  mkdirSync(`${volumes}/.new/_data`, { recursive: true });
  mkdirSync(`${volumes}/data/filling/half`, { recursive: true });
  await tsboxOk(["volume", "create", "arrived"], { home });
  for (const name of ["one", "two"]) {
    mkdirSync(`${volumes}/arrived/arriving/${name}`, { recursive: true });
  }
  await mends(
    /^volume "data": filling it from its image was killed \(repair: deletes the half copy/m,
  );
  expect(readdirSync(`${volumes}/arrived/_data`).sort()).toEqual(["one", "two"]);
  expect(readdirSync(`${volumes}/arrived`).sort()).toEqual(["_data", "lock", "volume.json"]);
  expect(readdirSync(`${volumes}/data`).sort()).toEqual(["_data", "lock", "volume.json"]);
  expect(readdirSync(volumes).sort()).toEqual(["arrived", "data"]);
});

test("a volume without its data, and what is none, are said and left to the user", async () => {
  renameSync(`${volumes}/data/_data`, `${volumes}/data/elsewhere`);
  symlinkSync("/etc", `${volumes}/link`);
  for (const flags of [[], ["--repair"]]) {
    const { stdout, status } = await check(...flags);
    expect(stdout).toMatch(/^volume "data": its data is gone .*tsbox volume rm -f data\)$/m);
    expect(stdout).toMatch(/^volumes\/link: not a volume/m);
    expect(status).toBe(1);
  }
  rmSync(`${volumes}/link`);
  renameSync(`${volumes}/data/elsewhere`, `${volumes}/data/_data`);
  expect(await check()).toMatchObject({ status: 0 });
});

test("a manifest list that is torn or was half written goes, a whole one stays", async () => {
  const list = (name: string) => `${box.registry.host}/${name}`;
  for (const name of ["whole", "torn"]) {
    await tsboxOk(["manifest", "create", list(name), box.image], { home });
  }
  const folder = `${home.dataRoot}/manifest-lists`;
  const hash = new Bun.CryptoHasher("sha256").update(`${list("torn")}:latest`).digest("hex");
  writeFileSync(`${folder}/${hash}.json`, '{"version":1,"name":"x","images":[');
  writeFileSync(`${folder}/${hash}.json.new`, "");
  await mends(
    /^manifest-lists\/[0-9a-f]{64}\.json: not a whole manifest list \(repair: deletes it\)$/m,
  );
  expect(await tsboxOk(["manifest", "inspect", list("whole")], { home })).toContain('"manifests"');
  expect(readdirSync(folder)).toHaveLength(2);
});
