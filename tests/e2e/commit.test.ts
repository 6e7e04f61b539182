/** Images made of containers: what was changed, what they say, and what does not become one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;

beforeAll(async () => {
  box = await busyboxContainers({
    config: {
      Env: ["A=image", "B=image"],
      Cmd: ["sh"],
      Labels: { from: "image" },
      WorkingDir: "/w",
    },
  });
  const script =
    "mkdir -p /old/in /gone; echo 1 >/old/in/f; echo 2 >/old/g; echo 3 >/gone/f; echo 4 >/file; chown -R 7:8 /old";
  await ok("run", "--network", "none", "--name", "base", box.image, "sh", "-c", script);
  await ok("commit", "base", "base:1");
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });
const sh = (image: string, script: string) =>
  ok("run", "--rm", "--network", "none", image, "sh", "-c", script);

test("what was added, changed, removed and replaced is so in the image, with its owners", async () => {
  expect(await sh("base:1", "cat /old/in/f /old/g /gone/f /file; stat -c %u:%g /old/in")).toBe(
    "1\n2\n3\n4\n7:8\n",
  );
  const script =
    "rm -r /gone /old; mkdir /old; echo new >/old/n; rm /file; mkdir /file; ln /old/n /old/link; chmod 4711 /old/n; chown 100:200 /old";
  await ok("run", "--network", "none", "--name", "second", "base:1", "sh", "-c", script);
  await ok("commit", "second", "base:2");
  expect(
    await sh(
      "base:2",
      "ls -d /gone 2>/dev/null; ls /old /file; stat -c '%a %h' /old/link; stat -c %u:%g /old",
    ),
  ).toBe(
    "/file:\n\n/old:\nlink\nn\n4711 2\n100:200\n",
  );
  expect(await sh("base:1", "cat /gone/f")).toBe("3\n");
  await ok("rm", "second");
});

test("it says what the container was started with, and what -c changes", async () => {
  await ok(
    "run",
    "--network",
    "none",
    "--name",
    "conf",
    "-e",
    "B=own",
    "-e",
    "C=own",
    "-l",
    "mine=1",
    "-u",
    "5",
    "base:1",
    "sh",
    "-c",
    "touch /tmp/x",
  );
  const id =
    (await ok("commit", "-m", "why", "-a", "me", "-c", 'CMD ["env"]', "-c", "LABEL more=2", "conf"))
      .trim();
  expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
  const [image] = JSON.parse(await ok("image", "inspect", id));
  expect(image.Config).toMatchObject({
    Env: ["A=image", "B=own", "C=own"],
    Cmd: ["env"],
    User: "5",
    WorkingDir: "/w",
    Labels: { from: "image", mine: "1", more: "2" },
  });
  expect(image).toMatchObject({ Comment: "why", Author: "me" });
  const layers = (await ok("history", "-q", "--no-trunc", id)).trim().split("\n");
  expect(layers[0]).toBe(id);
  expect(await ok("history", "--format", "{{.CreatedBy}}|{{.Comment}}", id)).toStartWith(
    "sh -c touch /tmp/x|why\n",
  );
  expect(await ok("run", "--rm", "--network", "none", id)).toContain("B=own\n");
  expect(
    await ok(
      "events",
      "--since",
      "10s",
      "--until",
      "0s",
      "-f",
      "event=commit",
      "--format",
      "{{.Actor.Attributes.imageID}}",
    ),
  ).toContain(id);
  await ok("rm", "conf");
});

test("a container that changed nothing, or never ran, makes no layer", async () => {
  await ok("create", "--network", "none", "--name", "idle", "base:1", "true");
  const id = (await ok("commit", "idle")).trim();
  const layers = (name: string) => ok("image", "inspect", "-f", "{{json .RootFS.Layers}}", name);
  expect(await layers(id)).toBe(await layers("base:1"));
  await ok("rm", "idle");
});

test("it can be pushed, pulled and saved as others", async () => {
  const name = box.image.replace(/:[^:/]*$/, ":committed");
  await ok("tag", "base:1", name);
  await ok("push", "-q", name);
  await ok("rmi", name);
  await ok("pull", "-q", name);
  expect(await sh(name, "cat /old/g")).toBe("2\n");
  const { status } = await tsbox(["system", "check"], { home: box.home });
  expect(status).toBe(0);
});

test("a running container is committed, and its volumes are not", async () => {
  await ok(
    "run",
    "-d",
    "--network",
    "none",
    "--name",
    "live",
    "-v",
    "/vol",
    "base:1",
    "sh",
    "-c",
    "echo in >/vol/f; echo out >/out; sleep 600",
  );
  while ((await tsbox(["exec", "live", "test", "-e", "/out"], { home: box.home })).status !== 0) {
    await Bun.sleep(20);
  }
  await ok("commit", "live", "base:live");
  expect(await sh("base:live", "cat /out; ls /vol")).toBe("out\n");
  await ok("rm", "-fv", "live");
});

test("names and instructions that mean nothing leave no image", async () => {
  const count = async () => (await ok("images", "-aq")).split("\n").length;
  const before = await count();
  for (
    const [words, message] of [
      [["base", "Not:A:Name"], "invalid reference format"],
      [["-c", "RUN rm", "base"], "RUN is not a valid change command"],
      [["nobody"], "No such container: nobody"],
      [["base", `x@sha256:${"0".repeat(64)}`], "digest"],
    ] as const
  ) {
    const { stderr, status } = await tsbox(["commit", ...words], { home: box.home });
    expect(stderr).toContain(message);
    expect(status).not.toBe(0);
  }
  expect(await count()).toBe(before);
});

test("port tells what is published", async () => {
  await ok(
    "run",
    "-d",
    "--name",
    "web",
    "-p",
    "127.0.0.1:0:80",
    "-p",
    "127.0.0.1:0:81/udp",
    box.image,
    "sleep",
    "600",
  );
  const all = await ok("port", "web");
  expect(all).toMatch(/^80\/tcp -> 127\.0\.0\.1:\d+\n81\/udp -> 127\.0\.0\.1:\d+\n$/);
  expect(await ok("port", "web", "80")).toBe(/-> (.*\n)/.exec(all)?.[1] ?? "");
  const { stderr, status } = await tsbox(["port", "web", "81"], { home: box.home });
  expect(stderr).toContain("No public port '81/tcp' published for web");
  expect(status).toBe(1);
  await ok("rm", "-f", "web");
});
