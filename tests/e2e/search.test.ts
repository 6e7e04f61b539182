import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Home, makeHome, tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";

let registry: RegistryProcess;
let home: Home;

beforeAll(async () => {
  home = makeHome();
  registry = await startRegistry({ credentials: { user: "u", password: "p" } });
  for (const name of ["team/web", "team/web-tools", "other"]) {
    await pushImage(registry, name, { busybox: false, layers: [[]] });
  }
  await tsboxOk(["login", "-u", "u", "-p", "p", registry.host], { home });
});
afterAll(async () => {
  await registry.stop();
  home.remove();
});

test("search finds the repositories of Debian's registry, as names that pull takes", async () => {
  const lines = (await tsboxOk(["search", `${registry.host}/WEB`], { home })).split("\n");
  expect(lines[0]).toMatch(/^NAME +DESCRIPTION +STARS +OFFICIAL$/);
  expect(lines.slice(1).map((line) => line.split(/ +/).slice(0, 2))).toEqual([
    [`${registry.host}/team/web`, "0"],
    [`${registry.host}/team/web-tools`, "0"],
    [""],
  ]);
  await tsboxOk(["pull", "-q", `${registry.host}/team/web-tools`], { home });
  const all = await tsboxOk(["search", "--format", "{{.Name}}", `${registry.host}/`], { home });
  expect(all.trim().split("\n")).toHaveLength(3);
});

test("search prints the v1 API's results by stars, cut and filtered as docker does", async () => {
  using v1 = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      Response.json({
        results: [
          { name: "few", description: "long ".repeat(12), star_count: 3, is_official: true },
          { name: "many", description: "a\r\nb", star_count: 13, is_official: false },
        ],
      }),
  });
  const host = `127.0.0.1:${v1.port}`;
  const find = (...words: string[]) => tsboxOk(["search", ...words, `${host}/x`], { home });
  expect((await find()).split("\n").slice(1).map((line) => line.split(/ {3,}/))).toEqual([
    [`${host}/many`, "a  b", "13", ""],
    [`${host}/few`, "long long long long long long long long long…", "3", "[OK]"],
    [""],
  ]);
  expect(await find("--format", "json", "--limit", "1")).toBe(
    `{"Description":"a  b","IsOfficial":"false","Name":"${host}/many","StarCount":"13"}\n`,
  );
  expect(await find("-f", "stars=4", "--format", "{{.Name}}")).toBe(`${host}/many\n`);
  expect(await find("-f", "is-official=true", "--no-trunc", "--format", "{{.Description}}")).toBe(
    `${"long ".repeat(12)}\n`,
  );
});

const WRONG: [words: string[], message: RegExp, status: number][] = [
  [["--limit", "101", "x"], /^tsbox: limit 101 is outside the range of \[1, 100\]$/m, 1],
  [["--limit", "many", "x"], /^invalid argument "many" for "--limit" flag: strconv/, 125],
  [["-f", "stars=a", "x"], /^tsbox: invalid filter 'stars=a'/, 1],
  [["-f", "is-automated=true", "x"], /^tsbox: --filter is-automated is not supported/, 1],
  [["-f", "size=3", "x"], /^tsbox: invalid filter 'size'/, 1],
  [["https://registry.invalid/x"], /^tsbox: invalid repository name/, 1],
];
for (const [words, message, status] of WRONG) {
  test(`search ${words.join(" ")} is refused`, async () => {
    const result = await tsbox(["search", ...words], { home });
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(status);
  });
}
