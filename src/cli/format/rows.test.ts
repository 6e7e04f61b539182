import { expect, test } from "bun:test";
import { formatRows, type ListLayout } from "./rows.ts";

const LAYOUT: ListLayout = {
  headers: { ID: "CONTAINER ID", Names: "NAMES", Status: "STATUS" },
  columns: "{{.ID}}\t{{.Status}}\t{{.Names}}",
  quiet: "{{.ID}}",
};
const ROWS = [
  { ID: "0123456789ab", Names: "web", Status: "Up", Label: () => "one" },
  { ID: "ba9876543210", Names: "größer_ß", Status: "Exited (0) 2 hours ago", Label: () => "" },
];

function text(format?: string, quiet = false): string {
  return formatRows(ROWS, LAYOUT, { quiet, ...(format !== undefined && { format }) });
}

test("the default is a table whose columns are as wide as their widest cell and three blanks", () => {
  expect(text()).toBe(
    "CONTAINER ID   STATUS                   NAMES\n" +
      "0123456789ab   Up                       web\n" +
      "ba9876543210   Exited (0) 2 hours ago   größer_ß\n",
  );
  expect(text("table")).toBe(text());
});

test("a column is at least ten wide, and an empty list still has its heading", () => {
  expect(formatRows([], LAYOUT, { quiet: false })).toBe("CONTAINER ID   STATUS    NAMES\n");
});

test("quiet prints one field, and a template goes before it", () => {
  expect(text(undefined, true)).toBe("0123456789ab\nba9876543210\n");
  expect(text("{{.Names}}", true)).toBe("web\ngrößer_ß\n");
});

test("a table of an own template has the titles of its fields, a label's from its key", () => {
  expect(text('table {{.Names | upper}}\\t{{.Label "com.x.my-zone"}}')).toBe(
    "NAMES        my zone\nWEB          one\nGRÖSSER_SS   \n",
  );
});

test("json prints an object a line, without methods", () => {
  expect(text("json").split("\n")[0]).toBe('{"ID":"0123456789ab","Names":"web","Status":"Up"}');
});

test("json is escaped as Go does where it makes an object, and not where it makes a string", () => {
  const row = { Tag: "<none>", Text: "a && b\u2028" };
  const made = (format: string) => formatRows([row], LAYOUT, { quiet: false, format });
  const escaped = '{"Tag":"\\u003cnone\\u003e","Text":"a \\u0026\\u0026 b\\u2028"}\n';
  expect(made("json")).toBe(escaped);
  expect(made("{{json .}}")).toBe(escaped);
  expect(made("{{json .Tag}}")).toBe('"<none>"\n');
});

test("a template that begins with the word table is one, with or without a blank behind it", () => {
  expect(text("table{{.Names}}")).toBe(text("table {{.Names}}"));
});

test("\\t and \\n written out in a template are a tab and a new line", () => {
  expect(text("{{.ID}}\\t{{.Names}}\\nx")).toBe(
    "0123456789ab\tweb\nx\nba9876543210\tgrößer_ß\nx\n",
  );
});

test("the old format raw is refused by name", () => {
  expect(() => text("raw")).toThrow("--format raw is not supported by tsbox");
});
