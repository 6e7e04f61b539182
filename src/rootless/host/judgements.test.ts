import { expect, test } from "bun:test";
import { TsboxError } from "../../errors.ts";
import { judgeCgroups, readCgroupFacts } from "./cgroups.ts";
import type { Finding } from "./finding.ts";
import { judgeKernel, judgeSeccomp, readKernelFacts } from "./kernel.ts";
import { judgeFuseOverlay, judgeOverlay, judgeSpace, judgeStore } from "./store.ts";
import { type IdFacts, judgeHelpers, judgeIds } from "./subordinate_ids.ts";
import { judgeUserNamespaces, readNamespaceFacts } from "./user_namespaces.ts";

function fixOf(finding: Finding): string {
  return finding.status === "ok" ? "" : finding.fix;
}

const failure = { step: "make", errno: 1 } as const;
const open = { most: "100", clone: "1", appArmor: "0" };

test("the setting that forbids user namespaces is named with the command that changes it", () => {
  const fix = (facts: Partial<typeof open>) =>
    fixOf(judgeUserNamespaces({ ...open, ...facts, failure }));
  expect(fix({ clone: "0" })).toContain("kernel.unprivileged_userns_clone=1");
  expect(fix({ most: "0" })).toContain("user.max_user_namespaces=28633");
  expect(fix({ appArmor: "1" })).toContain("kernel.apparmor_restrict_unprivileged_userns=0");
  expect(fix({})).toContain("seccomp=unconfined");
});

test("what counts is the attempt: a restriction that does not apply to us is none", () => {
  expect(judgeUserNamespaces({ ...open, appArmor: "1" }).status).toBe("ok");
});

test("this host lets us make and use a user namespace", () => {
  const facts = readNamespaceFacts();
  expect(facts.failure).toBeUndefined();
  expect(Number(facts.most)).toBeGreaterThan(0);
});

const ranges = {
  uids: [{ start: 100000, count: 65536 }],
  gids: [{ start: 100000, count: 65536 }],
};
const ids: IdFacts = {
  who: "alice",
  ranges,
  subuid: "bob:100000:65536\n",
  subgid: "",
  missingHelpers: [],
};

test("65536 ids are enough", () => {
  expect(judgeIds(ids)).toEqual({
    name: "subordinate ids",
    status: "ok",
    detail: "65536 ids for alice",
  });
});

test("without ids, or with few, the command gives a range nobody has", () => {
  const none = judgeIds({ ...ids, ranges: new TsboxError("host", "no entry for alice") });
  expect(none).toMatchObject({ status: "limited", detail: "no entry for alice" });
  expect(fixOf(none)).toBe(
    "sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 alice",
  );
  const few = judgeIds({ ...ids, ranges: { ...ranges, gids: [{ start: 1, count: 10 }] } });
  expect(few).toMatchObject({ status: "limited", detail: "only 10 ids for alice" });
});

test("missing helpers are installed, helpers that fail get their setuid bit back", () => {
  expect(judgeHelpers(ids).status).toBe("ok");
  const missing = judgeHelpers({ ...ids, missingHelpers: ["newgidmap"] });
  expect(missing).toMatchObject({ status: "limited", detail: "newgidmap not installed" });
  expect(fixOf(missing)).toBe("sudo apt install uidmap");
  const broken = judgeHelpers({ ...ids, failure: "Cannot map subordinate ids: EPERM" });
  expect(broken.status).toBe("missing");
  expect(fixOf(broken)).toContain("chmod 4755 /usr/bin/newuidmap");
});

test("a kernel without the calls is too old, and this one is not", () => {
  const old = judgeKernel({ release: "5.4.0", missingCalls: ["openat2"], seccomp: false });
  expect(old).toMatchObject({ status: "missing", detail: "Linux 5.4.0 without openat2" });
  const facts = readKernelFacts();
  expect(judgeKernel(facts).status).toBe("ok");
  expect(judgeSeccomp(facts).status).toBe("ok");
  expect(judgeSeccomp({ ...facts, seccomp: false }).status).toBe("missing");
});

test("cgroups need version 2, delegation and the controllers, in this order", () => {
  const controllers = ["cpu", "cpuset", "io", "memory", "pids"];
  const facts = { unified: true, writable: true, controllers };
  expect(judgeCgroups(facts).status).toBe("ok");
  // What systemd delegates by itself.
  const usual = judgeCgroups({ ...facts, controllers: ["cpu", "memory", "pids"] });
  expect(fixOf(usual)).toContain("Delegate=");
  expect(usual).toMatchObject({
    status: "limited",
    detail: "controllers not delegated: cpuset, io",
    lost: "--cpuset-*, --blkio-weight and --device-*",
  });
  expect(fixOf(judgeCgroups({ ...facts, writable: false }))).toContain("systemd-run --user");
  expect(fixOf(judgeCgroups({ ...facts, unified: false }))).toContain("unified_cgroup_hierarchy");
  const { unified, writable } = readCgroupFacts(process.getuid?.() ?? 0, process.env);
  expect(writable && !unified).toBe(false);
});

const obstacle = { reason: "it does not work", remedy: "make it work" };
const store = {
  path: "/s",
  fileSystem: "ext4",
  free: 2 ** 31,
  overlay: undefined,
  fuseOverlay: undefined,
};

test("a network file system is no place for the store", () => {
  expect(judgeStore(store).status).toBe("ok");
  const remote = judgeStore({ ...store, fileSystem: "nfs" });
  expect(remote.status).toBe("limited");
  expect(fixOf(remote)).toContain("--data-root");
});

test("little space is a limit, none is the end", () => {
  expect(judgeSpace(store)).toMatchObject({ status: "ok", detail: "2048 MiB free in /s" });
  expect(judgeSpace({ ...store, free: 2 ** 29 }).status).toBe("limited");
  expect(judgeSpace({ ...store, free: 2 ** 20 }).status).toBe("missing");
});

test("without overlay something is lost, more so without fuse-overlayfs", () => {
  expect(judgeOverlay(store).status).toBe("ok");
  const slower = judgeOverlay({ ...store, overlay: obstacle });
  expect(slower).toMatchObject({ status: "limited", lost: expect.stringContaining("slower") });
  const copying = judgeOverlay({ ...store, overlay: obstacle, fuseOverlay: obstacle });
  expect(copying).toMatchObject({ lost: expect.stringContaining("copies") });
  expect(judgeFuseOverlay({ ...store, fuseOverlay: obstacle }).status).toBe("ok");
  expect(judgeFuseOverlay({ ...store, overlay: obstacle, fuseOverlay: obstacle }).status)
    .toBe("limited");
});
