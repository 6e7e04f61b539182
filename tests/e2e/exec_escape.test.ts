/** `exec` into containers that are hostile: what they could catch of it, and what the command must not have. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Arena } from "../../src/ffi/arena.ts";
import { IMAGE_BASE, toElf } from "../../src/ffi/elf.ts";
import { raw } from "../../src/ffi/libc.ts";
import { Program } from "../../src/ffi/program.ts";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { type CliResult, TSBOX, tsbox, tsboxOnTerminal } from "../support/cli.ts";
import { startContainer } from "../support/running_container.ts";

const SECRET = "the-callers-secret";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers({
    busybox: { passwd: ["alice:x:1000:1000::/home:/bin/sh"], group: ["alice:x:1000:"] },
    layers: [[
      { path: "bin/self", type: "symlink", target: "/proc/self/exe" },
      { path: "interpreted", content: "#!/proc/self/exe\n", mode: 0o755 },
      { path: "keyring", content: keyringProgram(), mode: 0o755 },
    ]],
  });
});
afterAll(() => box.stop());

/** What runs in a container, and how to enter it. */
interface Inside {
  exec(flags: readonly string[], ...command: string[]): Promise<CliResult>;
  sh(flags: readonly string[], script: string): Promise<string>;
  name: string;
}

/** Does something with a container that runs. */
async function within(
  flags: readonly string[],
  command: readonly string[],
  action: (inside: Inside) => Promise<void>,
): Promise<void> {
  const { name, stop } = await startContainer(box, flags, command);
  const env = { TSBOX_TEST_SECRET: SECRET };
  const exec = (flags: readonly string[], ...command: string[]) =>
    tsbox(["exec", ...flags, name, ...command], { home: box.home, env, timeout: 20_000 });
  const sh = async (flags: readonly string[], script: string) => {
    const { stdout, stderr } = await exec(flags, "sh", "-c", script);
    return stdout + stderr;
  };
  try {
    await action({ exec, sh, name });
  } finally {
    await stop();
  }
}

const IDLE = ["sleep", "600"];
const FREE = ["--security-opt", "seccomp=unconfined", "--cap-add", "ALL"];
const executableDigest = () =>
  new Bun.CryptoHasher("sha256").update(readFileSync(TSBOX)).digest("hex");

test("only the standard descriptors are open", async () => {
  await within([], IDLE, async ({ exec }) => {
    for (const flags of [[], ["-i"], ["-t"], ["--privileged"], ["-u", "alice"]]) {
      // The shell's own listing opens the directory as 3.
      const { stdout } = await exec(flags, "ls", "/proc/self/fd");
      expect({ flags, open: stdout.trim().split(/\s+/) })
        .toEqual({ flags, open: ["0", "1", "2", "3"] });
    }
  });
});

test("descriptors of whoever started tsbox are not passed on", async () => {
  await within([], IDLE, async ({ name }) => {
    const script = `exec 7</etc/passwd 150</etc/group; "${TSBOX}" exec ${name} ls /proc/self/fd`;
    const child = Bun.spawn(["bash", "-c", script], { env: box.home.env, stdout: "pipe" });
    const listed = await child.stdout.text();
    expect(listed.trim().split(/\s+/)).toEqual(["0", "1", "2", "3"]);
  });
});

describe("the command is confined like the container's first process", () => {
  const LINES = /^(Umask|Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp|SigBlk|SigIgn|SigCgt):.*$/gm;
  const kinds: readonly (readonly string[])[] = [
    [],
    ["--cap-drop", "ALL"],
    ["--cap-add", "SYS_PTRACE", "--cap-drop", "CHOWN"],
    ["--security-opt", "no-new-privileges"],
    ["-u", "alice"],
    ["-u", "alice:daemon", "--group-add", "nogroup"],
    FREE,
    ["--ulimit", "nofile=77:99", "--ulimit", "core=0"],
    ["--userns", "single"],
  ];
  for (const flags of kinds) {
    test(flags.join(" ") || "by default", async () => {
      await within(flags, IDLE, async ({ exec }) => {
        const own = (await exec([], "cat", "/proc/self/status")).stdout;
        const first = (await exec(["-u", "0"], "cat", "/proc/1/status")).stdout;
        expect(own.match(LINES)).toEqual(first.match(LINES));
        const limits = (await exec([], "cat", "/proc/self/limits")).stdout;
        const firstLimits =
          (await exec(["-u", "0", "--privileged"], "cat", "/proc/1/limits")).stdout;
        expect(limits).toContain("Max open files");
        expect(limits).toBe(firstLimits);
        const links = "for n in user mnt pid ipc uts net cgroup; do readlink /proc/$0/ns/$n; done";
        const spaces = await exec([], "sh", "-c", links, "self");
        expect(spaces.stdout.trim().split("\n").length).toBe(7);
        const privileged = ["--privileged", "-u", "0"];
        expect(spaces.stdout).toBe((await exec(privileged, "sh", "-c", links, "1")).stdout);
      });
    });
  }

  test("--privileged has all capabilities of the user namespace, and no filter", async () => {
    await within([], IDLE, async ({ exec, sh }) => {
      const status = await sh(["--privileged"], "cat /proc/self/status");
      expect(status).toMatch(/^CapEff:\t0+1f{10}$/m);
      expect(status).toMatch(/^Seccomp:\t0$/m);
      expect((await exec(["--privileged"], "hostname", "changed")).status).toBe(0);
      expect((await exec([], "hostname", "again")).status).not.toBe(0);
      // All of a container's are still nothing on the host.
      expect(await sh(["--privileged"], "echo 1 >/proc/sys/vm/swappiness")).toMatch(/Read-only/);
    });
  });

  test("it has a keyring of its own where it could ask for the caller's", async () => {
    await within(["--security-opt", "seccomp=unconfined"], IDLE, async ({ exec }) => {
      for (const flags of [[], ["--privileged"]]) {
        const [own = 0] = (await exec(flags, "sh", "-c", "/keyring | od -An -t d8")).stdout.trim()
          .split(/\s+/).map(Number);
        expect(own).toBeGreaterThan(0);
        expect(own).not.toBe(raw("keyctl", 0, -3, 0));
      }
    });
  });
});

describe("the executable (CVE-2019-5736)", () => {
  test("what /proc/self/exe is when the command is executed cannot be executed or changed", async () => {
    const before = executableDigest();
    await within(FREE, IDLE, async ({ exec }) => {
      for (const command of ["/proc/self/exe", "self", "/interpreted"]) {
        const { stdout, status } = await exec([], command);
        expect({ stdout, failed: status > 0 }).toEqual({ stdout: "", failed: true });
      }
    });
    expect(executableDigest()).toBe(before);
  });

  test("no process that is on its way in shows what it is, holds or sees", async () => {
    const before = executableDigest();
    // The shell has every capability of the user namespace, and looks at whatever appears, all the time.
    const links = "exe cwd root fd/0 fd/3 fd/100 fd/101 fd/102 fd/103";
    const watch = `cd /proc; while :; do for p in [0-9]*; do [ $p = 1 ] || for l in ${links}; do
      echo $l $(readlink $p/$l); done; cat $p/environ $p/maps; echo x >$p/exe; done; done >/seen 2>/dev/null`;
    await within(FREE, ["sh", "-c", watch], async ({ exec, sh }) => {
      for (let i = 0; i < 100; i++) expect((await exec([], "true")).status).toBe(0);
      // One that stays long enough for the watcher to come by: it does see commands, as what they are.
      await exec([], "sleep", "1");
      const seen = await sh([], "sort -u /seen");
      expect(seen).toContain("exe /bin/sleep");
      expect(seen).not.toMatch(/memfd|tsbox|socket:|mnt:|user:|anon_inode/);
      expect(seen).not.toContain(SECRET);
      expect(seen).not.toContain(box.home.path);
    });
    expect(executableDigest()).toBe(before);
  }, 60_000);
});

describe("the caller's things", () => {
  test("its environment is in no process", async () => {
    await within(FREE, IDLE, async ({ sh }) => {
      const output = await sh([], "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; env");
      expect(output).toContain("PATH=/usr/local/sbin:");
      expect(output).not.toContain(SECRET);
      expect(output).not.toContain(box.home.path);
    });
  });

  test("the working directory cannot be a descriptor or any other magic link (CVE-2024-21626)", async () => {
    await within(FREE, IDLE, async ({ exec }) => {
      const links = ["cwd", "root", "fd/0", "fd/3", "fd/100", "fd/101", "fd/102", "fd/103", "ns"];
      for (const link of links.slice(0, -1)) {
        for (const process of ["self", "1"]) {
          const answer = await exec(["-w", `/proc/${process}/${link}`], "ls", ".", "..");
          expect({ link, stdout: answer.stdout, failed: answer.status > 0 })
            .toEqual({ link, stdout: "", failed: true });
        }
      }
    });
  });
});

describe("a hostile /etc/passwd", () => {
  const cases = [
    ["is a fifo", "rm /etc/passwd; mkfifo /etc/passwd", "root"],
    ["is a directory", "rm /etc/passwd; mkdir /etc/passwd", "root"],
    ["is a link out of the root", "ln -sf ../../../../etc/passwd /etc/passwd", "root"],
    ["is a magic link", "ln -sf /proc/self/root/etc/passwd /etc/passwd", "root"],
    ["is a device", "rm /etc/passwd; ln -s /dev/zero /etc/passwd", "root"],
    [
      "is full of nonsense",
      "yes 'root:x:-1:99999999999999999999:::' | head -5000 >/etc/passwd",
      "root",
    ],
  ] as const;
  for (const [what, script, user] of cases) {
    test(`that ${what} names nobody, and a number still does`, async () => {
      await within([], IDLE, async ({ exec, sh }) => {
        expect(await sh([], script)).toBe("");
        const named = await exec(["-u", user], "id", "-u");
        expect(named).toMatchObject({ stdout: "", status: 1 });
        expect(named.stderr).toContain("unable to find user root");
        // Not id, which would look into the file as well.
        const other = await exec(["-u", "7:8"], "grep", "^[UG]id", "/proc/self/status");
        expect(other.stdout).toBe("Uid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\n");
      });
    });
  }

  test("that is larger than anyone's is refused", async () => {
    await within([], IDLE, async ({ exec, sh }) => {
      await sh([], "head -c 3000000 /dev/zero >/etc/passwd");
      const { stderr, status } = await exec([], "true");
      expect(stderr).toContain("Cannot use /etc/passwd of the image: it is larger than 2 MiB");
      expect(status).toBe(1);
    });
  });
});

describe("a first process that has gone elsewhere", () => {
  test("into a user namespace below: the command is in the container's own", async () => {
    await within(FREE, ["sh", "-c", "exec unshare -U sleep 600"], async ({ sh }) => {
      const map = await sh(["-u", "0"], "cat /proc/self/uid_map");
      expect(map.trim().split(/\s+/)[0]).toBe("0");
      expect(map.trim()).not.toBe("");
      expect(await sh(["-u", "0"], "id -u")).toBe("0\n");
    });
  });

  test("into mounts and a root of its own: nothing of the host is there", async () => {
    const script =
      `mkdir -p /jail/bin /jail/etc; cp /bin/busybox /jail/bin; cp /etc/passwd /jail/etc;
      exec unshare -m sh -c 'mount -t tmpfs t /mnt; exec chroot /jail /bin/busybox sleep 600'`;
    await within(FREE, ["sh", "-c", script.replace("/mnt", "/home")], async ({ sh }) => {
      const root = await sh([], "ls / /..");
      expect(root).toContain("interpreted");
      const points = (await sh([], "cut -d ' ' -f 2 /proc/self/mounts")).trim().split("\n");
      const allowed =
        /^\/$|^\/home$|^\/(proc|sys|dev)(\/|$)|^\/etc\/(hosts|hostname|resolv\.conf)$/;
      expect(points.filter((point) => !allowed.test(point))).toEqual([]);
    });
  });
});

describe("a container that has put something else in place of its terminals", () => {
  const cases = [
    ["a file", ": >/dev/pts/ptmx"],
    ["a link to a descriptor of process 1", "ln -s /proc/1/fd/0 /dev/pts/ptmx"],
    ["a fifo", "mkfifo /dev/pts/ptmx"],
    ["nothing", "true"],
  ] as const;
  for (const [what, script] of cases) {
    test(`${what}: exec -t is refused`, async () => {
      const hide = `mount -t tmpfs t /dev/pts && ${script}; exec sleep 600`;
      await within(FREE, ["sh", "-c", hide], async ({ name }) => {
        const words = ["exec", "-it", name, "echo", "ran"];
        const session = tsboxOnTerminal(words, { home: box.home, timeout: 20_000 });
        expect(await session.exited).toBe(1);
        expect(session.output()).toMatch(/^tsbox: Cannot (open a|unlock the) terminal: E\w+/);
      });
    });
  }
});

/** An executable that prints the number of its session keyring, as a 64-bit number. */
function keyringProgram(): Uint8Array<ArrayBuffer> {
  const program = new Program(Arena.image(IMAGE_BASE));
  const { arena } = program;
  const id = arena.words([0]);
  program.op("the keyring", "keyctl", [0, -3, 0], { into: { register: id } });
  program.op("print", "write", [1, id, 8]);
  program.op("exit", "exit_group", [0]);
  return new Uint8Array(toElf(program));
}
