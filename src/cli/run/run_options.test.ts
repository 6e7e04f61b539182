import { expect, test } from "bun:test";
import { DEFAULT_OPTIONS } from "../../../tests/support/run_options.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunOptions } from "../../container/run_options.ts";
import { parseLine } from "../parse.ts";
import { runGrammar } from "./grammar.ts";
import { makeRunOptions } from "./run_options.ts";

const caller = { env: { HOME: "/home/me", EMPTY: "" }, cwd: "/home/me/src" };

function run(...argv: string[]): RunOptions {
  return makeRunOptions(parseLine(runGrammar, [...argv, "image"]), caller);
}

function inDirectory<T>(body: (dir: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), "run-options-"));
  try {
    return body(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("without flags docker's defaults are filled in", () => {
  expect(run()).toEqual(DEFAULT_OPTIONS);
});

test("every simple flag reaches its option", () => {
  const options = run(
    ..."-it --rm --init --read-only --quiet --debug-plan --sig-proxy=false --name web -h box".split(
      " ",
    ),
    ..."-u 1:2 -w /srv --entrypoint sh --platform linux/arm64 --pull never --stop-signal INT".split(
      " ",
    ),
    ..."--network none --pid host --ipc host --userns single --group-add 5 --shm-size 1g".split(
      " ",
    ),
    ..."--cap-add net_admin --cap-drop ALL --dns 1.1.1.1 --dns-search a.b --dns-option ndots:2"
      .split(" "),
  );
  expect(options).toMatchObject({
    interactive: true,
    tty: true,
    remove: true,
    init: true,
    readOnly: true,
    quiet: true,
    debugPlan: true,
    sigProxy: false,
    name: "web",
    hostname: "box",
    user: "1:2",
    workdir: "/srv",
    entrypoint: "sh",
    platform: "linux/arm64",
    pull: "never",
    stopSignal: "INT",
    network: "none",
    pid: "host",
    ipc: "host",
    userns: "single",
    groupAdd: ["5"],
    shmSize: 1073741824,
    capAdd: ["CAP_NET_ADMIN"],
    capDrop: ["ALL"],
    dns: ["1.1.1.1"],
    dnsSearch: ["a.b"],
    dnsOptions: ["ndots:2"],
  });
});

test("--rootfs takes the place of the image, so that every argument is the command", () => {
  const line = parseLine(runGrammar, ["--rootfs", "../tree", "sh", "-c", "id"]);
  expect(makeRunOptions(line, caller)).toMatchObject({
    image: "",
    rootfs: "/home/me/tree",
    command: ["sh", "-c", "id"],
  });
});

test("--entrypoint with nothing clears the image's", () => {
  expect(run("--entrypoint", "").entrypoint).toBe("");
});

test("env files come first, the last value of a name counts, a bare name is the caller's", () => {
  inDirectory((dir) => {
    const path = join(dir, "env");
    writeFileSync(path, "\uFEFF# comment\n\n  A=file \r\nB=2\nHOME\nMISSING\n");
    const { env, unsetEnv } = run("-eA=flag", "-e", "GONE", "-eEMPTY", "--env-file", path);
    expect(env).toEqual(["B=2", "HOME=/home/me", "A=flag", "EMPTY="]);
    expect(unsetEnv).toEqual(["GONE"]);
  });
});

test("labels come from files and flags", () => {
  inDirectory((dir) => {
    const path = join(dir, "labels");
    writeFileSync(path, "a=1\nb\n");
    expect(run("--label-file", path, "-l", "a=2", "--label", "c=x=y").labels).toEqual({
      a: "2",
      b: "",
      c: "x=y",
    });
  });
});

test.each([
  ["A B=c\n", "variable 'A B' contains whitespaces"],
  ["=c\n", "no variable name on line '=c'"],
])("a bad line of an env file is refused: %p", (text, reason) => {
  inDirectory((dir) => {
    const path = join(dir, "env");
    writeFileSync(path, text);
    expect(() => run("--env-file", path)).toThrow(`invalid env file (${path}): ${reason}`);
  });
});

test("bind mounts of -v: relative sources start at the working directory, missing ones are made", () => {
  expect(run("-v", "./a/../b:/x/", "-v", "/:/host:ro,rslave,z").mounts).toEqual([
    { type: "bind", source: "/home/me/src/b", target: "/x", readOnly: false, createSource: true },
    {
      type: "bind",
      source: "/",
      target: "/host",
      readOnly: true,
      createSource: true,
      propagation: "rslave",
    },
  ]);
});

test("--mount is a line of CSV, and a missing source is not made", () => {
  const mounts = run(
    "--mount",
    'type=bind,"src=/a,b",dst=/c,ro,bind-propagation=shared,bind-recursive=disabled',
    "--mount",
    "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=700,readonly=false",
  ).mounts;
  expect(mounts).toEqual([
    {
      type: "bind",
      source: "/a,b",
      target: "/c",
      readOnly: true,
      createSource: false,
      propagation: "shared",
      nonRecursive: true,
    },
    { type: "tmpfs", target: "/t", readOnly: false, options: [], size: 1048576, mode: 0o700 },
  ]);
});

test("--tmpfs takes the kernel's options and no others", () => {
  expect(run("--tmpfs", "/t:ro,size=64k,mode=1755,exec,uid=5").mounts).toEqual([
    {
      type: "tmpfs",
      target: "/t",
      readOnly: true,
      size: 65536,
      mode: 0o1755,
      options: ["exec", "uid=5"],
    },
  ]);
  expect(() => run("--tmpfs", "/t:lowerdir=/etc")).toThrow('invalid tmpfs option "lowerdir=/etc"');
});

test("-p in all its forms", () => {
  const port = (spec: string) =>
    run("-p", spec).publish.map((p) =>
      `${p.hostIp}|${p.hostPort}|${p.containerPort}|${p.protocol}`
    );
  expect(port("80")).toEqual(["|0|80|tcp"]);
  expect(port("8080:80/UDP")).toEqual(["|8080|80|udp"]);
  expect(port("127.0.0.1:8080:80")).toEqual(["127.0.0.1|8080|80|tcp"]);
  expect(port("127.0.0.1::80")).toEqual(["127.0.0.1|0|80|tcp"]);
  expect(port("[::1]:8080:80")).toEqual(["::1|8080|80|tcp"]);
  expect(port("::1:8080:80")).toEqual(["::1|8080|80|tcp"]);
  expect(port("8001-8002:81-82")).toEqual(["|8001|81|tcp", "|8002|82|tcp"]);
  expect(port("target=80,published=8080,protocol=udp")).toEqual(["|8080|80|udp"]);
});

test("ulimits, hosts, devices and sysctls are taken apart", () => {
  const options = run(
    ..."--ulimit nofile=5:-1 --ulimit core=0 --add-host a=[::1] --add-host b:host-gateway".split(
      " ",
    ),
    ..."--device /dev/fuse --device /dev/a:/dev/b:rw --device /dev/c:r".split(" "),
    ..."--sysctl net.ipv4.ip_forward=1".split(" "),
  );
  expect(options.ulimits).toEqual([
    { name: "nofile", soft: 5, hard: -1 },
    { name: "core", soft: 0, hard: 0 },
  ]);
  expect(options.addHosts).toEqual([
    { name: "a", address: "::1" },
    { name: "b", address: "host-gateway" },
  ]);
  expect(options.devices).toEqual([
    { source: "/dev/fuse", target: "/dev/fuse", access: "rwm" },
    { source: "/dev/a", target: "/dev/b", access: "rw" },
    { source: "/dev/c", target: "/dev/c", access: "r" },
  ]);
  expect(options.sysctls).toEqual({ "net.ipv4.ip_forward": "1" });
});

test("--security-opt reads a seccomp profile, switches it off, forbids new privileges", () => {
  inDirectory((dir) => {
    const path = join(dir, "profile.json");
    writeFileSync(path, '{"defaultAction":"SCMP_ACT_ALLOW"}');
    expect(run("--security-opt", `seccomp=${path}`).seccomp).toEqual({
      kind: "profile",
      path,
      json: '{"defaultAction":"SCMP_ACT_ALLOW"}',
    });
  });
  const off = run("--security-opt", "seccomp=unconfined", "--security-opt", "no-new-privileges");
  expect(off).toMatchObject({ seccomp: { kind: "unconfined" }, noNewPrivileges: true });
  expect(run("--security-opt=no-new-privileges:false").noNewPrivileges).toBe(false);
});

test("--cidfile must not exist", () => {
  inDirectory((dir) => {
    const path = join(dir, "cid");
    expect(run("--cidfile", path).cidfile).toBe(path);
    writeFileSync(path, "");
    expect(() => run("--cidfile", path)).toThrow("container ID file found");
  });
});

test("volumes by -v and --mount have a name or none, and options of their own", () => {
  const plain = { type: "volume", readOnly: false, noCopy: false, origin: "volume" } as const;
  expect(run("-v", "/anon", "-v", "data:/d", "-v", "data:/e:ro,nocopy,z").mounts).toEqual([
    { ...plain, name: "", target: "/anon", anonymous: true },
    { ...plain, name: "data", target: "/d", anonymous: false },
    {
      ...plain,
      name: "data",
      target: "/e",
      anonymous: false,
      readOnly: true,
      noCopy: true,
      mode: "ro,nocopy,z",
    },
  ]);
  const mount = "src=data,dst=/m,readonly,volume-nocopy,volume-subpath=a/b,volume-label=x=1," +
    "volume-label=y,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs";
  expect(run("--mount", mount).mounts).toEqual([{
    type: "volume",
    name: "data",
    target: "/m",
    readOnly: true,
    noCopy: true,
    anonymous: false,
    origin: "mount",
    subpath: "a/b",
    labels: { x: "1", y: "" },
    driverOptions: { type: "tmpfs", device: "tmpfs" },
  }]);
  expect(run("--mount", "target=/m").mounts).toMatchObject([{ name: "", anonymous: true }]);
});

test("--volumes-from names containers, whose mounts may be read-only", () => {
  expect(run("--volumes-from", "one", "--volumes-from", "two:ro,z").volumesFrom).toEqual([
    { container: "one", readOnly: false },
    { container: "two", readOnly: true },
  ]);
  expect(run().volumesFrom).toBeUndefined();
});

test.each([
  ["-v", "", "invalid empty volume spec"],
  ["-v", ":/b", "invalid spec: :/b: empty section between colons"],
  ["-v", "/a:/b:c:d", "invalid volume specification: '/a:/b:c:d'"],
  ["-v", "/a:/b:zz", "invalid mode: zz"],
  ["-v", "/a:/b:ro,rw", "invalid mode: ro,rw"],
  ["-v", "/a:b", "invalid mount path: 'b' mount path must be absolute"],
  ["-v", "/a:/b/..", "destination can't be '/'"],
  ["-v", "n:/b", "volume name is too short"],
  ["-v", "../../etc:", "empty section between colons"],
  ["-v", "a\0b:/b", "includes invalid characters for a local volume name"],
  ["-v", ".hidden:/b", "includes invalid characters for a local volume name"],
  ["-v", `${"x".repeat(256)}:/b`, "volume name is longer than 255 characters"],
  ["-v", "name:/b:nocopy,nocopy", "invalid mode: nocopy,nocopy"],
  ["-v", "name:/b:rshared", "invalid mode: rshared"],
  ["-v", "name:/b:zz", "invalid mode: zz"],
  ["-v", "/a:/b:nocopy", "invalid mode: nocopy"],
  ["-v", "a/b:/b", "includes invalid characters for a local volume name"],
  ["-v", "data", "invalid mount path: 'data' mount path must be absolute"],
  ["--volumes-from", ":ro", "malformed volumes-from"],
  ["--volumes-from", "c:rshared", "invalid mode: rshared"],
  ["--mount", "type=bind", "target is required"],
  ["--mount", "foo", "invalid field 'foo' must be a key=value pair"],
  ["--mount", "foo=bar", "unexpected key 'foo' in 'foo=bar'"],
  ["--mount", "type=bind,target=/b", "field Source must not be empty"],
  ["--mount", "type=bind,source=a,target=/b", "invalid mount path: 'a'"],
  ["--mount", "type=bind,source=/a,target=/b,ro=maybe", "invalid value for ro: maybe"],
  ["--mount", "type=bind,source=/a,target=/b,bind-propagation=x", "invalid propagation mode: x"],
  ["--mount", "type=tmpfs,target=/b,tmpfs-mode=999", "invalid value for tmpfs-mode: 999"],
  ["--mount", "type=tmpfs,target=/b,src=/a", "field Source must not be specified"],
  ["--mount", "type=tmpfs,target=/b,bind-propagation=x", "cannot mix 'bind-*' options"],
  ["--mount", "type=image,target=/b", "--mount type=image is not supported by tsbox yet"],
  ["--mount", "target=/b,ro", "must not set ReadOnly mode when using anonymous volumes"],
  ["--mount", "target=/b,volume-subpath=a", "must not set Subpath when using anonymous volumes"],
  ["--mount", "src=vol,target=/b,volume-subpath=/etc", 'invalid Subpath "/etc"'],
  ["--mount", "src=vol,target=/b,volume-subpath=a/../../b", "must be a relative path within"],
  ["--mount", "src=vol,target=/b,volume-driver=nfs", "volume-driver=nfs is not supported"],
  ["--mount", "src=vol,target=/b,volume-opt=type", "invalid value for volume-opt: type"],
  ["--mount", "src=/abs,target=/b", "includes invalid characters for a local volume name"],
  ["--mount", "type=bind,source=/a,target=/b,volume-nocopy=1", "cannot mix 'volume-*' options"],
  ["--mount", 'a"b', "parse error"],
  ["--tmpfs", "foo", "invalid mount path: 'foo'"],
  ["-p", "", "no port specified: <empty>"],
  ["-p", "80:", "no port specified: 80:<empty>"],
  ["-p", "a:b", "invalid containerPort: b"],
  ["-p", "70000:80", "invalid hostPort: 70000"],
  ["-p", "80-70:90", "invalid hostPort: 80-70"],
  ["-p", "1-3:4-5", "invalid ranges specified for container and host Ports: 4-5 and 1-3"],
  ["-p", "1-3:5", "not supported by tsbox yet"],
  ["-p", "80/foo", "invalid proto: foo"],
  ["-p", "1.2.3:80:80", "invalid IP address: 1.2.3"],
  ["-p", "[::1:80:80", "invalid IP address: [::1"],
  ["-e", "=a", 'invalid argument "=a" for "-e, --env" flag: invalid environment variable: =a'],
  ["--env-file", "/nonexistent", "open /nonexistent: no such file or directory"],
  ["--ulimit", "foo=1", 'invalid argument "foo=1" for "--ulimit" flag: invalid ulimit type: foo'],
  ["--ulimit", "foo", "invalid ulimit argument: foo"],
  ["--ulimit", "nofile=a", 'strconv.ParseInt: parsing "a": invalid syntax'],
  ["--ulimit", "nofile=5:3", "must be less than or equal to hard limit: 5 > 3"],
  ["--ulimit", "nofile=-1:5", "soft: -1 (unlimited), hard: 5"],
  ["--ulimit", "nofile=1:2:3", "too many limit value arguments - 1:2:3"],
  ["--shm-size", "abc", "invalid size: 'abc'"],
  ["--shm-size", "-1", "invalid size: '-1'"],
  ["--add-host", "foo", 'bad format for add-host: "foo"'],
  ["--add-host", "foo:bar", 'invalid IP address in add-host: "bar"'],
  ["--dns", "foo", "IP address is not correctly formatted: foo"],
  ["--dns-search", "a b", "a b is not a valid domain"],
  ["--dns-option", "a\nnameserver 6.6.6.6", "DNS option must be one word"],
  ["--device", "/dev/a:/b:zzz", "bad mode specified: zzz"],
  ["--device", "foo", "foo is not an absolute path"],
  ["--sysctl", "foo=bar", "sysctl 'foo=bar' is not allowed"],
  ["--sysctl", "net.x", "sysctl 'net.x' is not allowed"],
  ["--sysctl", "net./../../kernel.core_pattern=x", "is not allowed"],
  ["--security-opt", "foo", 'Invalid --security-opt: "foo"'],
  ["--security-opt", "apparmor=unconfined", "apparmor=unconfined is not supported by tsbox yet"],
  ["--security-opt", "no-new-privileges=maybe", "invalid --security-opt"],
  ["--security-opt", "seccomp=/nonexistent", "opening seccomp profile (/nonexistent) failed"],
  ["--security-opt", "seccomp=/etc/passwd", "is not JSON"],
  ["--label", "", "invalid label '': empty name"],
  ["--label", "a b=c", "label 'a b' contains whitespaces"],
  ["--pull", "foo", "invalid pull option: 'foo'"],
  ["--stop-signal", "foo", "invalid signal: foo"],
  ["--userns", "foo", "--userns: invalid USER mode"],
  ["--userns", "host", "--userns host is not possible without root"],
  ["--pid", "foo", "--pid: invalid PID mode"],
  ["--pid", "container:x", "--pid container:x is not supported by tsbox yet"],
  ["--ipc", "shareable", "--ipc shareable is not supported by tsbox yet"],
  ["--network", "bridge", "--network bridge is not supported by tsbox yet"],
  ["--network", "", "no name set for network"],
  ["--cap-add", "foo", 'invalid CapAdd: unknown capability: "CAP_FOO"'],
  ["--cap-drop", "CAP_ALL", 'invalid CapDrop: unknown capability: "CAP_ALL"'],
  ["-w", "foo", "the working directory 'foo' is invalid, it needs to be an absolute path"],
  ["--hostname", "a b", "invalid hostname format: a b"],
  ["--name", "-", "Invalid container name (-), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"],
])("%s %p is refused", (flag, value, message) => {
  expect(() => run(flag, value)).toThrow(message);
});

test("two mounts on one target are refused", () => {
  expect(() => run("-v", "/a:/x", "--tmpfs", "/x/")).toThrow("Duplicate mount point: /x");
});

test("a sysctl of a namespace that is the host's is refused", () => {
  expect(() => run("--network", "host", "--sysctl", "net.a=1")).toThrow("host network namespace");
  expect(() => run("--ipc", "host", "--sysctl", "kernel.shmmax=1")).toThrow("host IPC namespace");
});
