import { expect, test } from "bun:test";
import { filtersOf, flagOf, limitOf, type Query, refuse } from "./query.ts";

const query = (values: Record<string, string>): Query => (name) => values[name];
const filters = (
  text: string,
) => [...filtersOf(query({ filters: text }), ["label", "name"], ["x"])];

test("a boolean is true unless docker reads it as false", () => {
  for (const text of ["1", "true", "True", "yes"]) {
    expect(flagOf(query({ all: text }), "all")).toBe(true);
  }
  for (const text of ["", "0", "false", "No", " none "]) {
    expect(flagOf(query({ all: text }), "all")).toBe(false);
  }
  expect(flagOf(query({}), "all")).toBe(false);
});

test("a parameter that cannot be obeyed is refused by name, unless it is off", () => {
  expect(() => refuse(query({ size: "1" }), "link", "size")).toThrow(
    'The parameter "size" is not supported by tsbox yet',
  );
  refuse(query({ size: "0" }), "size");
});

test("a limit is a number, and none where it is not positive", () => {
  expect(limitOf(query({ limit: "3" }))).toBe(3);
  for (const text of ["", "0", "-1"]) expect(limitOf(query({ limit: text }))).toBeUndefined();
  for (const text of ["x", "1.5", "1e3", "99999999999"]) {
    expect(() => limitOf(query({ limit: text }))).toThrow(`Cannot read "${text}"`);
  }
});

test("filters come as lists, or as objects from old clients", () => {
  expect(filters("")).toEqual([]);
  expect(filters('{"label":["a=b","c"],"name":["n"]}')).toEqual([
    ["label", ["a=b", "c"]],
    ["name", ["n"]],
  ]);
  expect(filters('{"label":{"a=b":true,"c":false}}')).toEqual([["label", ["a=b"]]]);
});

test("filters of another form are refused", () => {
  const wrong = ["{", "[]", "null", '"a"', '{"label":"a"}', '{"label":[1]}', '{"label=a":["b"]}'];
  for (const text of wrong) expect(() => filters(text)).toThrow('the parameter "filters"');
  expect(() => filters('{"nosuch":["a"]}')).toThrow("invalid filter 'nosuch'");
  expect(() => filters('{"x":["a"]}')).toThrow("--filter x is not supported by tsbox yet");
});
