/** The tags of a repository, from registries that list them in pages, without end, or elsewhere. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseReference } from "../oci/reference.ts";
import { RegistryClient } from "./registry_client.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/tags-`);
});
afterEach(() => rmSync(home, { recursive: true }));

/** What a registry of the test's own lists, and which paths it was asked for. */
async function tagsOf(
  answer: (search: string) => Response,
): Promise<{ tags: Promise<string[]>; asked: string[] }> {
  const asked: string[] = [];
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url);
      if (pathname === "/v2/") return new Response("{}");
      asked.push(pathname + search);
      return answer(search);
    },
  });
  const client = new RegistryClient({
    home,
    dockerConfigDir: home,
    env: {},
    userAgent: "tsbox/test",
    timing: { firstDelay: 1, attempts: 2, response: 2000, stall: 300 },
  });
  const tags = client.tags(parseReference(`127.0.0.1:${server.port}/team/app`));
  await tags.catch(() => {});
  return { tags, asked };
}

const page = (tags: unknown, next?: string) =>
  Response.json({ name: "team/app", tags }, {
    headers: next === undefined ? {} : { Link: `<${next}>; rel="next"` },
  });

test("all pages of a list are read, a tag that is on two of them once", async () => {
  const { tags, asked } = await tagsOf((search) =>
    search === "" ? page(["1", "2"], "/v2/team/app/tags/list?last=2") : page(["2", "3"])
  );
  expect(await tags).toEqual(["1", "2", "3"]);
  expect(asked).toEqual(["/v2/team/app/tags/list", "/v2/team/app/tags/list?last=2"]);
});

test("a repository without tags has none", async () => {
  expect(await (await tagsOf(() => page(null))).tags).toEqual([]);
});

test("a list that never ends is given up, one that goes on elsewhere is not followed", async () => {
  let number = 0;
  const endless = await tagsOf(() => page([`t${number++}`], "?again"));
  expect(endless.tags).rejects.toThrow("its list of tags has more than 100 pages");
  expect(endless.asked).toHaveLength(100);
  const elsewhere = await tagsOf(() => page(["1"], "http://127.0.0.2:1/v2/team/app/tags/list"));
  expect(await elsewhere.tags).toEqual(["1"]);
});

test("what is no list of tags is an error, and so is a page without end", async () => {
  for (const tags of [{ a: 1 }, [1], [["1"]]]) {
    const answer = await tagsOf(() => page(tags));
    expect(answer.tags).rejects.toMatchObject({ code: "corrupt" });
  }
  const large = await tagsOf(() => page(["x".repeat(5 * 1024 * 1024)]));
  expect(large.tags).rejects.toMatchObject({ code: "limit-exceeded" });
});
