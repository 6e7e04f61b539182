import { expect, test } from "bun:test";
import { DEFAULT_OPTIONS } from "../../tests/support/run_options.ts";
import type { RuntimeSpec } from "../oci/runtime_spec.ts";
import { launchNotes } from "./annotations.ts";
import { type ContainerHost, type ImageDefaults, NO_IMAGE } from "./host.ts";
import type { RunOptions } from "./run_options.ts";
import { containerLabels, makeSpec } from "./spec.ts";
import { withUser } from "./with_user.ts";

const OPTIONS: RunOptions = { ...DEFAULT_OPTIONS, image: "busybox" };

const FULL = [{ containerID: 0, hostID: 1000, size: 1 }, {
  containerID: 1,
  hostID: 100000,
  size: 65536,
}];
const SINGLE = [{ containerID: 0, hostID: 1000, size: 1 }];

const HOST: ContainerHost = {
  id: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  hostname: "machine",
  ids: { kind: "full", uids: FULL, gids: FULL },
  rootfs: "/store/containers/0123/merged",
  etc: { hosts: "/c/hosts", hostname: "/c/hostname", resolvConf: "/c/resolv.conf" },
  devices: { "/dev/fuse": "device", "/dev/dri": "directory", "/etc/passwd": "other" },
  thermalThrottle: [],
};

const IMAGE: ImageDefaults = { ...NO_IMAGE, cmd: ["sh"] };

const make = (
  options: Partial<RunOptions> = {},
  image: Partial<ImageDefaults> = {},
  host: Partial<ContainerHost> = {},
): RuntimeSpec =>
  makeSpec({ ...OPTIONS, ...options }, { ...IMAGE, ...image }, { ...HOST, ...host });

const mountOn = (spec: RuntimeSpec, destination: string) =>
  spec.mounts.filter((m) => m.destination === destination);

test("a container gets docker's default mounts in docker's order", () => {
  expect(make().mounts.map((m) => m.destination)).toEqual([
    "/proc",
    "/dev",
    "/dev/pts",
    "/sys",
    "/sys/fs/cgroup",
    "/dev/mqueue",
    "/dev/shm",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/etc/hosts",
  ]);
  expect(mountOn(make(), "/dev/pts")[0]?.options).toContain("gid=5");
  expect(mountOn(make({ shmSize: 4096 }), "/dev/shm")[0]?.options).toContain("size=4096");
});

test("with one id the tty group is left out of devpts, since it has no id", () => {
  const spec = make({}, {}, { ids: { kind: "single", uids: SINGLE, gids: SINGLE } });
  expect(mountOn(spec, "/dev/pts")[0]?.options.filter((o) => o.startsWith("gid="))).toEqual([]);
});

test("a container has all namespaces of its own, and shares those it was told to", () => {
  const types = (spec: RuntimeSpec) => spec.linux.namespaces.map((n) => n.type);
  expect(types(make()).sort()).toEqual(
    ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"],
  );
  const shared = make({ pid: "host", ipc: "host", network: "host" });
  expect(types(shared).sort()).toEqual(["cgroup", "mount", "user", "uts"]);
  for (const path of ["/proc", "/sys", "/dev/mqueue", "/dev/shm"]) {
    expect(mountOn(shared, path)).toMatchObject([{ type: "bind", source: path }]);
  }
  expect(mountOn(shared, "/sys")[0]?.options).toContain("ro");
});

test("arguments follow docker's rules for entrypoint and command", () => {
  const args = (options: Partial<RunOptions>, image: Partial<ImageDefaults>) =>
    make(options, image).process.args;
  const both = { entrypoint: ["/entry", "-x"], cmd: ["serve"] };
  expect(args({}, both)).toEqual(["/entry", "-x", "serve"]);
  expect(args({ command: ["sh", "-c", "id"] }, both)).toEqual(["/entry", "-x", "sh", "-c", "id"]);
  expect(args({ entrypoint: "ls" }, both)).toEqual(["ls"]);
  expect(args({ entrypoint: "ls", command: ["-l"] }, both)).toEqual(["ls", "-l"]);
  expect(args({ entrypoint: "", command: ["id"] }, both)).toEqual(["id"]);
  expect(args({}, { entrypoint: [""], cmd: ["sh"] })).toEqual(["sh"]);
});

test("nothing to execute is an error in docker's words", () => {
  expect(() => make({}, { cmd: [] })).toThrow("no command specified");
  expect(() => make({ entrypoint: "" })).toThrow("no command specified");
});

test("the environment is the defaults, the user's, the image's, each name once", () => {
  const spec = make({ env: ["B=2", "PATH=/mine"], tty: true }, { env: ["A=1", "B=1", "PATH=/i"] });
  expect(spec.process.env).toEqual([
    "PATH=/mine",
    "HOSTNAME=0123456789ab",
    "TERM=xterm",
    "B=2",
    "A=1",
  ]);
});

test("an unset name takes the image's and the default's away", () => {
  const spec = make({ unsetEnv: ["A", "HOSTNAME"] }, { env: ["A=1", "PATH=/i"] });
  expect(spec.process.env).toEqual(["PATH=/i"]);
});

test("the working directory is clean and absolute", () => {
  expect(make().process.cwd).toBe("/");
  expect(make({}, { workdir: "/app/../srv/" }).process.cwd).toBe("/srv");
  expect(make({ workdir: "/x" }, { workdir: "/app" }).process.cwd).toBe("/x");
  expect(() => make({}, { workdir: "app" })).toThrow("needs to be an absolute path");
});

test("hostname is the option, the start of the id, or with the host's network the host's", () => {
  expect(make().hostname).toBe("0123456789ab");
  expect(make({ hostname: "web" }).hostname).toBe("web");
  expect(make({ network: "host" }).hostname).toBe("machine");
});

test("user mounts come after the defaults, parents first, and replace what they cover", () => {
  const bind = (target: string, more = {}) => ({
    type: "bind" as const,
    source: `/src${target}`,
    target,
    readOnly: false,
    createSource: true,
    ...more,
  });
  const spec = make({
    mounts: [bind("/a/b/c"), bind("/a"), bind("/etc/hosts", { readOnly: true }), bind("/dev/shm")],
  });
  expect(spec.mounts.slice(6).map((m) => m.destination)).toEqual(
    ["/a", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/dev/shm", "/a/b/c"],
  );
  expect(mountOn(spec, "/etc/hosts")).toEqual([
    {
      destination: "/etc/hosts",
      type: "bind",
      source: "/src/etc/hosts",
      options: ["rbind", "ro", "rprivate"],
    },
  ]);
  expect(mountOn(spec, "/dev/shm")).toHaveLength(1);
});

test("a /dev of the user's replaces everything below it", () => {
  const mounts: RunOptions["mounts"] = [
    { type: "bind", source: "/dev", target: "/dev", readOnly: false, createSource: true },
  ];
  expect(make({ mounts }).mounts.filter((m) => m.destination.startsWith("/dev"))).toHaveLength(1);
});

test("a tmpfs is guarded unless told otherwise", () => {
  const tmpfs = (options: string[], more = {}) =>
    make({ mounts: [{ type: "tmpfs", target: "/t", readOnly: false, options, ...more }] })
      .mounts.at(-4)?.options;
  expect(tmpfs([])).toEqual(["nosuid", "nodev", "noexec", "mode=1777"]);
  expect(tmpfs(["exec"], { size: 1024, mode: 0o700, readOnly: true })).toEqual(
    ["nosuid", "nodev", "ro", "size=1024", "mode=700", "exec"],
  );
});

test("nothing can be mounted inside /proc", () => {
  const mounts = (target: string): RunOptions["mounts"] => [
    { type: "bind", source: "/x", target, readOnly: false, createSource: true },
  ];
  expect(() => make({ mounts: mounts("/proc/self/attr") })).toThrow("inside /proc");
  expect(mountOn(make({ mounts: mounts("/proc/meminfo") }), "/proc/meminfo")).toHaveLength(1);
});

test("a volume is bound, or a tmpfs; its subpath is noted for the launcher", () => {
  const volume = {
    type: "volume",
    name: "data",
    target: "/data/",
    readOnly: false,
    noCopy: false,
    anonymous: false,
    origin: "mount",
  } as const;
  const content = { kind: "directory", path: "/v/_data", readOnly: false } as const;
  const plain = make({ mounts: [{ ...volume, content, subpath: "a/b" }] });
  expect(mountOn(plain, "/data")).toMatchObject([
    { type: "bind", source: "/v/_data", options: ["rbind", "rprivate"] },
  ]);
  expect(launchNotes(plain).subpaths).toEqual({ "/data": "a/b" });
  expect(launchNotes(make()).subpaths).toEqual({});
  for (const [readOnly, fixed] of [[true, false], [false, true]] as const) {
    const spec = make({
      mounts: [{ ...volume, readOnly, content: { ...content, readOnly: fixed } }],
    });
    expect(mountOn(spec, "/data")[0]?.options).toContain("ro");
  }
  const memory = make({
    mounts: [{ ...volume, content: { kind: "tmpfs", options: ["size=1m"] } }],
  });
  expect(mountOn(memory, "/data")).toMatchObject([{ type: "tmpfs", options: ["size=1m"] }]);
  expect(() => make({ mounts: [volume] })).toThrow("it is not made yet");
});

test("devices of the host are bound, and one that is none is refused", () => {
  const device = (source: string, access = "rwm") =>
    make({ devices: [{ source, target: "/dev/x", access }] });
  expect(mountOn(device("/dev/fuse"), "/dev/x")[0]?.source).toBe("/dev/fuse");
  expect(() => device("/dev/none")).toThrow("no such file or directory");
  expect(() => device("/etc/passwd")).toThrow("not a device node");
  expect(() => device("/dev/fuse", "r")).toThrow("Cannot limit access");
});

test("capabilities are docker's, none inheritable or ambient", () => {
  const { capabilities } = make({ capDrop: ["ALL"], capAdd: ["CHOWN"] }).process;
  expect(capabilities.bounding).toEqual(["CAP_CHOWN"]);
  expect(capabilities.inheritable).toEqual([]);
  expect(capabilities.ambient).toEqual([]);
  expect(make().process.capabilities.effective).toHaveLength(14);
});

test("a container of its own network may listen on low ports; the user's sysctls win", () => {
  const key = "net.ipv4.ip_unprivileged_port_start";
  expect(make().linux.sysctl).toEqual({ [key]: "0" });
  expect(make({ sysctls: { [key]: "80" } }).linux.sysctl).toEqual({ [key]: "80" });
  expect(make({ network: "host" }).linux.sysctl).toEqual({});
});

test("limits, labels and the stop signal are carried over", () => {
  const spec = make(
    { ulimits: [{ name: "nofile", soft: 10, hard: -1 }] },
    { stopSignal: "SIGQUIT" },
  );
  expect(spec.process.rlimits).toEqual([{ type: "RLIMIT_NOFILE", soft: 10, hard: -1 }]);
  expect(launchNotes(spec).stopSignal).toBe("SIGQUIT");
  expect(() => make({}, { stopSignal: "SIGNOPE" })).toThrow("invalid signal: SIGNOPE");
  expect(containerLabels({ labels: { a: "2" } }, { labels: { a: "1", b: "1" } })).toEqual({
    a: "2",
    b: "1",
  });
});

test("a label of the image cannot speak to the launcher", () => {
  const spec = make({}, {
    labels: { "dev.tsbox.seccomp": "unconfined", "dev.tsbox.init": "true" },
  });
  expect(launchNotes(spec)).toMatchObject({ seccomp: "default", init: false });
});

test("notes that are not ours are refused", () => {
  const spec = { ...make(), annotations: { "dev.tsbox.groups": "[1]" } };
  expect(() => launchNotes(spec)).toThrow("Cannot read annotation dev.tsbox.groups");
  const subpaths = { ...make(), annotations: { "dev.tsbox.volume-subpaths": '{"/a":1}' } };
  expect(() => launchNotes(subpaths)).toThrow("annotation dev.tsbox.volume-subpaths");
});

test("the looked-up user brings ids, groups, HOME, and keeps capabilities for root only", () => {
  const files = {
    passwd: "root:x:0:0::/root:/bin/sh\napp:x:1000:100::/home/app:/bin/sh",
    group: "video:x:44:app\nfar:x:200000:app",
  };
  const app = withUser(make({}, { user: "app" }), files).process;
  expect(app.user).toMatchObject({ uid: 1000, gid: 100, additionalGids: [100, 44] });
  expect(app.env).toContain("HOME=/home/app");
  expect(app.capabilities).toMatchObject({ effective: [], permitted: [] });
  expect(app.capabilities.bounding).toHaveLength(14);
  const root = withUser(make({ user: "0", env: ["HOME=/x"] }, { user: "app" }), files).process;
  expect(root.env.filter((pair) => pair.startsWith("HOME="))).toEqual(["HOME=/x"]);
  expect(root.capabilities.effective).toHaveLength(14);
});

test("an id the user namespace lacks is an error that says what helps", () => {
  const files = { passwd: "root:x:0:0::/:", group: "wheel:x:10:root" };
  const single = { ids: { kind: "single" as const, uids: SINGLE, gids: SINGLE } };
  expect(withUser(make({}, {}, single), files).process.user).toMatchObject({
    uid: 0,
    gid: 0,
    additionalGids: [],
  });
  expect(() => withUser(make({ user: "33" }, {}, single), files)).toThrow(
    "Cannot run with user id 33: this container's user namespace has only 0",
  );
  expect(() => withUser(make({ groupAdd: ["wheel"] }, {}, single), files)).toThrow("group id 10");
  expect(() => withUser(make({ user: "65537" }), files)).toThrow("has 0 to 65536");
});
