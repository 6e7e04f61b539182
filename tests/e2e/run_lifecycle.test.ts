/** `run`: names, records, images to run from, and what is left when something goes wrong. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { makeHome, TSBOX, tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage, pushIndex } from "../support/images.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

const run = (...words: string[]) =>
  tsbox(["run", "--network", "none", ...words], { home: box.home });

describe("a container's record", () => {
  test("stays without --rm, with name, state and status, and goes with rm", async () => {
    await run("--name", "kept", box.image, "sh", "-c", "exit 3");
    const listed = await tsboxOk(["ps", "-a", "--format", "{{.Names}} {{.State}} {{.Status}}"], {
      home: box.home,
    });
    expect(listed).toMatch(/^kept exited Exited \(3\) (Less than a second|\d+ seconds?) ago\n$/);
    await tsboxOk(["rm", "kept"], { home: box.home });
    expect(box.leftovers()).toEqual([]);
  });

  test("is gone at once with --rm, also its mounts and processes", async () => {
    const before = readFileSync("/proc/self/mountinfo", "utf8");
    expect((await run("--rm", "--name", "brief", box.image, "true")).status).toBe(0);
    expect(box.leftovers()).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(before);
  });

  test("is there while it runs, under a name that is taken", async () => {
    const words = box.words(["--name", "taken", "--init"], ["sleep", "60"]);
    const child = Bun.spawn([TSBOX, ...words], { env: box.home.env });
    const names = () =>
      Bun.spawnSync([TSBOX, "ps", "--format", "{{.Names}}"], { env: box.home.env }).stdout
        .toString();
    await until("it is listed", () => names() === "taken\n");
    const { stderr, status } = await run("--rm", "--name", "taken", box.image, "true");
    expect(stderr).toMatch(
      /Conflict\. The container name "\/taken" is already in use by container "[0-9a-f]{64}"\./,
    );
    expect(status).toBe(125);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
    expect(box.leftovers()).toEqual([]);
  });

  test("a name whose --rm container was killed is free for the next", async () => {
    const words = box.words(["--name", "again"], ["sleep", "60"]);
    for (let i = 0; i < 2; i++) {
      const child = Bun.spawn([TSBOX, ...words], { env: box.home.env });
      await until("it is there", () => box.leftovers().includes("again"));
      child.kill("SIGKILL");
      await child.exited;
    }
    expect((await run("--rm", "--name", "again", box.image, "true")).status).toBe(0);
    expect(box.leftovers()).toEqual([]);
  });

  test("--cidfile holds the id, and is not overwritten", async () => {
    const file = `${box.home.path}/cid`;
    await run("--cidfile", file, "--name", "numbered", box.image, "true");
    const [found] = JSON.parse(await tsboxOk(["inspect", "numbered"], { home: box.home }));
    expect(readFileSync(file, "utf8")).toBe(found.Id);
    const { stderr, status } = await run("--cidfile", file, box.image, "true");
    expect(stderr).toContain("container ID file found");
    expect(status).toBe(125);
    expect(readdirSync(`${box.home.dataRoot}/containers`)).toEqual([found.Id]);
    await tsboxOk(["rm", "numbered"], { home: box.home });
    expect(box.leftovers()).toEqual([]);
  });

  test("of a command that could not be started stays and tells why", async () => {
    expect((await run("--name", "failed", box.image, "no-such-command")).status).toBe(127);
    const [found] = JSON.parse(await tsboxOk(["inspect", "failed"], { home: box.home }));
    expect(found.State.Status).toBe("created");
    expect(found.State.ExitCode).toBe(127);
    expect(found.State.Error).toContain("executable file not found in $PATH");
    await tsboxOk(["rm", "failed"], { home: box.home });
  });

  test("a name that is none is refused", async () => {
    const { stderr, status } = await run("--name", "not/good", box.image);
    expect(stderr).toContain("Invalid container name (not/good)");
    expect(status).toBe(125);
  });
});

describe("--pull and --platform", () => {
  test("never uses only what is there", async () => {
    expect((await run("--rm", "--pull", "never", box.image, "true")).status).toBe(0);
    const { stderr, status } = await run("--pull", "never", `${box.registry.host}/none`, "true");
    expect(stderr).toContain(`No such image: ${box.registry.host}/none`);
    expect(status).toBe(125);
  });

  test("missing pulls once, always looks for a newer one", async () => {
    const echo = (word: string) => ({ config: { Cmd: ["echo", word] } });
    const { reference } = await pushImage(box.registry, "moving", echo("old"));
    const first = await run("--rm", reference);
    expect(first.stdout).toBe("old\n");
    expect(first.stderr).toStartWith(`Unable to find image '${reference}' locally\n`);
    await pushImage(box.registry, "moving", echo("new"));
    const second = await run("--rm", reference);
    expect({ stdout: second.stdout, stderr: second.stderr }).toEqual({
      stdout: "old\n",
      stderr: "",
    });
    expect((await run("--rm", "--pull", "always", reference)).stdout).toBe("new\n");
    expect((await run("--rm", "-q", "--pull", "always", reference)).stderr).toBe("");
  });

  test("an image that the registry does not have is an error that names it", async () => {
    const reference = `${box.registry.host}/nowhere:1`;
    const { stderr, status } = await run(reference, "true");
    expect(stderr).toContain(reference);
    expect(status).toBe(125);
    expect(box.leftovers()).toEqual([]);
  });

  test("--platform chooses from an index; a foreign one cannot be executed", async () => {
    const platform = (architecture: string) => ({ os: "linux", architecture });
    const content = "\x7fELF\x02\x01\x01";
    const foreign = await pushImage(box.registry, "many:arm", {
      busybox: false,
      platform: platform("s390x"),
      layers: [[{ path: "bin/", type: "directory" }, { path: "bin/app", content, mode: 0o755 }]],
      config: { Cmd: ["/bin/app"] },
    });
    const native = await pushImage(box.registry, "many:own", { config: { Cmd: ["uname"] } });
    const { reference } = await pushIndex(box.registry, "many", [foreign, native]);
    expect((await run("--rm", "-q", reference)).stdout).toBe("Linux\n");
    const other = await run("--rm", "-q", "--platform", "linux/s390x", reference);
    expect(other.stderr).toContain('exec: "/bin/app": exec format error');
    expect(other.status).toBe(126);
    const none = await run("--platform", "linux/riscv64", reference);
    expect(none.stderr).toContain("linux/riscv64");
    expect(none.status).toBe(125);
    expect(box.leftovers()).toEqual([]);
  });
});

describe("--rootfs", () => {
  test("runs in a folder as it is, and keeps what is written there", async () => {
    const root = `${box.home.path}/root`;
    mkdirSync(`${root}/bin`, { recursive: true });
    writeFileSync(`${root}/bin/sh`, readFileSync("/bin/busybox"), { mode: 0o755 });
    const words = ["run", "--rm", "--network", "none", "--rootfs"];
    const shell = ["sh", "-c", "echo made >/made; echo $HOSTNAME"];
    expect(await tsboxOk([...words, "root", "-h", "plain", ...shell], { home: box.home })).toBe(
      "plain\n",
    );
    expect(readFileSync(`${root}/made`, "utf8")).toBe("made\n");
    expect(readdirSync(root)).toContain("etc");
  });
});

describe("flags that tsbox does not have", () => {
  const SOME = "annotation attach device-cgroup-rule gpus ip isolation link mac-address " +
    "network-alias privileged publish-all runtime " +
    "storage-opt uts volume-driver";

  test("are refused by name", async () => {
    for (const name of SOME.split(" ")) {
      const { stderr, status } = await run(`--${name}=1`, box.image, "true");
      expect(stderr).toMatch(new RegExp(`--${name}\\b.* not supported`));
      expect(status).toBe(125);
    }
  });

  test("the short ones too, and those that nobody has", async () => {
    for (const flag of ["-P", "-a"]) {
      const { stderr, status } = await run(flag, "1", box.image, "true");
      expect(stderr).toContain("not supported");
      expect(status).toBe(125);
    }
    const { stderr, status } = await run("--no-such-flag", box.image);
    expect(stderr).toStartWith("unknown flag: --no-such-flag\n");
    expect(status).toBe(125);
  });
});

test("a home that was never used is made ready by the first run", async () => {
  const home = makeHome();
  try {
    const words = ["run", "--rm", "-q", "--network", "none", box.image, "echo", "first"];
    expect(await tsboxOk(words, { home })).toBe("first\n");
  } finally {
    home.remove();
  }
});
