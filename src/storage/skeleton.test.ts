import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { skeletonLayer } from "./skeleton.ts";

const store = mkdtempSync(`${tmpdir()}/tsbox-skeleton-`);
afterEach(() => rmSync(`${store}/skeleton`, { recursive: true }));

test("the skeleton has the mount points of every container and nothing in them", () => {
  const path = skeletonLayer(store);
  expect(readdirSync(path, { recursive: true }).sort()).toEqual([
    ...["dev", "etc", "etc/hostname", "etc/hosts", "etc/resolv.conf", "proc", "sys"],
  ]);
  expect(statSync(`${path}/etc/hosts`).size).toBe(0);
});

test("a skeleton that was made in part is completed, a complete one stays as it is", () => {
  const path = skeletonLayer(store);
  rmSync(`${path}/etc/resolv.conf`);
  rmSync(`${path}/sys`, { recursive: true });
  skeletonLayer(store);
  expect(readdirSync(path).sort()).toEqual(["dev", "etc", "proc", "sys"]);
  writeFileSync(`${path}/etc/hosts`, "changed");
  skeletonLayer(store);
  expect(statSync(`${path}/etc/hosts`).size).toBe(7);
});
