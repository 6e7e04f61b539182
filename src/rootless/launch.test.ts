import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { DEFAULT_OPTIONS } from "../../tests/support/run_options.ts";
import { NO_IMAGE } from "../container/host.ts";
import type { RunOptions } from "../container/run_options.ts";
import { makeSpec } from "../container/spec.ts";
import { withUser } from "../container/with_user.ts";
import { TsboxError } from "../errors.ts";
import { exitStatus, pipe } from "../ffi/process.ts";
import { address, raw } from "../ffi/libc.ts";
import { initElf } from "./init/init_elf.ts";
import { Launch } from "./launch.ts";
import { ownIdMap } from "./subids.ts";
import { openUserNamespace, type UserNamespace } from "./user_namespace.ts";

let folder = "";
let userns: UserNamespace;

const OPTIONS: RunOptions = {
  ...DEFAULT_OPTIONS,
  image: "",
  remove: true,
  network: "none",
  seccomp: { kind: "unconfined" },
  pull: "never",
};

beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/tsbox-launch-`);
  userns = openUserNamespace(
    ownIdMap({ uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, mode: "auto" }),
    folder,
  );
  const root = `${folder}/lower`;
  for (const part of ["bin", "etc", "proc", "tmp"]) {
    mkdirSync(`${root}/${part}`, { recursive: true });
  }
  copyFileSync("/bin/busybox", `${root}/bin/busybox`);
  for (const name of ["sh", "cat", "id", "ls", "true", "grep", "sleep", "pwd", "stty", "mount"]) {
    symlinkSync("busybox", `${root}/bin/${name}`);
  }
  writeFileSync(`${root}/etc/passwd`, "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/srv:/bin/sh\n");
  writeFileSync(`${root}/etc/group`, "root:x:0:\nweb:x:44:\nextra:x:55:web\n");
  writeFileSync(`${root}/bin/garbage`, "no program");
  chmodSync(`${root}/bin/garbage`, 0o755);
  for (const name of ["hosts", "hostname", "resolv.conf"]) writeFileSync(`${folder}/${name}`, name);
});
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+rwx", folder]);
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;

interface Result {
  status: number;
  out: string;
}

async function start(command: string[], options: Partial<RunOptions> = {}): Promise<Result> {
  const all = { ...OPTIONS, command, ...options };
  const home = `${folder}/c${count++}`;
  for (const part of ["", "/upper", "/work"]) mkdirSync(home + part);
  const spec = makeSpec(all, NO_IMAGE, {
    id: "abcdef012345".padEnd(64, "0"),
    hostname: "host",
    ids: userns.map,
    rootfs: home,
    etc: {
      hosts: `${folder}/hosts`,
      hostname: `${folder}/hostname`,
      resolvConf: `${folder}/resolv.conf`,
    },
    devices: {},
    thermalThrottle: [],
  });
  const nothing = openSync("/dev/null", "r");
  const output = pipe();
  try {
    const launch = new Launch({
      userns,
      namespaces: spec.linux.namespaces.map(({ type }) => type),
      init: all.init ? initElf() : undefined,
    });
    launch.setUp({
      spec,
      rootfs: {
        kind: "overlay",
        lower: [`${folder}/lower`],
        upper: `${home}/upper`,
        work: `${home}/work`,
        mountPoint: home,
        volatile: true,
      },
      isDirectory: (path) => statSync(path).isDirectory(),
      stdio: [nothing, output.write, output.write],
      terminal: all.tty ? { rows: 33, columns: 99 } : undefined,
    });
    const { process } = withUser(spec, launch.userFiles());
    const running = launch.execute(process, undefined)();
    raw("close", output.write);
    const out = readAll(running.terminal ?? output.read);
    return { status: exitStatus(await running.ended), out };
  } finally {
    raw("close", output.write);
    closeSync(nothing);
    raw("close", output.read);
  }
}

function readAll(fd: number): string {
  const buffer = new Uint8Array(65536);
  let text = "";
  for (;;) {
    const length = raw("read", fd, address(buffer), buffer.length);
    if (length <= 0) return text;
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
}

test("a command runs as root of its own namespaces, with the host's files gone", async () => {
  const { status, out } = await start([
    "sh",
    "-c",
    "id -u; cat /proc/sys/kernel/hostname; echo $$; ls /; exit 5",
  ]);
  expect(out.split("\n").slice(0, 3)).toEqual(["0", "abcdef012345", "1"]);
  expect(out.split("\n").slice(3, -1)).toEqual(["bin", "dev", "etc", "proc", "sys", "tmp"]);
  expect(status).toBe(5);
});

test("the user is looked up in the image, with its groups", async () => {
  const { out } = await start(["sh", "-c", "id; echo $HOME; grep Cap /proc/self/status"], {
    user: "web",
  });
  expect(out).toContain("uid=33(web) gid=44(web) groups=44(web),55(extra)\n/srv\n");
  expect(out).toContain("CapEff:\t0000000000000000");
  expect(out).toContain("CapBnd:\t00000000a80425fb");
});

test("root has docker's capabilities and nothing inheritable or ambient", async () => {
  const { out } = await start(["grep", "Cap", "/proc/self/status"]);
  expect(out.replaceAll("\t", " ").trim().split("\n")).toEqual([
    "CapInh: 0000000000000000",
    "CapPrm: 00000000a80425fb",
    "CapEff: 00000000a80425fb",
    "CapBnd: 00000000a80425fb",
    "CapAmb: 0000000000000000",
  ]);
});

test("only the three standard descriptors are open in the container", async () => {
  const { out } = await start(["ls", "/proc/self/fd"]);
  expect(out).toBe("0\n1\n2\n3\n"); // 3 is the directory that ls lists
});

test("a missing command is 127, one that cannot be executed 126", async () => {
  const failure = async (command: string) => {
    try {
      await start([command]);
    } catch (error) {
      if (error instanceof TsboxError) return [error.code, error.message];
    }
    return undefined;
  };
  expect(await failure("nothing")).toEqual([
    "command-not-found",
    'exec: "nothing": executable file not found in $PATH',
  ]);
  expect((await failure("/no/thing"))?.[0]).toBe("command-not-found");
  expect((await failure("/etc/passwd"))?.[0]).toBe("cannot-execute");
  expect((await failure("garbage"))?.[0]).toBe("cannot-execute");
});

test("a step that fails is reported as what it was", async () => {
  const failing = start(["true"], { sysctls: { "net.ipv4.nothing": "1" } });
  await expect(failing).rejects.toThrow("Cannot open the sysctl net.ipv4.nothing: ENOENT");
});

test("with an init the command is process 2 and its exit code is passed on", async () => {
  const { status, out } = await start(["sh", "-c", "echo $$; exit 7"], { init: true });
  expect([out, status]).toEqual(["2\n", 7]);
  await expect(start(["nothing"], { init: true })).rejects.toThrow("executable file not found");
});

test("a terminal is the container's own, of the size asked for", async () => {
  const { out } = await start(["sh", "-c", "stty size; ls -l /dev/console; echo $TERM; tty"], {
    tty: true,
  });
  expect(out).toContain("33 99");
  expect(out).toContain("xterm");
});

test("the working directory is made, a read-only root is one", async () => {
  const { out } = await start(["sh", "-c", "pwd; touch /x; echo $?; : >/dev/shm/x; echo $?"], {
    workdir: "/a/b",
    readOnly: true,
  });
  expect(out).toMatch(/\/a\/b\n.*1\n0\n$/s);
});

test("masked and read-only paths of the kernel's file systems are so", async () => {
  const hidden = ["/proc/acpi", "/sys/firmware"].filter((path) => existsSync(path));
  const script = `ls ${hidden.join(" ")} | grep -v : ; : >/proc/sys/kernel/hostname`;
  const { out } = await start(["sh", "-c", script]);
  expect(out.replaceAll("\n", "")).toMatch(
    /^sh: .*\/proc\/sys\/kernel\/hostname: Read-only file system$/,
  );
});
