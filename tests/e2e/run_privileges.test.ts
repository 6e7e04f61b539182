/** `run`: what a container may do: capabilities, system calls, namespaces, devices, ids. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { tsbox, tsboxOk } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers({
    busybox: { passwd: ["alice:x:1000:1000::/home:/bin/sh"], group: ["alice:x:1000:"] },
    layers: [[
      // An applet of busybox that keeps root's rights when it is a setuid program.
      { path: "bin/ping", content: readFileSync("/bin/busybox"), mode: 0o4755 },
      { path: "hers", content: "hers", uid: 1000, gid: 1000, mode: 0o600 },
    ]],
  });
});
afterAll(() => box.stop());

/** Docker's default: 14 capabilities. */
const DEFAULT = 0xa80425fbn;
const bit = (capability: number) => 1n << BigInt(capability);
const [CHOWN, NET_ADMIN, SYS_ADMIN, SYS_TIME] = [0, 12, 21, 25];

/** The capability sets of a container's command. */
async function capabilities(flags: readonly string[]): Promise<Record<string, bigint>> {
  const out = await box.sh(flags, "grep ^Cap /proc/self/status");
  const sets = [...out.matchAll(/^Cap(\w+):\s+([0-9a-f]+)$/gm)];
  return Object.fromEntries(sets.map(([, name = "", mask]) => [name, BigInt(`0x${mask}`)]));
}

describe("capabilities", () => {
  test("--cap-add and --cap-drop change the default set, ALL is all", async () => {
    const flags = ["--cap-add", "net_admin", "--cap-drop", "CAP_CHOWN"];
    const changed = (DEFAULT | bit(NET_ADMIN)) & ~bit(CHOWN);
    expect(await capabilities(flags)).toEqual({
      Inh: 0n,
      Prm: changed,
      Eff: changed,
      Bnd: changed,
      Amb: 0n,
    });
    expect((await capabilities(["--cap-drop", "ALL", "--cap-add", "CHOWN"]))["Bnd"]).toBe(
      bit(CHOWN),
    );
    const all = (await capabilities(["--cap-add", "ALL"]))["Eff"] ?? 0n;
    expect(all & bit(SYS_ADMIN)).not.toBe(0n);
    const allBut = (await capabilities(["--cap-add", "ALL", "--cap-drop", "SYS_TIME"]))["Eff"];
    expect(allBut).toBe(all & ~bit(SYS_TIME));
  });

  test("they are what the kernel goes by", async () => {
    const chown = ["sh", "-c", "touch /x && chown 5 /x"];
    expect((await box.run([], chown)).status).toBe(0);
    expect((await box.run(["--cap-drop", "CHOWN"], chown)).status).toBe(1);
    const mount = ["sh", "-c", "mount -t tmpfs none /mnt 2>/dev/null || mount -t tmpfs none /tmp"];
    expect((await box.run([], mount)).status).not.toBe(0);
    expect((await box.run(["--cap-add", "SYS_ADMIN"], mount)).status).toBe(0);
  });

  test("another user has none, a setuid program has them unless it must not", async () => {
    expect((await capabilities(["-u", "alice"]))["Eff"]).toBe(0n);
    const ping = ["/bin/ping", "-c", "1", "127.0.0.1"];
    expect((await box.run(["-u", "alice"], ping)).status).toBe(0);
    const flags = ["-u", "alice", "--security-opt", "no-new-privileges"];
    expect((await box.run(flags, ping)).stderr).toContain("permission denied");
  });

  test("one that there is not is refused", async () => {
    const { stderr, status } = await box.run(["--cap-add", "FLY"], ["true"]);
    expect(stderr).toContain('invalid CapAdd: unknown capability: "CAP_FLY"');
    expect(status).toBe(125);
  });
});

describe("--security-opt", () => {
  test("no-new-privileges is set, and the filter is loaded all the same", async () => {
    const script = "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status";
    expect(await box.sh([], script)).toBe("NoNewPrivs:\t0\nSeccomp:\t2\n");
    for (const user of ["root", "alice"]) {
      const flags = ["--security-opt", "no-new-privileges", "-u", user];
      expect(await box.sh(flags, script)).toBe("NoNewPrivs:\t1\nSeccomp:\t2\n");
    }
  });

  test("seccomp=unconfined loads none, and lets through what the default refuses", async () => {
    const script = "unshare -U true 2>/dev/null; echo $?; grep Seccomp: /proc/self/status";
    expect(await box.sh([], script)).toBe("1\nSeccomp:\t2\n");
    expect(await box.sh(["--security-opt", "seccomp=unconfined"], script)).toBe(
      "0\nSeccomp:\t0\n",
    );
  });

  test("seccomp=FILE is docker's format, from the current folder", async () => {
    const names = ["mkdir", "mkdirat"];
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
      syscalls: [{ names, action: "SCMP_ACT_ERRNO", errnoRet: 38 }],
    };
    writeFileSync(`${box.home.path}/profile.json`, JSON.stringify(profile));
    const { stderr, status } = await box.run(["--security-opt", "seccomp=profile.json"], [
      ...["mkdir", "/made"],
    ]);
    expect(stderr).toContain("Function not implemented");
    expect(status).toBe(1);
  });

  test("seccomp=FILE that is none is refused", async () => {
    writeFileSync(`${box.home.path}/broken.json`, "{");
    for (
      const [file, words] of [["broken.json", "is not JSON"], ["none.json", "failed"]] as const
    ) {
      const { stderr, status } = await box.run(["--security-opt", `seccomp=${file}`], ["true"]);
      expect(stderr).toContain(words);
      expect(stderr).toContain(file);
      expect(status).toBe(125);
    }
  });
});

describe("namespaces", () => {
  const links = (names: string[]) =>
    names.map((name) => `readlink /proc/self/ns/${name}`).join("; ");
  const own = (name: string) => readlinkSync(`/proc/self/ns/${name}`);
  const ALL = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"];

  test("all are the container's own", async () => {
    const found = (await box.sh([], links(ALL))).trim().split("\n");
    expect(found.length).toBe(ALL.length);
    found.forEach((link, i) => expect(link).not.toBe(own(ALL[i] ?? "")));
  });

  test("--pid host and --ipc host share those, and only those", async () => {
    const found = await box.sh(["--pid", "host", "--ipc", "host"], links(ALL));
    const shared = ALL.filter((name) => found.includes(own(name)));
    expect(shared).toEqual(["pid", "ipc"]);
    expect(await box.sh(["--pid", "host"], `cat /proc/${process.pid}/comm`)).toBe(
      readFileSync("/proc/self/comm", "utf8"),
    );
    expect(await box.sh([], "ls -d /proc/[0-9]* | head -n 1")).toBe("/proc/1\n");
  });

  test("the host's name stays the host's", async () => {
    const flags = ["-h", "inside", "--cap-add", "SYS_ADMIN"];
    expect(await box.sh(flags, "hostname; hostname changed && hostname")).toBe("inside\nchanged\n");
    expect(readFileSync("/proc/sys/kernel/hostname", "utf8").trim()).toBe(hostname());
  });

  test("ids map to the caller's and its subordinate ones; files keep their owners", async () => {
    const out = await box.sh([], "cat /proc/self/uid_map; stat -c %u:%g /hers; ls -ldn /root");
    expect(out).toMatch(new RegExp(`^ +0 +${process.getuid?.()} +1\\n +1 +\\d{5,} +\\d{4,}\\n`));
    expect(out).toContain("\n1000:1000\n");
    expect(await box.sh(["-u", "alice"], "cat /hers")).toBe("hers");
  });
});

describe("--userns single", () => {
  test("has one id: the caller's, as root", async () => {
    const { reference } = await pushImage(box.registry, "single");
    const words = ["run", "--rm", "-q", "--network", "none", "--userns", "single", reference];
    const script = "id -u; cat /proc/self/uid_map; echo x >/made && stat -c %u /made";
    const out = await tsboxOk([...words, "sh", "-c", script], { home: box.home });
    expect(out).toMatch(new RegExp(`^0\\n +0 +${process.getuid?.()} +1\\n0\\n$`));
  });

  test("other users are refused with a reason", async () => {
    const { stderr, status } = await box.run(["--userns", "single", "-u", "1000"], ["true"]);
    expect(stderr).toContain("Cannot run with user id 1000");
    expect(status).toBe(125);
    expect(box.leftovers()).toEqual([]);
  });
});

describe("--device", () => {
  test("gives a device of the host's, under another name too", async () => {
    const flags = ["--device", "/dev/zero:/dev/mine", "--device", "/dev/fuse"];
    const script = "head -c 3 /dev/mine | od -An -tx1; stat -c %t:%T /dev/mine; test -c /dev/fuse";
    expect(await box.sh(flags, script)).toBe(" 00 00 00\n1:5\n");
    expect((await box.run([], ["test", "-e", "/dev/fuse"])).status).toBe(1);
  });

  test("the default ones work", async () => {
    const script = "echo x >/dev/null; head -c 2 /dev/urandom | wc -c; echo x >/dev/full; ls /dev";
    const { stdout, stderr } = await box.run([], ["sh", "-c", script]);
    expect(stdout).toStartWith("2\n");
    expect(stderr).toContain("No space left on device");
    const names = stdout.split("\n").slice(1, -1).sort();
    expect(names).toEqual(
      "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
        .split(" "),
    );
  });

  test("what is no device is refused by name", async () => {
    for (const path of ["/etc/passwd", "/dev/none"]) {
      const { stderr, status } = await box.run(["--device", path], ["true"]);
      expect(stderr).toContain(
        `error gathering device information while adding custom device "${path}"`,
      );
      expect(status).toBe(125);
      expect(box.leftovers()).toEqual([]);
    }
  });
});

test("what a container leaves in the store belongs to nobody's root", async () => {
  const { status } = await tsbox(box.words([], ["touch", "/x"]), { home: box.home });
  expect(status).toBe(0);
  expect(statSync(box.home.dataRoot).mode & 0o777).toBe(0o700);
});
