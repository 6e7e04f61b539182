import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nameOf, nextFreeRange, ownIdMap, parseGetsubids, parseSubids } from "./subids.ts";

const alice = { uid: 1000, name: "alice" };

test("lines belong to a user by name or by number, in the order of the file", () => {
  const text = "bob:100000:65536\nalice:165536:65536\n1000:300000:10\n";
  expect(parseSubids(text, alice)).toEqual([
    { start: 165536, count: 65536 },
    { start: 300000, count: 10 },
  ]);
  expect(parseSubids(text, { uid: 1000, name: undefined })).toEqual([{ start: 300000, count: 10 }]);
});

test("comments, junk, empty ranges and ranges beyond the last id are skipped", () => {
  const text = [
    "# alice:1:1",
    "alice",
    "alice:abc:5",
    "alice:100:0",
    "alice:0:10",
    "alice:4294967290:10",
    "alice:-5:10",
    "alice:500000:5:6",
    "",
    "alice:200000:5 ",
  ].join("\n");
  expect(parseSubids(text, alice)).toEqual([{ start: 200000, count: 5 }]);
});

test("an id named twice, or the caller's own, is mapped once", () => {
  const text = "alice:990:20\nalice:1005:10\nalice:995:1\n";
  expect(parseSubids(text, alice)).toEqual([
    { start: 990, count: 10 },
    { start: 1001, count: 9 },
    { start: 1010, count: 5 },
  ]);
});

test("the range to hand out next lies above all that are taken", () => {
  expect(nextFreeRange("")).toEqual({ start: 100000, count: 65536 });
  expect(nextFreeRange("a:100000:65536\nb:165536:65536\n", "a:5:1\n").start).toBe(231072);
});

test("a name is found by its uid, not by a number elsewhere in the line", () => {
  const passwd =
    "root:x:0:0::/root:/bin/sh\nx:1000:1:1000::/:\nalice:x:1000:1000::/home/a:/bin/sh\n";
  expect(nameOf(passwd, 1000)).toBe("alice");
  expect(nameOf(passwd, 42)).toBeUndefined();
});

test("the answer of getsubids is read", () => {
  expect(parseGetsubids("0: alice 100000 65536\n1: alice 300000 5\n", 1000)).toEqual([
    { start: 100000, count: 65536 },
    { start: 300000, count: 5 },
  ]);
  expect(parseGetsubids("Error fetching ranges\n", 1000)).toEqual([]);
});

interface Host {
  passwd: string;
  subuid: string;
  subgid: string;
  helpers: string[];
}

function onHost<T>(host: Partial<Host>, use: (files: Parameters<typeof ownIdMap>[1]) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-subids-"));
  try {
    const put = (name: string, text = "") => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    for (const helper of host.helpers ?? ["newuidmap", "newgidmap"]) put(helper);
    return use({
      passwd: put("passwd", host.passwd ?? "alice:x:1000:1000::/:/bin/sh\n"),
      subuid: put("subuid", host.subuid),
      subgid: put("subgid", host.subgid),
      nsswitch: put("nsswitch.conf", "passwd: files\nsubid: files\n"),
      helpers: [folder],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const request = { uid: 1000, gid: 100, mode: "auto" } as const;
const given = { subuid: "alice:100000:65536\n", subgid: "alice:200000:65536\n" };

test("with subordinate ids the map has the caller as root and all of them after it", () => {
  expect(onHost(given, (files) => ownIdMap(request, files))).toEqual({
    kind: "full",
    source: expect.stringMatching(/^1000 100 /),
    uids: [
      { containerID: 0, hostID: 1000, size: 1 },
      { containerID: 1, hostID: 100000, size: 65536 },
    ],
    gids: [
      { containerID: 0, hostID: 100, size: 1 },
      { containerID: 1, hostID: 200000, size: 65536 },
    ],
  });
});

test("a user that /etc/passwd does not know is found by the name they came with", () => {
  const host = { ...given, passwd: "root:x:0:0::/:/bin/sh\n" };
  expect(onHost(host, (files) => ownIdMap({ ...request, name: "alice" }, files)).kind).toBe("full");
  expect(onHost(host, (files) => ownIdMap(request, files)).reason?.message).toMatch(
    /^cannot map uid range: \S+ has no entry for 1000$/,
  );
});

test("without subordinate ids the map is single and the reason says what to ask for", () => {
  const { kind, uids, reason } = onHost({}, (files) => ownIdMap(request, files));
  expect({ kind, uids }).toEqual({
    kind: "single",
    uids: [{ containerID: 0, hostID: 1000, size: 1 }],
  });
  expect(reason?.message).toMatch(/^cannot map uid range: \S+subuid has no entry for alice$/);
  expect(reason?.hint).toBe(
    "ask an administrator to run 'usermod --add-subuids 100000-165535 alice', or pass --userns=single",
  );
});

test("without subordinate groups, or without newgidmap, the reason names that", () => {
  const groups = onHost({ ...given, subgid: "bob:100000:65536\n" }, (f) => ownIdMap(request, f));
  expect(groups.kind).toBe("single");
  expect(groups.reason?.hint).toContain("usermod --add-subgids 165536-231071 alice");
  const helper = onHost({ ...given, helpers: ["newuidmap"] }, (f) => ownIdMap(request, f));
  expect(helper.kind).toBe("single");
  expect(helper.reason?.message).toContain("newgidmap is not installed");
});

test("a single map that was asked for needs no reason", () => {
  expect(onHost(given, (files) => ownIdMap({ ...request, mode: "single" }, files))).toEqual({
    kind: "single",
    source: "1000 100 single",
    uids: [{ containerID: 0, hostID: 1000, size: 1 }],
    gids: [{ containerID: 0, hostID: 100, size: 1 }],
  });
});
