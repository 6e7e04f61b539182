import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { commandLine } from "../../../tests/support/command_line.ts";
import { endKeeper } from "../../../tests/support/keeper.ts";
import {
  exitedState,
  imageId,
  imageOf,
  liveRun,
  storeContainer,
  storeImages,
} from "../../../tests/support/container_records.ts";

let home = "";
let store = "";
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/inspect-`);
  store = `${home}/tsbox`;
});
afterEach(() => {
  for (const path of new Bun.Glob("tsbox/run/keeper-*").scanSync(home)) {
    endKeeper(`${home}/${path}`);
  }
  rmSync(home, { recursive: true, force: true });
});

const run = (...argv: string[]) => commandLine(home, argv);

async function object(...argv: string[]): Promise<unknown> {
  const { status, out, err } = await run(...argv);
  expect([status, err]).toEqual([0, ""]);
  const list: unknown = JSON.parse(out);
  if (!Array.isArray(list) || list.length !== 1) throw new Error(`not one object: ${out}`);
  return list[0];
}

test("an image is shown in Docker's shape", async () => {
  const base = imageOf("a");
  storeImages(store, [imageOf("a", {
    chainIDs: [imageId("1"), imageId("2")],
    config: {
      ...base.config,
      entrypoint: ["/init"],
      user: "app",
      volumes: ["/data"],
      exposedPorts: ["80/tcp"],
      labels: { a: "b" },
      stopSignal: "SIGQUIT",
    },
  })]);
  expect(await object("inspect", "busybox")).toMatchObject({
    Id: imageId("a"),
    RepoTags: ["busybox:latest"],
    RepoDigests: [`busybox@${imageId("a")}`],
    Created: "2024-01-31T12:00:00Z",
    Architecture: "amd64",
    Os: "linux",
    Size: 4_260_000,
    Config: {
      Entrypoint: ["/init"],
      Cmd: ["sh"],
      Env: ["PATH=/bin"],
      User: "app",
      Volumes: { "/data": {} },
      ExposedPorts: { "80/tcp": {} },
      Labels: { a: "b" },
      StopSignal: "SIGQUIT",
    },
    GraphDriver: {
      Data: {
        LowerDir: `${store}/layers/${"1".repeat(64)}/diff`,
        UpperDir: `${store}/layers/${"2".repeat(64)}/diff`,
      },
    },
    RootFS: { Type: "layers", Layers: [imageId("a")] },
  });
});

test("a running container is shown with its process and its ports", async () => {
  storeImages(store, [imageOf("a")]);
  const state = liveRun();
  const port = { hostIp: "127.0.0.1", containerPort: 80, protocol: "tcp" } as const;
  const made = storeContainer(store, "web", state, {
    publish: [{ ...port, hostPort: 0 }],
    network: "private",
    command: ["serve"],
    entrypoint: "/bin/app",
    mounts: [
      { type: "bind", source: "/src", target: "/dst", readOnly: true, createSource: true },
      { type: "tmpfs", target: "/tmp", readOnly: false, size: 1024, options: ["noexec"] },
    ],
    ulimits: [{ name: "nofile", soft: 10, hard: 20 }],
  }, { ports: [{ ...port, hostPort: 49153 }] });
  expect(await object("inspect", "web")).toMatchObject({
    Id: made.id,
    Name: "/web",
    Path: "true",
    Args: [],
    State: { Status: "running", Running: true, Pid: state.pid, ExitCode: 0 },
    Image: imageId("a"),
    HostConfig: {
      Binds: ["/src:/dst:ro"],
      Tmpfs: { "/tmp": "size=1024,noexec" },
      NetworkMode: "private",
      PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] },
      Ulimits: [{ Name: "nofile", Soft: 10, Hard: 20 }],
    },
    Config: { Cmd: ["serve"], Entrypoint: ["/bin/app"], Image: "busybox", Env: ["A=1"] },
    NetworkSettings: { Ports: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "49153" }] } },
    Mounts: [{ Type: "bind", Source: "/src", Destination: "/dst", RW: false }, { Type: "tmpfs" }],
    GraphDriver: { Name: "overlay", Data: { UpperDir: `${made.directory}/upper` } },
  });
  made.lock.release();
});

test("volumes are told as docker tells them, by the flag they were asked with", async () => {
  const volume = {
    type: "volume",
    readOnly: false,
    noCopy: false,
    anonymous: false,
    content: { kind: "directory", path: "/v/_data", readOnly: false },
  } as const;
  storeContainer(store, "vols", exitedState(0), {
    mounts: [
      {
        ...volume,
        name: "by-v",
        target: "/v",
        origin: "volume",
        mode: "ro,nocopy",
        readOnly: true,
      },
      { ...volume, name: "f".repeat(64), target: "/anon", origin: "volume", anonymous: true },
      {
        ...volume,
        name: "by-mount",
        target: "/m",
        origin: "mount",
        noCopy: true,
        subpath: "a",
        labels: { x: "1" },
      },
      { ...volume, name: "taken", target: "/from", origin: "from" },
    ],
    volumesFrom: [{ container: "other", readOnly: true }],
  }).lock.release();
  const told = await object("inspect", "vols");
  const VolumeOptions = { NoCopy: true, Subpath: "a", Labels: { x: "1" } };
  expect(told).toMatchObject({
    HostConfig: {
      Binds: ["by-v:/v:ro,nocopy"],
      VolumesFrom: ["other:ro"],
      Mounts: [{
        Type: "volume",
        Source: "by-mount",
        Target: "/m",
        ReadOnly: false,
        VolumeOptions,
      }],
    },
    Config: { Volumes: { "/anon": {} } },
    Mounts: [
      { Type: "volume", Name: "by-v", Source: "/v/_data", Mode: "ro,nocopy", RW: false },
      { Name: "f".repeat(64), Mode: "", RW: true, Driver: "local", Propagation: "" },
      { Name: "by-mount", Mode: "z" },
      { Name: "taken", Destination: "/from" },
    ],
  });
});

test("a container tells how it ended, also where its start failed", async () => {
  storeContainer(store, "done", exitedState(3)).lock.release();
  const error = "command not found";
  storeContainer(store, "failed", { status: "created", exitCode: 127, error }).lock.release();
  expect(await object("container", "inspect", "done")).toMatchObject({
    State: { Status: "exited", Running: false, Pid: 0, ExitCode: 3, Error: "" },
  });
  expect(await object("inspect", "--type", "container", "failed")).toMatchObject({
    State: { Status: "created", ExitCode: 127, Error: error, StartedAt: "0001-01-01T00:00:00Z" },
  });
});

test("a template is filled in for each object", async () => {
  storeImages(store, [imageOf("a")]);
  storeContainer(store, "done", exitedState(3)).lock.release();
  expect(await run("inspect", "-f", "{{.State.ExitCode}} {{index .Config.Env 0}}", "done", "done"))
    .toEqual({ status: 0, out: "3 A=1\n3 A=1\n", err: "" });
  expect((await run("image", "inspect", "--format", "{{json .Config.Cmd}}", "busybox")).out).toBe(
    '["sh"]\n',
  );
  expect((await run("inspect", "-f", "{{.Nope}}", "done")).status).toBe(1);
});

test("templates find docker's fields that have no value, and JSON leaves out what docker's does", async () => {
  storeImages(store, [imageOf("a")]);
  storeContainer(store, "done", exitedState(3), { stopTimeout: 7 }).lock.release();
  const filled = async (...argv: string[]) => {
    const { status, out, err } = await run("inspect", "-f", ...argv);
    expect([status, err]).toEqual([0, ""]);
    return out.trimEnd();
  };
  expect(await filled("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "done"))
    .toBe("none");
  expect(await filled("{{range .NetworkSettings.Networks}}<{{.IPAddress}}>{{end}}", "done"))
    .toBe("<>");
  expect(await filled("<{{.NetworkSettings.IPAddress}}{{.NetworkSettings.MacAddress}}>", "done"))
    .toBe("<>");
  expect(await filled("{{.HostConfig.Init}} {{.HostConfig.OomKillDisable}} {{.SizeRw}}", "done"))
    .toBe("<nil> <nil> <nil>");
  expect(await filled("{{.Config.StopTimeout}} {{json .Config.Healthcheck}}", "done"))
    .toBe("7 null");
  expect(await filled("{{range $port, $_ := .Config.ExposedPorts}}{{$port}}{{end}}", "done"))
    .toBe("");
  expect(await filled("{{eq .ID .Id}}", "done")).toBe("true");
  expect(await filled("{{eq .ID .Id}} {{.Config.Healthcheck}}", "busybox")).toBe("true <nil>");
  expect(await filled("{{json .State}}{{json .Config}}", "done")).not.toMatch(/Health|Shell/);
  expect(await object("inspect", "done")).not.toHaveProperty("ID");
  expect((await run("inspect", "-f", "{{.State.Nope}}", "done")).status).toBe(1);
});

test("what is there is shown although something else is not", async () => {
  storeContainer(store, "done", exitedState(3)).lock.release();
  const { status, out, err } = await run("inspect", "nope", "done");
  expect([status, err]).toEqual([1, "tsbox: No such object: nope\n"]);
  expect(JSON.parse(out)).toHaveLength(1);
  expect(await run("image", "inspect", "nope")).toMatchObject({ status: 1, out: "[]\n" });
});

test("a container goes before an image of the same name, and --type decides", async () => {
  storeImages(store, [imageOf("a")]);
  storeContainer(store, "busybox", exitedState(0)).lock.release();
  expect(await object("inspect", "busybox")).toMatchObject({ Name: "/busybox" });
  expect(await object("inspect", "--type=image", "busybox")).toMatchObject({ Id: imageId("a") });
  expect((await run("inspect", "--type=volume", "busybox")).err).toContain("no such volume");
  expect((await run("inspect", "--type=network", "busybox")).err).toContain(
    '"network" is not a valid value for --type',
  );
});

test("version says what runs, as text, JSON and by template", async () => {
  const { status, out } = await run("version");
  expect(status).toBe(0);
  expect(out).toMatch(
    /^tsbox:\n Version: +1\.2\.3\n API version: +1\.47\n Git commit: +abcdef0\n Bun version: +\d/,
  );
  const { out: text } = await run("version", "--format", "json");
  expect(JSON.parse(text)).toMatchObject({ Client: { Version: "1.2.3", Os: "linux" } });
  expect((await run("version", "-f", "{{.Server.Version}} {{.Client.APIVersion}}")).out)
    .toBe("1.2.3 1.47\n");
});

test("info counts containers and images and names the driver that works here", async () => {
  storeImages(store, [imageOf("a")]);
  storeContainer(store, "done", exitedState(3)).lock.release();
  const frozen = storeContainer(store, "frozen", { ...liveRun(), paused: true });
  const { status, out } = await run("--storage-driver", "copy", "info");
  expect(status).toBe(0);
  expect(out).toStartWith("Containers: 2\n Running: 0\n Paused: 1\n Stopped: 1\nImages: 1\n");
  expect(out).toContain("\nStorage Driver: copy\n");
  expect(out).toMatch(/\nTotal Memory: [\d.]+GiB\n/);
  const { out: text } = await run("--storage-driver", "copy", "info", "--format", "json");
  expect(JSON.parse(text)).toMatchObject({ Images: 1, DockerRootDir: store, OSType: "linux" });
  const format = "{{.LoggingDriver}} {{.CgroupDriver}} {{.Swarm.LocalNodeState}}";
  expect((await run("info", "-f", format)).out).toMatch(/^local (systemd|cgroupfs) inactive\n$/);
  frozen.lock.release();
});

test("help lists every command, and each one's own help names its aliases", async () => {
  const { out } = await run("help");
  for (
    const name of [
      "doctor",
      "images",
      "info",
      "inspect",
      "ps",
      "pull",
      "rm",
      "rmi",
      "run",
      "version",
    ]
  ) {
    expect(out).toMatch(new RegExp(`^ {2}${name} +\\S`, "m"));
  }
  expect((await run("rm", "--help")).out).toContain(
    "Aliases:\n  tsbox container rm, tsbox container remove, tsbox rm\n",
  );
  expect((await run("image")).out).toContain("  ls ");
  expect(await run("bogus")).toMatchObject({ status: 1, out: "" });
});
