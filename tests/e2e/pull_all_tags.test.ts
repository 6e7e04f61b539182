/** `pull --all-tags`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Home, makeHome, tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import { tar } from "../support/tar.ts";

let registry: RegistryProcess;
let home: Home;
let repository: string;
beforeAll(async () => {
  registry = await startRegistry();
  home = makeHome();
  repository = `${registry.host}/many`;
  await pushImage(registry, "many", { busybox: false, layers: [[{ path: "a", content: "a" }]] });
  await Bun.write(`${home.path}/files.tar`, tar([{ path: "b", content: "b" }]));
  await tsboxOk(["import", "files.tar", `${repository}:2`], { home });
  await tsboxOk(["push", "-q", `${repository}:2`], { home });
  await tsboxOk(["rmi", `${repository}:2`], { home });
});
afterAll(async () => {
  home.remove();
  await registry.stop();
});

const tags = async () =>
  (await tsboxOk(["images", "--format", "{{.Tag}}", repository], { home })).trim().split("\n")
    .sort();

test("every tag of a repository is pulled, and the end is said once", async () => {
  const out = await tsboxOk(["pull", "-a", repository], { home });
  expect(await tags()).toEqual(["2", "latest"]);
  expect(out.match(/: Pulling from /g)).toHaveLength(2);
  expect(out.match(/^Digest: sha256:/gm)).toHaveLength(2);
  expect(out).toEndWith(`\nStatus: Downloaded newer image for ${repository}\n${repository}\n`);
  expect(out.match(/^Status: /gm)).toHaveLength(1);
  const again = await tsboxOk(["pull", "--all-tags", repository], { home });
  expect(again).toContain(`Status: Image is up to date for ${repository}\n`);
  expect(await tsboxOk(["pull", "-aq", repository], { home })).toBe(`${repository}\n`);
});

test.each([
  [":2", "tag can't be used with --all-tags/-a"],
  ["-nobody", "not found: "],
])("%s is refused", async (suffix, message) => {
  const { status, stderr } = await tsbox(["pull", "-a", repository + suffix], { home });
  expect(stderr).toMatch(/^tsbox: [^\n]*\n$/);
  expect(stderr).toContain(message);
  expect(status).toBe(1);
});

test("a registry that lists what is no tag is told so before anything is pulled", async () => {
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      new URL(request.url).pathname === "/v2/"
        ? new Response("{}")
        : Response.json({ tags: ["1", "../../x\u001b[2J"] }),
  });
  const { stderr } = await tsbox(["pull", "-a", `127.0.0.1:${server.port}/x`], { home });
  expect(stderr).toBe(
    `tsbox: Cannot pull 127.0.0.1:${server.port}/x: its registry lists "../../x\\u001b[2J", which is no tag\n`,
  );
});
