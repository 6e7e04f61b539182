import { expect, test } from "bun:test";
import { resolveUser, type UserFiles } from "./user.ts";

const FILES: UserFiles = {
  passwd: [
    "root:x:0:0:root:/root:/bin/sh",
    "",
    "  bin:x:2:2:bin:/bin:/usr/sbin/nologin",
    "app:x:1000:100:App,,,:/home/app:/bin/bash",
    "1000:x:7:7::/tricky:",
    "bare:x:1001:1001",
    "broken:x:nonsense:0::/:",
    "app:x:1:1::/second:",
  ].join("\n"),
  group: "root:x:0:\nusers:x:100:\naudio:x:29:app,bin\nvideo:x:44:bin, app,app\nodd:x\n44:x:45:\n",
};

const resolve = (spec: string, groupAdd: string[] = []) => resolveUser(spec, groupAdd, FILES);

test("nobody named is root with root's own entry", () => {
  expect(resolve("")).toEqual({
    uid: 0,
    gid: 0,
    additionalGids: [0],
    requestedGids: [0],
    home: "/root",
  });
});

test("a name gives uid, gid, home and the groups that list it; the first entry wins", () => {
  expect(resolve("app")).toEqual({
    uid: 1000,
    gid: 100,
    additionalGids: [100, 29, 44],
    requestedGids: [100],
    home: "/home/app",
  });
});

test("a number is an id even when a user has that name", () => {
  expect(resolve("1000")).toEqual(resolve("app"));
});

test("a number without an entry is fine: group 0, home /", () => {
  expect(resolve("4242")).toMatchObject({ uid: 4242, gid: 0, additionalGids: [0], home: "/" });
});

test("a named or numbered group replaces the primary one and the supplementary ones", () => {
  expect(resolve("app:audio")).toMatchObject({ uid: 1000, gid: 29, additionalGids: [29] });
  expect(resolve("app:77")).toMatchObject({ gid: 77, additionalGids: [77] });
  expect(resolve("5:44")).toMatchObject({ uid: 5, gid: 44, additionalGids: [44], home: "/" });
});

test("a colon with nothing behind it names no group", () => {
  expect(resolve("app:")).toEqual(resolve("app"));
  expect(resolve(":audio")).toMatchObject({ uid: 0, gid: 29, home: "/root" });
});

test("an entry without a home has /", () => {
  expect(resolve("bare")).toMatchObject({
    uid: 1001,
    gid: 1001,
    additionalGids: [1001],
    home: "/",
  });
});

test("--group-add takes names and numbers, each gid once", () => {
  const user = resolve("app", ["video", "500", "100"]);
  expect(user.additionalGids).toEqual([100, 29, 44, 500]);
  expect(user.requestedGids).toEqual([100, 44, 500]);
  expect(() => resolve("app", ["nogroup"])).toThrow("Unable to find group nogroup");
});

test("a missing name is an error in docker's words", () => {
  expect(() => resolve("bob")).toThrow(
    "unable to find user bob: no matching entries in passwd file",
  );
  expect(() => resolve("app:staff")).toThrow(
    "unable to find group staff: no matching entries in group file",
  );
  expect(() => resolveUser("app", [], { passwd: "", group: "" })).toThrow(
    "unable to find user app",
  );
});

test("a user whose number does not parse does not become root", () => {
  expect(() => resolve("broken")).toThrow("unable to find user broken");
});

test("ids out of range are refused", () => {
  expect(() => resolve("-1")).toThrow("uids and gids must be in range 0-2147483647");
  expect(() => resolve("2147483648")).toThrow("must be in range");
  expect(() => resolve("0:4294967295")).toThrow("must be in range");
});

test("a hostile passwd is read in linear time or refused", () => {
  const started = performance.now();
  const long = { passwd: "x\n".repeat(2_000_000), group: "" };
  expect(() => resolveUser("app", [], long)).toThrow("unable to find user app");
  const huge = { passwd: "x".repeat(17 * 1024 * 1024), group: "" };
  expect(() => resolveUser("app", [], huge)).toThrow("larger than");
  expect(performance.now() - started).toBeLessThan(5000);
});

test("more groups than the kernel takes are refused", () => {
  const group = Array.from({ length: 65600 }, (_, i) => `g${i}:x:${i + 10}:app`).join("\n");
  expect(() => resolveUser("app", [], { passwd: FILES.passwd, group })).toThrow("65536 groups");
});
