import { expect, test } from "bun:test";
import { checkVersion, withoutVersion } from "./version.ts";

test("a path means the same with and without a version in front", () => {
  expect(withoutVersion("/v1.47/images/json")).toBe("/images/json");
  expect(withoutVersion("/images/v1.47/json")).toBe("/images/v1.47/json");
  expect(withoutVersion("/version")).toBe("/version");
});

test("versions are compared by their numbers", () => {
  for (const version of ["1.24", "1.40", "1.47", "1.47.0"]) checkVersion(`/v${version}/info`);
  expect(() => checkVersion("/v1.9/info")).toThrow(
    "client version 1.9 is too old. Minimum supported API version is 1.24",
  );
  for (const version of ["1.48", "1.100", "2.0"]) {
    expect(() => checkVersion(`/v${version}/info`)).toThrow(
      `client version ${version} is too new. Maximum supported API version is 1.47`,
    );
  }
});
