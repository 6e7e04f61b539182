/** Ways out of a container that have worked somewhere before, and what a container must not see or change. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Arena } from "../../src/ffi/arena.ts";
import { IMAGE_BASE, toElf } from "../../src/ffi/elf.ts";
import type { SyscallName } from "../../src/ffi/libc.ts";
import { Program } from "../../src/ffi/program.ts";
import { type Home, makeHome, TSBOX, tsbox } from "../support/cli.ts";
import { pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import type { TarEntry } from "../support/tar.ts";

/** Docker's default set, as CapEff of /proc/PID/status shows it. */
const DOCKER_CAPABILITIES = "00000000a80425fb";
const NONE = "0000000000000000";
const SECRET = "the-callers-secret";

const EPERM = 1;
const ENOSYS = 38;

interface Call {
  /** What it would give. */
  why: string;
  call: SyscallName;
  args: readonly (number | "/tmp")[];
  errno: number;
}

const CALLS: readonly Call[] = [
  { why: "the caller's keys", call: "keyctl", args: [0, -3, 0], errno: EPERM },
  { why: "a user namespace", call: "unshare", args: [0x10000000], errno: EPERM },
  { why: "mounts of its own", call: "unshare", args: [0x20000], errno: EPERM },
  { why: "another namespace", call: "setns", args: [-1, 0], errno: EPERM },
  // ENOSYS: so that programs take clone, whose flags the filter can see.
  { why: "flags that cannot be filtered", call: "clone3", args: [0, 0], errno: ENOSYS },
  { why: "a mount", call: "mount", args: ["/tmp", "/tmp", 0, 0x1000, 0], errno: EPERM },
  { why: "a mount to move", call: "open_tree", args: [-100, "/tmp", 1], errno: EPERM },
  { why: "a file system", call: "fsopen", args: [0, 0], errno: EPERM },
  { why: "a moved mount", call: "move_mount", args: [-1, 0, -1, 0, 0], errno: EPERM },
  { why: "another root", call: "pivot_root", args: ["/tmp", "/tmp"], errno: EPERM },
  { why: "another host name", call: "sethostname", args: ["/tmp", 4], errno: EPERM },
];

let registry: RegistryProcess;
let home: Home;
let image = "";

beforeAll(async () => {
  registry = await startRegistry();
  home = makeHome();
  const entries: TarEntry[] = [
    { path: "bin/self", type: "symlink", target: "/proc/self/exe" },
    ...CALLS.map((call, i) => ({ path: `calls/${i}`, content: callProgram(call), mode: 0o755 })),
    { path: "interpreted", content: "#!/proc/self/exe\n", mode: 0o755 },
  ];
  image = (await pushImage(registry, "escape", { layers: [entries] })).reference;
});
afterAll(async () => {
  home.remove();
  await registry.stop();
});

async function run(command: readonly string[], flags: readonly string[] = []) {
  const alone = flags.includes("--network") ? [] : ["--network", "none"];
  const arguments_ = ["run", "--rm", ...alone, ...flags, image, ...command];
  return await tsbox(arguments_, { home, env: { TSBOX_TEST_SECRET: SECRET }, timeout: 20_000 });
}

/** Output of a shell script in the container. */
async function sh(script: string, flags: readonly string[] = []): Promise<string> {
  const { stdout, stderr } = await run(["sh", "-c", script], flags);
  return stdout + stderr;
}

const executableDigest = () =>
  new Bun.CryptoHasher("sha256").update(readFileSync(TSBOX)).digest("hex");

describe("descriptors", () => {
  for (const flags of [[], ["--init"], ["-i"]]) {
    test(`only the standard ones are open ${flags.join(" ")}`, async () => {
      // The shell's own listing opens the directory as 3.
      const { stdout } = await run(["ls", "/proc/self/fd"], flags);
      expect(stdout.trim().split(/\s+/)).toEqual(["0", "1", "2", "3"]);
    });
  }

  test("the init holds nothing but the standard ones", async () => {
    const { stdout } = await run(["ls", "/proc/1/fd"], ["--init"]);
    expect(stdout.trim().split(/\s+/)).toEqual(["0", "1", "2"]);
  });

  test("a working directory that is a descriptor leads nowhere (CVE-2024-21626)", async () => {
    for (const fd of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20, 100, 101, 102]) {
      const workdir = `/proc/self/fd/${fd}`;
      const { stdout, status } = await run(["ls", ".", ".."], ["-w", workdir]);
      expect({ workdir, stdout, status }).toEqual({ workdir, stdout: "", status: 125 });
    }
  });

  test("nor do the other magic links of /proc", async () => {
    for (const workdir of ["/proc/self/cwd", "/proc/1/root", "/proc/self/root", "/proc/1/cwd/.."]) {
      expect((await run(["ls", "home"], ["-w", workdir])).stdout).toBe("");
    }
  });
});

describe("the executable (CVE-2019-5736)", () => {
  test("no process of the container is tsbox", async () => {
    for (const flags of [[], ["--init"]]) {
      const script = "for p in /proc/[0-9]*; do readlink $p/exe; grep -h tsbox $p/maps; done";
      expect(await sh(script, flags)).not.toMatch(/dist\/tsbox|bun/);
    }
  });

  test("what /proc/self/exe is when the command is executed cannot be executed or changed", async () => {
    const before = executableDigest();
    for (const command of ["/proc/self/exe", "self", "/interpreted", "/proc/1/exe"]) {
      const { stdout, status } = await run([command]);
      expect({ stdout, failed: status > 0 }).toEqual({ stdout: "", failed: true });
    }
    expect(executableDigest()).toBe(before);
  });

  test("the init cannot be overwritten", async () => {
    const script = "exec 2>&1; echo x >/proc/1/exe; cp /bin/busybox /proc/1/exe; echo $?";
    const output = await sh(script, ["--init"]);
    expect(output).toMatch(/(Text file busy|Permission denied|Operation not permitted)/);
    expect(output).toMatch(/\n1\n$/);
  });
});

describe("what the caller has", () => {
  test("its environment is in no process of the container", async () => {
    for (const flags of [[], ["--init"]]) {
      const script = "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; env";
      const output = await sh(script, flags);
      expect(output).toContain("PATH=/usr/local/sbin:");
      expect(output).not.toContain(SECRET);
      expect(output).not.toContain(home.path);
    }
  });

  test("its processes are not seen and not signalled", async () => {
    const witness = Bun.spawn(["sleep", "60"]);
    expect((await sh("ls -d /proc/[0-9]* | wc -l")).trim()).toMatch(/^[1-4]$/);
    await run(["kill", "-9", "--", "-1"]);
    expect(await sh(`kill -9 ${witness.pid}`)).toContain("No such process");
    expect(witness.exitCode).toBeNull();
    witness.kill();
  });

  test("its file systems are mounted nowhere", async () => {
    const lines = (await sh("cat /proc/self/mountinfo")).trim().split("\n");
    const points = lines.map((line) => line.split(" ")[4] ?? "");
    const allowed = /^\/$|^\/(proc|sys|dev)(\/|$)|^\/etc\/(hosts|hostname|resolv\.conf)$/;
    expect(points.filter((point) => !allowed.test(point))).toEqual([]);
  });

  test("its root is not above ours, whatever a process changes its root to", async () => {
    const script = "mkdir /jail; cp /bin/busybox /jail; chroot /jail /busybox ls ../../../../..";
    expect(await sh(script)).toBe("busybox\n");
    expect(await sh("cd /; ls ../../..")).toBe(await sh("ls /"));
  });

  test("its devices are not there and cannot be made", async () => {
    const devices = (await sh("cd /dev; ls")).trim().split(/\s+/).sort();
    expect(devices).toEqual(
      ["core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin"]
        .concat("stdout", "tty", "urandom", "zero"),
    );
    expect(await sh("mknod /mem c 1 1")).toContain("Operation not permitted");
  });
});

describe("the kernel's own files", () => {
  test("/proc/sys and its like are read-only", async () => {
    for (const path of ["/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness"]) {
      expect(await sh(`echo 1 >${path}`)).toContain("Read-only file system");
    }
    const script =
      "for p in bus fs irq sys sysrq-trigger; do [ -e /proc/$p ] && echo /proc/$p; done";
    const there = (await sh(script)).trim().split("\n");
    const mounts = await sh("cat /proc/self/mounts");
    for (const path of there) {
      expect(mounts).toMatch(new RegExp(`^\\S+ ${path} proc ro[, ]`, "m"));
    }
  });

  test("/sys is read-only", async () => {
    expect(await sh("mkdir /sys/x; touch /sys/kernel/x")).toMatch(
      /(Read-only|not permitted|denied)/,
    );
    expect(await sh("grep ' /sys ' /proc/self/mounts")).toMatch(/ ro,/);
  });

  test("masked paths are empty", async () => {
    for (const path of ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"]) {
      expect(await sh(`[ -e ${path} ] && head -c 10 ${path} | wc -c || echo 0`)).toBe("0\n");
    }
    for (const path of ["/proc/acpi", "/proc/scsi", "/sys/firmware"]) {
      expect(await sh(`ls -A ${path} 2>/dev/null | wc -l`)).toBe("0\n");
    }
  });

  test("masks cannot be taken away, nor read-only mounts made writable", async () => {
    for (
      const command of [
        "umount /proc/timer_list",
        "umount /proc/sys",
        "mount -o remount,rw,bind /proc/sys",
        "mount -t proc proc /tmp",
        "mount --bind /proc/sys /tmp",
      ]
    ) {
      const output = await sh(command);
      expect({ command, output }).toEqual({
        command,
        output: expect.stringMatching(/(not permitted|denied|Invalid argument)/),
      });
    }
  });
});

describe("privileges", () => {
  const status = async (flags: readonly string[]) =>
    Object.fromEntries(
      (await run(["cat", "/proc/self/status"], flags)).stdout.split("\n")
        .map((line) => line.split(":\t")).map(([key = "", value = ""]) => [key, value]),
    );

  test("capabilities are docker's default set", async () => {
    expect(await status([])).toMatchObject({
      CapInh: NONE,
      CapPrm: DOCKER_CAPABILITIES,
      CapEff: DOCKER_CAPABILITIES,
      CapBnd: DOCKER_CAPABILITIES,
      CapAmb: NONE,
      Seccomp: "2",
    });
  });

  test("another user has none", async () => {
    expect(await status(["--user", "1000:1000"])).toMatchObject({
      CapInh: NONE,
      CapPrm: NONE,
      CapEff: NONE,
      CapBnd: DOCKER_CAPABILITIES,
      CapAmb: NONE,
    });
  });

  test("--cap-drop ALL leaves none", async () => {
    expect(await status(["--cap-drop", "ALL"])).toMatchObject({ CapEff: NONE, CapBnd: NONE });
  });

  test("the init has no more than the command", async () => {
    const { stdout } = await run(["grep", "CapEff", "/proc/1/status"], ["--init"]);
    expect(stdout).toBe(`CapEff:\t${DOCKER_CAPABILITIES}\n`);
  });

  test("no new namespace, mount or other root can be had", async () => {
    for (const command of ["unshare -r true", "unshare -m true", "mount -t tmpfs t /tmp"]) {
      expect(await sh(command)).toMatch(/not permitted|denied/);
    }
  });

  test("only the loopback interface is there without a network", async () => {
    expect(await sh("ls /sys/class/net")).toBe("lo\n");
  });
});

describe("system calls that have led out of containers", () => {
  for (const [i, { why, call, errno }] of CALLS.entries()) {
    test(`${call} is refused: ${why}`, async () => {
      expect((await sh(`/calls/${i} | od -An -t d8`)).trim()).toBe(String(-errno));
    });
  }

  test("all of them are answered when nobody refuses", async () => {
    const script = "for call in /calls/*; do $call | od -An -t d8; done";
    const free = ["--security-opt", "seccomp=unconfined", "--cap-add", "ALL"];
    const answers = (await sh(script, free)).trim().split(/\s+/).map(Number);
    // What is refused above is refused for its own sake, and not because the call was wrong.
    expect(answers.filter((answer) => answer === -EPERM || answer === -ENOSYS)).toEqual([]);
  });
});

describe("with the host's namespaces", () => {
  test("of processes, none of them can be looked into", async () => {
    const own = process.pid;
    const script =
      `cat /proc/${own}/environ; ls /proc/${own}/root; cat /proc/${own}/fd/0; ls /proc/${own}/cwd/;
      cat /proc/${own}/exe; cat /proc/${own}/mem; echo 0 >/proc/${own}/oom_score_adj;
      echo 0 >/proc/1/oom_score_adj; kill -9 1`;
    const output = await sh(script, ["--pid", "host"]);
    expect(output.trim().split("\n").filter((line) => !/denied|not permitted/.test(line)))
      .toEqual([]);
  });

  test("the kernel's files are still masked and read-only", async () => {
    const script = `echo 1 >/proc/sys/vm/swappiness; echo 1 >/proc/sys/kernel/core_pattern;
      mkdir /sys/x; cat /proc/keys /proc/kcore /proc/timer_list; ls -A /sys/firmware`;
    const flags = ["--pid", "host", "--ipc", "host", "--network", "host"];
    const output = await sh(script, flags);
    expect(
      output.trim().split("\n").filter((line) =>
        !/Read-only|not permitted|No such file/.test(line)
      ),
    )
      .toEqual([]);
  });
});

/** An executable that makes a system call and prints what it answered, as a 64-bit number. */
function callProgram({ call, args }: (typeof CALLS)[number]): Uint8Array<ArrayBuffer> {
  const program = new Program(Arena.image(IMAGE_BASE));
  const { arena } = program;
  const text = arena.text("/tmp");
  program.op("the call", call, args.map((arg) => arg === "/tmp" ? text : arg));
  program.op("print", "write", [1, arena.words([0]), 8]);
  program.op("exit", "exit_group", [0]);
  program.onFailure();
  program.op("print", "write", [1, program.header + 16, 8]);
  program.op("exit", "exit_group", [0]);
  return new Uint8Array(toElf(program));
}
