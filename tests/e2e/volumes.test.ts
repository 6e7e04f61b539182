/** Volumes: by `run`, by the image, by other containers, and by the commands of `volume`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { onTerminal, TSBOX, tsbox, tsboxOk } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers({
    config: { Cmd: ["sh"], Volumes: { "/vol": {} } },
    layers: [
      [
        { path: "vol/", type: "directory", mode: 0o1775, uid: 1000, gid: 50 },
        { path: "vol/seed", content: "from the image\n", mode: 0o640, uid: 1000, gid: 50 },
        { path: "seeded/", type: "directory", mode: 0o750, uid: 33, gid: 33 },
        { path: "seeded/sub/", type: "directory", mode: 0o700, uid: 33 },
        { path: "seeded/sub/deep", content: "deep\n", uid: 44, mode: 0o4711 },
        { path: "seeded/gone", content: "gone\n" },
        { path: "seeded/out", type: "symlink", target: "/etc/passwd" },
        { path: "link", type: "symlink", target: "seeded/sub/.." },
        { path: "host-etc", type: "symlink", target: "../../../../../../etc" },
        { path: "dangling", type: "symlink", target: "/nowhere/at/all" },
        { path: "round", type: "symlink", target: "round" },
        { path: "a-file", content: "file\n" },
      ],
      [
        { path: "seeded/", type: "directory", mode: 0o750, uid: 33, gid: 33 },
        { path: "seeded/.wh.gone" },
        { path: "seeded/upper", content: "upper\n" },
      ],
    ],
  });
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });
const names = async () =>
  (await ok("volume", "ls", "-q")).split("\n").filter((name) => name !== "");
const inspect = async (name: string) => JSON.parse(await ok("inspect", name))[0];
/** A container that has ended and stays. */
const keep = (name: string, flags: string[], script = "true") =>
  ok("run", "--network", "none", "--name", name, ...flags, box.image, "sh", "-c", script);
const volumePath = (name: string) => join(box.home.dataRoot, "volumes", name);

describe("a named volume", () => {
  test("is made when it is first used, keeps what is in it, and is shared", async () => {
    await box.sh(["-v", "kept:/data"], "echo one >/data/file");
    expect(await box.sh(["-v", "kept:/other/place"], "cat /other/place/file")).toBe("one\n");
    expect(await names()).toContain("kept");
    const { stderr } = await box.run(["-v", "kept:/data:ro"], ["touch", "/data/x"]);
    expect(stderr).toContain("Read-only file system");
    expect(await box.sh(["--read-only", "-v", "kept:/data"], "echo two >/data/x; cat /data/x"))
      .toBe(
        "two\n",
      );
  });

  test("gets the image's content with owners, modes and links when it is empty, once", async () => {
    const look = "cd /m; stat -c '%n %u:%g %a' . sub sub/deep upper; cat upper; readlink out; ls";
    const expected = ". 33:33 750\nsub 33:0 700\nsub/deep 44:0 4711\nupper 0:0 644\nupper\n" +
      "/etc/passwd\nout\nsub\nupper\n";
    await box.sh(["-v", "filled:/seeded"], "true");
    expect(await box.sh(["-v", "filled:/m"], look)).toBe(expected);
    await box.sh(
      ["-v", "filled:/seeded"],
      "rm -r /seeded/sub /seeded/out; echo mine >/seeded/upper",
    );
    expect(await box.sh(["-v", "filled:/seeded"], "cat /seeded/upper; ls /seeded")).toBe(
      "mine\nupper\n",
    );
    expect(readdirSync(volumePath("filled")).sort()).toEqual(["_data", "lock", "volume.json"]);
  });

  test("gets nothing with nocopy, and its content later all the same", async () => {
    expect(await box.sh(["-v", "bare:/seeded:nocopy"], "ls -A /seeded; stat -c %a /seeded")).toBe(
      "755\n",
    );
    const mount = "type=volume,source=bare,target=/seeded,volume-nocopy";
    expect(await box.sh(["--mount", mount], "ls -A /seeded")).toBe("");
    expect(await box.sh(["-v", "bare:/seeded"], "ls -A /seeded")).toBe("out\nsub\nupper\n");
  });

  test("takes the content from where a link of the image leads inside it", async () => {
    expect(await box.sh(["-v", "linked:/link"], "ls /seeded")).toBe("out\nsub\nupper\n");
    const out = await box.sh(["-v", "climbing:/host-etc"], "ls /etc");
    expect(out).not.toContain("os-release");
    expect(await box.sh(["-v", "climbing:/m"], "cat /m/passwd | wc -l")).toBe("3\n");
    for (const path of ["/dangling", "/round", "/none/such"]) {
      const { status, stdout } = await box.run(["-v", `at${path.replaceAll("/", "-")}:${path}`], [
        ...["sh", "-c", `ls -A ${path}`],
      ]);
      expect([0, 125]).toContain(status);
      expect(stdout).toBe("");
    }
    expect((await box.run(["-v", "on-file:/a-file"], ["true"])).status).toBe(125);
  });

  test("with a single id belongs to root, and what nobody owns is left out", async () => {
    const script = "stat -c %u:%g /var; touch /var/x; stat -c %u /var/x; ls -A /vol";
    const { stdout, stderr, status } = await box.run(["--userns", "single", "-v", "single:/var"], [
      ...["sh", "-c", script],
    ]);
    expect({ stdout, status, stderr }).toMatchObject({ stdout: "0:0\n0\n", status: 0 });
    // The image was unpacked with more ids, so what others own in it is nobody's now.
    expect(stderr).toContain("/vol of the image was not copied into its volume");
  });

  test("is filled by one of many that start at once, and is whole for all", async () => {
    const runs = Array.from(
      { length: 6 },
      () => box.sh(["-v", "race:/seeded"], "ls /seeded | wc -l; cat /seeded/sub/deep"),
    );
    expect(new Set(await Promise.all(runs))).toEqual(new Set(["3\ndeep\n"]));
  });

  test("that runs in a container already is filled where it is", async () => {
    const words = box.words(["-v", "live:/m", "--name", "live"], [
      ...["sh", "-c", "until [ -e /m/upper ]; do usleep 20000; done; cat /m/upper; touch /m/seen"],
    ]);
    const first = tsbox(words, { home: box.home, timeout: 20_000 });
    await until("it runs", () =>
      readdirSync(join(box.home.dataRoot, "names")).includes("live") &&
      existsSync(volumePath("live")));
    await box.sh(["-v", "live:/seeded"], "true");
    expect(await first).toMatchObject({ stdout: "upper\n", status: 0 });
    expect(await box.sh(["-v", "live:/m"], "ls /m")).toBe("out\nseen\nsub\nupper\n");
  });

  test("whose filling was cut is filled anew, or to its end", async () => {
    await ok("volume", "create", "cut");
    // As a worker leaves it that was killed while it copied ...
    mkdirSync(join(volumePath("cut"), "filling"));
    writeFileSync(join(volumePath("cut"), "filling/half"), "");
    expect(await box.sh(["-v", "cut:/seeded"], "ls /seeded")).toBe("out\nsub\nupper\n");
    expect(readdirSync(volumePath("cut")).sort()).toEqual(["_data", "lock", "volume.json"]);
    // ... and while it moved what it had copied.
    await ok("volume", "create", "cut2");
    mkdirSync(join(volumePath("cut2"), "arriving"));
    for (const place of ["arriving/rest", "_data/moved"]) {
      writeFileSync(join(volumePath("cut2"), place), "");
    }
    expect(await box.sh(["-v", "cut2:/seeded:nocopy"], "ls /seeded")).toBe("moved\nrest\n");
    expect(existsSync(join(volumePath("cut2"), "arriving"))).toBe(false);
  });
});

describe("volume-subpath", () => {
  test("mounts a folder or a file of the volume", async () => {
    await box.sh(["-v", "parts:/m"], "mkdir -p /m/a/b; echo x >/m/a/b/file; ln -s b /m/a/link");
    const mount = (path: string, target = "/p") => [
      "--mount",
      `source=parts,target=${target},volume-subpath=${path}`,
    ];
    expect(await box.sh(mount("a/b"), "ls /p")).toBe("file\n");
    expect(await box.sh(mount("a/link"), "ls /p")).toBe("file\n");
    expect(await box.sh(mount("a/b/file", "/p.txt"), "cat /p.txt")).toBe("x\n");
    // In a folder that only a user of the container may enter.
    await box.sh(["-v", "parts:/m"], "mkdir -p /m/own/in; chown -R 33 /m/own; chmod 700 /m/own");
    expect(await box.sh(mount("own/in"), "touch /p/made; ls /p")).toBe("made\n");
    const { stderr, status } = await box.run(mount("none"), ["true"]);
    expect(status).toBe(125);
    expect(stderr).toContain('"none" of the volume');
  });

  test("cannot leave the volume by links", async () => {
    const secret = join(box.home.path, "secret");
    mkdirSync(secret, { recursive: true });
    const links = ["/", "..", "../..", secret, "/proc/self/root"];
    const make = links.map((target, i) => `ln -sn ${target} /m/l${i}`).join("; ");
    await box.sh(["-v", "hostile:/m"], make);
    for (const i of links.keys()) {
      for (const path of [`l${i}`, `l${i}/tmp`]) {
        const mount = `source=hostile,target=/p,volume-subpath=${path}`;
        const { status, stderr, stdout } = await box.run(["--mount", mount], ["ls", "/p"]);
        expect({ status, stdout }).toEqual({ status: 125, stdout: "" });
        expect(stderr).toMatch(/EXDEV|ELOOP|ENOENT/);
      }
    }
  });
});

describe("anonymous volumes", () => {
  test("go with --rm, image's and the user's, and nothing of them is left", async () => {
    const before = await names();
    expect(await box.sh(["-v", "/mine"], "echo x >/mine/x; cat /vol/seed; stat -c %u:%g:%a /vol"))
      .toBe("from the image\n1000:50:1775\n");
    expect(await names()).toEqual(before);
    expect(box.leftovers()).toEqual([]);
  });

  test("stay with a container that stays; rm leaves them, rm -v does not", async () => {
    const before = await names();
    await keep("anon", ["-v", "/mine"]);
    const { Mounts, Config } = await inspect("anon");
    expect(Mounts).toHaveLength(2);
    for (const mount of Mounts) {
      expect(mount).toEqual({
        Type: "volume",
        Name: expect.stringMatching(/^[0-9a-f]{64}$/),
        Source: `${volumePath(mount.Name)}/_data`,
        Destination: expect.stringMatching(/^\/(mine|vol)$/),
        Driver: "local",
        Mode: "",
        RW: true,
        Propagation: "",
      });
    }
    expect(Object.keys(Config.Volumes).sort()).toEqual(["/mine", "/vol"]);
    await ok("rm", "anon");
    expect((await names()).length).toBe(before.length + 2);
    await keep("anon", ["-v", "/mine"]);
    await ok("rm", "-v", "anon");
    expect((await names()).length).toBe(before.length + 2);
    await ok("volume", "rm", ...Mounts.map(({ Name }: { Name: string }) => Name));
  });

  test("that another container uses stay with it", async () => {
    await keep("giver", ["-v", "/mine"], "echo x >/mine/x");
    await keep("taker", ["--volumes-from", "giver"], "cat /mine/x");
    const [mount] = (await inspect("giver")).Mounts;
    await ok("rm", "-v", "giver");
    expect(await names()).toContain(mount.Name);
    await ok("rm", "-v", "taker");
    expect(await names()).not.toContain(mount.Name);
  });

  test("of a run that was killed go when the next command cleans up", async () => {
    const before = await names();
    const child = Bun.spawn([
      TSBOX,
      ...box.words(["-v", "/mine", "--name", "killed"], [
        ...["sleep", "30"],
      ]),
    ], { env: box.home.env, cwd: box.home.path, stdio: ["ignore", "ignore", "ignore"] });
    await until(
      "it runs",
      () =>
        readdirSync(join(box.home.dataRoot, "volumes")).length > before.length &&
        readdirSync(join(box.home.dataRoot, "names")).includes("killed"),
    );
    child.kill("SIGKILL");
    await child.exited;
    await until("it is gone", () => {
      Bun.spawnSync([TSBOX, "ps"], { env: box.home.env });
      return readdirSync(join(box.home.dataRoot, "containers")).length === 0;
    });
    expect(await names()).toEqual(before);
  });
});

describe("--volumes-from", () => {
  test("takes over binds and volumes at their places, read-only when asked", async () => {
    const folder = mkdtempSync(join(box.home.path, "shared-"));
    await keep("source", ["-v", "from:/named", "-v", `${folder}:/bound`, "--tmpfs", "/memory"]);
    const flags = ["--volumes-from", "source"];
    expect(await box.sh(flags, "touch /named/a /bound/b; ls -d /memory 2>/dev/null || :")).toBe("");
    expect(existsSync(join(folder, "b"))).toBe(true);
    const { stderr } = await box.run(["--volumes-from", "source:ro"], ["touch", "/named/no"]);
    expect(stderr).toContain("Read-only file system");
    expect(await box.sh([...flags, "--tmpfs", "/named"], "ls /named")).toBe("");
    await ok("rm", "source");
    const { stderr: gone, status } = await box.run(flags, ["true"]);
    expect({ gone, status }).toEqual({ gone: "tsbox: No such container: source\n", status: 125 });
  });
});

describe("containers that are started later or in the background", () => {
  test("have their volumes from create on, filled once, and keep them through all their lives", async () => {
    const words = [
      "create",
      "--network",
      "none",
      "--name",
      "later",
      "-v",
      "/anon",
      "-v",
      "cr:/seeded",
    ];
    await ok(...words, box.image, "sh", "-c", "date +%N >>/anon/lives; rm -f /seeded/upper");
    const mounts = (await inspect("later")).Mounts;
    expect(mounts.map(({ Name }: { Name: string }) => Name)).toContain("cr");
    expect(await box.sh(["-v", "cr:/m"], "ls /m")).toBe("out\nsub\nupper\n");
    for (let i = 0; i < 2; i++) await ok("start", "-a", "later");
    expect((await inspect("later")).Mounts).toEqual(mounts);
    expect(await box.sh(["--volumes-from", "later"], "wc -l </anon/lives; ls /seeded")).toBe(
      "2\nout\nsub\n",
    );
    await ok("rm", "-v", "later");
    const left = await names();
    expect(mounts.filter(({ Name }: { Name: string }) => left.includes(Name))).toMatchObject([
      { Name: "cr" },
    ]);
  });

  test("take over from others once, and need those no more", async () => {
    await keep("origin", ["-v", "/mine"], "echo x >/mine/x");
    const flags = ["create", "--network", "none", "--name", "heir", "--volumes-from", "origin"];
    await ok(...flags, box.image, "cat", "/mine/x");
    await ok("rm", "-v", "origin");
    expect(await ok("start", "-a", "heir")).toBe("x\n");
    await ok("rm", "-v", "heir");
  });

  test("do not start with an empty volume in place of one that is gone", async () => {
    await keep("lost", ["-v", "/mine", "-v", "lost-data:/m"]);
    renameSync(volumePath("lost-data"), join(box.home.path, "lost-data"));
    const { status, stderr } = await tsbox(["start", "-a", "lost"], { home: box.home });
    expect(status).not.toBe(0);
    expect(stderr).toContain("no such volume: lost-data");
    const heir = await box.run(["--volumes-from", "lost"], ["true"]);
    expect(heir.status).toBe(125);
    expect(heir.stderr).toContain("no such volume: lost-data");
    expect(await names()).not.toContain("lost-data");
    await ok("rm", "-v", "lost");
  });

  test("in the background with --rm take their anonymous volumes with them", async () => {
    const before = await names();
    const words = ["run", "-d", "--rm", "--network", "none", "-v", "/anon", "-v", "bg:/named"];
    const id = (await ok(...words, box.image, "sh", "-c", "echo x >/named/x; sleep 0.2")).trim();
    const directory = join(box.home.dataRoot, "containers", id);
    await until("it is gone", () => !existsSync(directory));
    expect(await names()).toEqual([...before, "bg"].sort());
    expect(await box.sh(["-v", "bg:/m"], "cat /m/x")).toBe("x\n");
  });
});

describe("tsbox volume", () => {
  test("create and inspect tell what docker tells", async () => {
    expect(await ok("volume", "create", "--label", "a=1", "--label", "b", "told")).toBe("told\n");
    expect(await ok("volume", "create", "told")).toBe("told\n");
    const [told] = JSON.parse(await ok("volume", "inspect", "told"));
    expect(told).toEqual({
      CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      Driver: "local",
      Labels: { a: "1", b: "" },
      Mountpoint: `${volumePath("told")}/_data`,
      Name: "told",
      Options: null,
      Scope: "local",
    });
    expect(await ok("inspect", "-f", "{{.Driver}} {{.Labels.a}}", "told")).toBe("local 1\n");
    expect(await ok("volume", "inspect", "-f", "{{.Mountpoint}}", "told")).toBe(
      `${told.Mountpoint}\n`,
    );
    const anonymous = (await ok("volume", "create")).trim();
    expect(anonymous).toMatch(/^[0-9a-f]{64}$/);
    expect((await inspect(anonymous)).Labels).toEqual({ "com.docker.volume.anonymous": "" });
    const missing = await tsbox(["volume", "inspect", "none"], { home: box.home });
    expect(missing).toEqual({
      stdout: "[]\n",
      stderr: "tsbox: get none: no such volume\n",
      status: 1,
    });
    await ok("volume", "rm", "told", anonymous);
  });

  test("names and drivers that lead elsewhere are refused and make nothing", async () => {
    const before = await names();
    for (const name of ["..", "../up", "a/b", "/abs", "-x", ".dot", "x", "nul\n", "é".repeat(3)]) {
      const { status, stderr } = await tsbox(["volume", "create", "--", name], { home: box.home });
      expect({ name, status }).toEqual({ name, status: 1 });
      expect(stderr).toMatch(/invalid characters|too short/);
      for (const verb of ["inspect", "rm"]) {
        expect((await tsbox(["volume", verb, "--", name], { home: box.home })).status).toBe(1);
      }
    }
    const driver = await tsbox(["volume", "create", "-d", "nfs", "x1"], { home: box.home });
    expect(driver.stderr).toContain("error looking up volume plugin nfs");
    for (
      const [option, message] of [
        ["foo=1", 'invalid option: "foo"'],
        ["size=1g", "quota size requested but no quota support"],
        ["type=nfs", "missing device"],
      ] as const
    ) {
      const { status, stderr } = await tsbox(["volume", "create", "-o", option, "x1"], {
        home: box.home,
      });
      expect(status).toBe(1);
      expect(stderr).toContain(message);
    }
    const nfs = ["-o", "type=nfs", "-o", "device=:/x", "-o", "o=addr=1.2.3.4"];
    const { stderr } = await tsbox(["volume", "create", ...nfs, "x1"], { home: box.home });
    expect(stderr).toContain("not supported by tsbox");
    expect(await names()).toEqual(before);
  });

  test("ls shows columns and fields, and filters", async () => {
    await ok("volume", "create", "--label", "set=ls", "ls-used");
    await ok("volume", "create", "--label", "set=ls", "--label", "x=y", "ls-free");
    await keep("user", ["-v", "ls-used:/m"]);
    const ls = (...args: string[]) => ok("volume", "ls", "--filter", "label=set=ls", ...args);
    expect(await ls()).toBe("DRIVER    VOLUME NAME\nlocal     ls-free\nlocal     ls-used\n");
    expect(await ls("-q", "--filter", "dangling=true")).toBe("ls-free\n");
    expect(await ls("-q", "--filter", "dangling=0")).toBe("ls-used\n");
    expect(await ls("-q", "--filter", "name=us")).toBe("ls-used\n");
    expect(await ls("-q", "--filter", "label=x")).toBe("ls-free\n");
    expect(await ls("-q", "--filter", "driver=nfs")).toBe("");
    expect(await ls("--format", '{{.Name}} {{.Scope}} {{.Label "x"}}')).toBe(
      "ls-free local y\nls-used local \n",
    );
    expect(JSON.parse((await ls("--format", "json")).split("\n")[0] ?? "")).toMatchObject({
      Name: "ls-free",
      Labels: "set=ls,x=y",
      Size: "N/A",
    });
    const ps = (filter: string) =>
      ok("ps", "-a", "--format", "{{.Names}} {{.Mounts}} {{.LocalVolumes}}", "-f", filter);
    expect(await ps("volume=ls-used")).toMatch(/^user ls-used,[0-9a-f]{14}… 2\n$/);
    expect(await ps("volume=/m")).toStartWith("user ");
    expect(await ps("volume=ls-free")).toBe("");
    await ok("rm", "-v", "user");
    await ok("volume", "rm", "ls-used", "ls-free");
  });

  test("rm refuses what a container uses, and takes files of all owners away", async () => {
    const id =
      (await keep("holder", ["-v", "held:/m"], "mkdir /m/d; chown 55 /m/d; chmod 0 /m/d"),
        (await inspect("holder")).Id);
    const refused = await tsbox(["volume", "rm", "held"], { home: box.home });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain(`remove held: volume is in use - [${id}]`);
    expect((await tsbox(["volume", "rm", "-f", "held"], { home: box.home })).status).toBe(1);
    await ok("rm", "-v", "holder");
    expect(await names()).toContain("held");
    expect(await ok("volume", "rm", "held")).toBe("held\n");
    expect(existsSync(volumePath("held"))).toBe(false);
    expect(box.leftovers()).toEqual([]);
    const none = await tsbox(["volume", "rm", "held"], { home: box.home });
    expect(none).toEqual({ stdout: "", stderr: "tsbox: get held: no such volume\n", status: 1 });
    expect(await ok("volume", "rm", "-f", "held")).toBe("held\n");
  });

  test("prune takes anonymous ones, with -a all that no container uses, and tells the space", async () => {
    await ok("volume", "prune", "-f");
    await keep(
      "pruner",
      ["-v", "pruned:/m", "-v", "/x"],
      "head -c 5000 /dev/zero >/m/big; cp /m/big /x",
    );
    await ok("volume", "create", "--label", "keep", "labelled");
    const [anonymous] = (await inspect("pruner")).Mounts
      .filter((mount: { Destination: string }) => mount.Destination === "/x");
    expect(await ok("volume", "prune", "-f")).toBe("Total reclaimed space: 0B\n");
    await ok("rm", "pruner");
    const out = await ok("volume", "prune", "-f");
    expect(out).toStartWith("Deleted Volumes:\n");
    expect(out).toContain(`${anonymous.Name}\n`);
    // The image's own volume has 15 bytes.
    expect(out).toEndWith("\n\nTotal reclaimed space: 5.015kB\n");
    expect(await names()).toContain("pruned");
    await ok("volume", "prune", "-a", "-f", "--filter", "label!=keep");
    expect(await names()).toEqual(["labelled"]);
    const clash = await tsbox(["volume", "prune", "-a", "--filter", "all=1"], { home: box.home });
    expect(clash.stderr).toContain("conflicting options");
    const session = onTerminal([TSBOX, "volume", "prune", "-a"], { home: box.home });
    await session.waitFor(/all local volumes not used.*\s+.*\[y\/N\] /);
    session.type("n\r");
    expect(await session.exited).toBe(0);
    expect(await names()).toEqual(["labelled"]);
    const yes = await tsbox(["volume", "prune", "--filter", "all=true"], {
      home: box.home,
      stdin: "y\n",
    });
    expect(yes.stdout).toContain("[y/N] Deleted Volumes:\nlabelled\n");
    expect(await names()).toEqual([]);
  });

  test("-o type=tmpfs is memory, -o o=bind another folder", async () => {
    const tmpfs = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=700"];
    await ok("volume", "create", ...tmpfs, "memory");
    const look = "df -k /m | tail -1 | awk '{print $2}'; stat -c %a /m; touch /m/x";
    expect(await box.sh(["-v", "memory:/m"], look)).toBe("1024\n700\n");
    const folder = mkdtempSync(join(box.home.path, "device-"));
    await ok(
      "volume",
      "create",
      "-o",
      "o=bind",
      "-o",
      `device=${folder}`,
      "-o",
      "type=none",
      "dev",
    );
    await box.sh(["-v", "dev:/m"], "echo x >/m/made");
    expect(readFileSync(join(folder, "made"), "utf8")).toBe("x\n");
    renameSync(folder, `${folder}-moved`);
    const { stderr, status } = await box.run(["-v", "dev:/m"], ["true"]);
    expect(status).toBe(125);
    expect(stderr).toContain(`no such file or directory: ${folder}`);
    await ok("volume", "rm", "memory", "dev");
    expect(readFileSync(join(`${folder}-moved`, "made"), "utf8")).toBe("x\n");
  });
});

test("a volume whose data is a link is not followed", async () => {
  await ok("volume", "create", "swapped");
  const data = join(volumePath("swapped"), "_data");
  renameSync(data, `${data}.old`);
  symlinkSync("/etc", data);
  const { status, stderr } = await box.run(["-v", "swapped:/m"], ["ls", "/m"]);
  expect(status).toBe(125);
  expect(stderr).toContain('Cannot use the volume "swapped"');
  expect((await tsbox(["volume", "rm", "swapped"], { home: box.home })).status).toBe(1);
  await ok("volume", "rm", "-f", "swapped");
  expect(lstatSync("/etc").isDirectory()).toBe(true);
  expect(existsSync("/etc/passwd")).toBe(true);
});

test("a full disk while a volume is filled fails the run and leaves no half of it", async () => {
  const script = `
    mount -t tmpfs -o size=64m tmpfs "$XDG_DATA_HOME" || exit 9
    ${TSBOX} pull -q ${box.image} >/dev/null; echo "pull $?"
    ${TSBOX} volume create full
    head -c 100m /dev/zero >"$XDG_DATA_HOME/filler" 2>/dev/null
    ${TSBOX} run --rm --network none -v full:/bin ${box.image} true; echo "run $?"
    ${TSBOX} volume create more; echo "create $?"
    rm "$XDG_DATA_HOME/filler"
    ls -A "$XDG_DATA_HOME/tsbox/volumes/full/_data"; ls -A "$XDG_DATA_HOME/tsbox/volumes"
    ${TSBOX} run --rm --network none -v full:/m ${box.image} ls -A /m
    ${TSBOX} run --rm --network none -v full:/bin ${box.image} sh -c 'ls /bin | wc -l >/dev/null'; echo "run $?"
    ls -A "$XDG_DATA_HOME/tsbox/containers" "$XDG_DATA_HOME/tsbox/tmp"`;
  const shell = Bun.spawn(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script], {
    cwd: box.home.path,
    env: box.home.env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  const [out, err] = await Promise.all([shell.stdout.text(), shell.stderr.text()]);
  expect(out).toMatch(/^pull 0\nfull\nrun 125\ncreate 1\nfull\nrun 0\n/);
  expect(err).toMatch(/ENOSPC|No space left/);
});

test("what a killed maker has left is no volume, and goes with the next one", async () => {
  const before = await names();
  mkdirSync(join(box.home.dataRoot, "volumes/.new/_data"), { recursive: true });
  expect(await names()).toEqual(before);
  await ok("volume", "create", "after");
  expect(readdirSync(join(box.home.dataRoot, "volumes"))).not.toContain(".new");
  await ok("volume", "rm", "after");
});

test("a plan of a run with volumes makes none", async () => {
  const before = await names();
  const out = await ok(...box.words(["--debug-plan", "-v", "planned:/m", "-v", "/anon"], ["true"]));
  expect(out).toContain("volumes/planned/_data");
  expect(await names()).toEqual(before);
});
