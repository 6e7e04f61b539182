import { expect, test } from "bun:test";
import { digestOf } from "./digest.ts";
import { familiarForm, parseReference, withDigest } from "./reference.ts";

const DIGEST = digestOf(new Uint8Array());

test("short names mean the official images of docker.io", () => {
  expect(parseReference("alpine")).toEqual({
    registry: "docker.io",
    repository: "library/alpine",
    tag: "latest",
    tagIsDefault: true,
    familiarName: "alpine",
    familiar: "alpine:latest",
    name: "docker.io/library/alpine",
    canonical: "docker.io/library/alpine:latest",
  });
});

test.each([
  ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
  ["docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["index.docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
  ["user/app", "docker.io/user/app:latest", "user/app:latest"],
  ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
  ["localhost:5000/a/b:x", "localhost:5000/a/b:x", "localhost:5000/a/b:x"],
  ["[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"],
  ["127.0.0.1:80/a__b/c.d-e---f", "127.0.0.1:80/a__b/c.d-e---f:latest", undefined],
  ["Registry/app", "Registry/app:latest", "Registry/app:latest"],
  [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
  [`alpine:3@${DIGEST}`, `docker.io/library/alpine:3@${DIGEST}`, `alpine:3@${DIGEST}`],
  ["docker.io/foo.bar/baz", "docker.io/foo.bar/baz:latest", "docker.io/foo.bar/baz:latest"],
  [
    "docker.io/library/localhost/x",
    "docker.io/library/localhost/x:latest",
    "library/localhost/x:latest",
  ],
])("%s is %s", (text, canonical, familiar) => {
  const reference = parseReference(text);
  expect(reference.canonical).toBe(canonical);
  expect(reference.familiar).toBe(familiar ?? canonical);
  expect(parseReference(reference.familiar).canonical).toBe(canonical);
});

test("upper case is refused in docker's words", () => {
  expect(() => parseReference("Alpine")).toThrow(
    "invalid reference format: repository name (library/Alpine) must be lowercase",
  );
});

test.each([
  "",
  ":",
  "@",
  "a:",
  "a@",
  "/a",
  "a/",
  "a//b",
  "-a",
  "a-",
  "a..b",
  "a___b",
  "a/../b",
  "a b",
  "a\nb",
  "a:b c",
  "http://host/a",
  "host:port/a",
  "host.:5000/a",
  "a:x:y",
  "é",
  "a\0",
  "[::1/a",
])("%j is not a reference", (text) => {
  expect(() => parseReference(text)).toThrow("invalid reference format");
});

test("names that could be image ids or are too long are refused", () => {
  expect(() => parseReference("a".repeat(64))).toThrow("cannot specify 64-byte hexadecimal");
  expect(parseReference("host.io/" + "a".repeat(255)).repository.length).toBe(255);
  expect(() => parseReference("host.io/" + "a".repeat(256))).toThrow("more than 255 characters");
  expect(() => parseReference("a".repeat(5000))).toThrow("invalid reference format");
  expect(() => parseReference(`a:${"t".repeat(129)}`)).toThrow("invalid reference format");
});

test("digests are checked", () => {
  expect(() => parseReference("alpine@sha256:abc")).toThrow("invalid reference format");
  expect(() => parseReference(`alpine@sha256:${"0".repeat(32)}`)).toThrow(
    "invalid checksum digest length",
  );
  expect(() => parseReference(`alpine@md5:${"0".repeat(32)}`)).toThrow(
    "unsupported digest algorithm",
  );
});

test("a reference can be pinned to a digest", () => {
  expect(withDigest(parseReference("a:1"), DIGEST).canonical).toBe(`docker.io/library/a@${DIGEST}`);
});

test("the short form of a stored name is the one that the grammar gives", () => {
  const texts =
    "a a:1 x/a library/x/a x/library/a:1 docker.io/localhost/a docker.io/h.example/a:2 " +
    "docker.io/library/h.example/a localhost/a localhost:5000/a h.example/x/a:1 [::1]:5000/x/a:1 " +
    `a@sha256:${"a".repeat(64)} x/y@sha256:${"b".repeat(64)} h:1/x@sha256:${"c".repeat(64)}`;
  for (const text of texts.split(" ")) {
    const { canonical, familiar } = parseReference(text);
    expect(familiarForm(canonical)).toBe(familiar);
  }
});
