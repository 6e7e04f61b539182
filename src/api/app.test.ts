import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { ask } from "../../tests/support/api.ts";
import {
  exitedState,
  imageId,
  imageOf,
  killedRun,
  storeContainer,
  storeImages,
} from "../../tests/support/container_records.ts";

let home = "";
let store = "";
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/api-`);
  store = `${home}/tsbox`;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const answer = async (request: string) => {
  const { status, body } = await ask(home, request);
  return { status, body };
};
const message = (status: number, text: string) => ({ status, body: { message: text } });
const names = async (request: string) => JSON.stringify((await ask(home, request)).body);

test("_ping tells by its headers what is spoken here", async () => {
  for (const request of ["GET /_ping", "GET /v1.47/_ping", "HEAD /_ping"]) {
    const { status, headers, body } = await ask(home, request);
    expect({ status, body }).toEqual({
      status: 200,
      body: request.startsWith("HEAD") ? undefined : "OK",
    });
    expect(headers.get("api-version")).toBe("1.47");
    expect(headers.get("ostype")).toBe("linux");
    expect(headers.get("cache-control")).toContain("no-store");
  }
});

test("version says what docker's client looks for", async () => {
  expect((await ask(home, "GET /v1.40/version")).body).toMatchObject({
    Version: "1.2.3",
    ApiVersion: "1.47",
    MinAPIVersion: "1.24",
    Os: "linux",
    Components: [{ Name: "Engine", Version: "1.2.3" }],
  });
});

test("errors have Docker's shape and the version's headers", async () => {
  expect(await answer("GET /nosuch")).toEqual(message(404, "page not found"));
  expect(await answer("POST /version")).toEqual(message(404, "page not found"));
  const { status, headers, body } = await ask(home, "GET /v1.99/version");
  expect({ status, body }).toEqual(
    message(400, "client version 1.99 is too new. Maximum supported API version is 1.47"),
  );
  expect(headers.get("api-version")).toBe("1.47");
});

test("what Docker has and tsbox has not is refused by name", async () => {
  const refused = (route: string) => message(501, `${route} is not supported by tsbox yet`);
  const requests: [string, string][] = [
    ["POST /v1.47/containers/create?name=a", "POST /containers/create"],
    ["POST /containers/abc/start", "POST /containers/{id}/start"],
    ["POST /images/a/b/push", "POST /images/{name...}/push"],
    ["GET /images/a/b/get", "GET /images/{name...}/get"],
    ["GET /plugins/a/b:c/json", "GET /plugins/{name...}/json"],
    ["GET /networks", "GET /networks"],
    ["PUT /volumes/v", "PUT /volumes/{name}"],
  ];
  for (const [request, route] of requests) expect(await answer(request)).toEqual(refused(route));
  expect((await ask(home, "HEAD /containers/abc/archive")).status).toBe(501);
});

test("parameters that Docker obeys and tsbox cannot are refused", async () => {
  const requests = [
    ["GET /containers/json?size=1", "size"],
    ["GET /containers/a/json?size=1", "size"],
    ["DELETE /containers/a?link=1", "link"],
    ["GET /images/json?manifests=1", "manifests"],
  ];
  for (const [request = "", name] of requests) {
    expect(await answer(request)).toEqual(
      message(501, `The parameter "${name}" is not supported by tsbox yet`),
    );
  }
});

test("images are listed, filtered and inspected by names with slashes", async () => {
  const names = ["docker.io/library/busybox:latest", "localhost:5000/team/app/box:1"];
  storeImages(store, [imageOf("a", { names }), imageOf("b", { names: [], digests: [] })]);
  const list = await ask(home, "GET /images/json");
  expect(list.body).toMatchObject([{ Id: imageId("a") }, { Id: imageId("b") }]);
  const dangling = encodeURIComponent('{"dangling":["true"]}');
  expect((await ask(home, `GET /images/json?filters=${dangling}`)).body).toMatchObject([
    { Id: imageId("b"), RepoTags: [] },
  ]);
  for (
    const name of [
      "busybox",
      "localhost:5000/team/app/box:1",
      "localhost:5000%2Fteam%2Fapp%2Fbox:1",
    ]
  ) {
    expect((await ask(home, `GET /v1.47/images/${name}/json`)).body).toMatchObject({
      Id: imageId("a"),
      RepoTags: ["busybox:latest", "localhost:5000/team/app/box:1"],
    });
  }
  expect(await answer("GET /images/team/nosuch/json")).toMatchObject(
    message(404, "No such image: team/nosuch:latest; 'tsbox images' lists those there are"),
  );
  expect(await answer("GET /images/A/json")).toMatchObject({ status: 400 });
});

test("images are untagged and deleted, and those in use are not", async () => {
  const names = ["docker.io/library/busybox:latest", "localhost:5000/team/box:1"];
  storeImages(store, [imageOf("a", { names })]);
  storeContainer(store, "user", exitedState(0)).lock.release();
  expect(await answer("DELETE /images/localhost:5000/team/box:1")).toEqual({
    status: 200,
    body: [{ Untagged: "localhost:5000/team/box:1" }],
  });
  expect(await answer("DELETE /images/busybox")).toMatchObject({ status: 409 });
  expect((await answer("DELETE /containers/user")).status).toBe(204);
  const { status, body } = await answer("DELETE /images/busybox?noprune=0");
  expect(status).toBe(200);
  expect(body).toContainEqual({ Untagged: "busybox:latest" });
  expect(body).toContainEqual({ Deleted: imageId("a") });
  expect(existsSync(`${store}/layers/${"a".repeat(64)}`)).toBe(false);
  expect((await answer("DELETE /images/busybox")).status).toBe(404);
});

test("containers are listed by state, number and filter", async () => {
  const made = ["one", "two", "three"].map((name, i) =>
    storeContainer(store, name, exitedState(i), { labels: { number: name } }, {
      created: `2024-01-0${i + 1}T00:00:00.000000000Z`,
    })
  );
  made.push(storeContainer(store, "live", killedRun()));
  for (const { lock } of made.slice(0, 3)) lock.release();
  expect((await ask(home, "GET /containers/json")).body).toMatchObject([
    { Names: ["/live"], State: "running", NetworkSettings: { Networks: { none: {} } } },
  ]);
  expect((await ask(home, "GET /containers/json?all=1")).body).toHaveLength(4);
  expect((await ask(home, "GET /containers/json?limit=2")).body).toMatchObject([
    { Names: ["/live"] },
    { Names: ["/three"] },
  ]);
  const filters = encodeURIComponent('{"label":["number=two"],"status":["exited"]}');
  expect((await ask(home, `GET /containers/json?filters=${filters}`)).body).toMatchObject([
    { Names: ["/two"], Status: expect.stringContaining("Exited (1)") },
  ]);
  expect(await names("GET /containers/json?limit=x")).toContain("Cannot read");
  made[3]?.lock.release();
});

test("a container is inspected by name and prefix", async () => {
  const { id, lock } = storeContainer(store, "one", exitedState(3));
  lock.release();
  for (const name of ["one", id, id.slice(0, 9)]) {
    expect((await ask(home, `GET /containers/${name}/json`)).body).toMatchObject({
      Id: id,
      Name: "/one",
      State: { Status: "exited", ExitCode: 3 },
    });
  }
  expect(await answer("GET /containers/nosuch/json")).toEqual(
    message(404, "No such container: nosuch"),
  );
});

test("no name leads out of the store", async () => {
  storeContainer(store, "one", exitedState(0)).lock.release();
  for (const name of ["..%2Fcontainers%2Fone", "%2E%2E%2f%2E%2E", "a%00b", "%A4"]) {
    const { status } = await answer(`GET /containers/${name}/json`);
    expect([name, status]).toEqual([name, 404]);
  }
});

test("containers are removed; one that runs only by force", async () => {
  const live = storeContainer(store, "live", killedRun());
  storeContainer(store, "one", exitedState(0)).lock.release();
  expect(await answer("DELETE /containers/one?v=1")).toEqual({ status: 204, body: undefined });
  expect(await answer("DELETE /containers/one")).toEqual(message(404, "No such container: one"));
  const { status, body } = await answer("DELETE /containers/live");
  expect([status, JSON.stringify(body)]).toEqual([409, expect.stringContaining("is running")]);
  expect(readdirSync(`${store}/containers`)).toEqual([live.id]);
  live.lock.release();
  expect((await answer("DELETE /containers/live?force=1")).status).toBe(204);
  expect(readdirSync(`${store}/containers`)).toEqual([]);
});
