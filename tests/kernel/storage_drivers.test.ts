/** One suite over the three ways to put a root filesystem together, on the same layers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arena } from "../../src/ffi/arena.ts";
import { AT_FDCWD, CLONE, MOVE_MOUNT_F_EMPTY_PATH } from "../../src/ffi/constants.ts";
import { runProgram } from "../../src/ffi/executor.ts";
import { ended, errorOf, opClone, opDefaultSignals } from "../../src/ffi/process.ts";
import { Program } from "../../src/ffi/program.ts";
import { findFuseOverlay } from "../../src/rootless/drivers/choose_driver.ts";
import {
  opEnterUserNamespace,
  opOwnMounts,
} from "../../src/rootless/drivers/enter_user_namespace.ts";
import { type FuseOverlay, mountFuseOverlay } from "../../src/rootless/drivers/fuse_overlay.ts";
import type { LayeredRootfs } from "../../src/rootless/drivers/rootfs.ts";
import type { UserNamespace } from "../../src/rootless/user_namespace.ts";
import { runAsRoot, testUserNamespace } from "../support/user_namespace.ts";

/** Two layers with everything that unpacked layers have; the second one is the topmost. */
const LAYERS = String.raw`
set -e
mkdir -p base/etc base/replaced base/merged base/opaque base/locked top/merged top/opaque top/replaced-file
echo base > base/etc/file; echo gone > base/etc/gone; echo hidden > base/opaque/hidden
echo old > base/merged/old; echo was-file > base/replaced-file; echo x > base/replaced/x
echo secret > base/locked/file; chmod 000 base/locked/file base/locked
ln base/etc/file base/etc/hard; ln -s /etc/shadow base/link; ln -s ../../../etc base/replaced/out
mkfifo -m 640 base/pipe
truncate -s 64M base/sparse; printf middle | dd of=base/sparse bs=1 seek=33554432 conv=notrunc status=none
echo tool > base/tool; chown 5:6 base/tool; chmod 6755 base/tool
setfattr -n user.note -v kept base/tool
printf 'name with\nnewline' > "base/odd
name"
mknod top/etc-gone c 0 0; mkdir top/etc; mv top/etc-gone top/etc/gone
rm -r top/etc/../replaced 2>/dev/null || true; echo file-now > top/replaced
setfattr -n user.overlay.opaque -v y top/opaque
echo shown > top/opaque/shown; echo new > top/merged/new; echo inner > top/replaced-file/inner
mkdir base/twice; mknod top/twice c 0 0
chmod 1777 top/merged; chown 7:8 top/merged
touch -h -d '2001-02-03 04:05:06.123456789 UTC' base/tool base/link base/pipe top/merged base/etc/file
`;

/** Everything of a tree that must be the same with every driver. */
const LIST = String.raw`(find . -mindepth 1 -type d -printf '%p %y %m %U:%G\0'
find . ! -type d -printf '%p %y %m %U:%G %n %l\0') | LC_ALL=C sort -z | tr '\n\0' '?\n'
TZ=UTC find tool link pipe merged etc/file -maxdepth 0 -printf '%t\n' | sort -u
cat etc/file etc/hard replaced replaced-file/inner opaque/shown merged/old merged/new locked/file
getfattr --only-values -n user.note tool; echo
stat -c %s sparse; dd if=sparse bs=1 skip=33554432 count=6 status=none; echo
[ etc/file -ef etc/hard ] && echo same`;

const EXPECTED = `./etc d 755 0:0
./etc/file f 644 0:0 2 
./etc/hard f 644 0:0 2 
./link l 777 0:0 1 /etc/shadow
./locked d 0 0:0
./locked/file f 0 0:0 1 
./merged d 1777 7:8
./merged/new f 644 0:0 1 
./merged/old f 644 0:0 1 
./odd?name f 644 0:0 1 
./opaque d 755 0:0
./opaque/shown f 644 0:0 1 
./pipe p 640 0:0 1 
./replaced f 644 0:0 1 
./replaced-file d 755 0:0
./replaced-file/inner f 644 0:0 1 
./sparse f 644 0:0 1 
./tool f 6755 5:6 1 `;

let folder = "";
let userns: UserNamespace;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-drivers-"));
  userns = testUserNamespace(folder);
  mkdirSync(`${folder}/layers`);
  await shell(`cd ${folder}/layers; umask 022; ${LAYERS}`);
});
afterAll(async () => {
  await shell(`rm -rf ${folder}`);
});

const shell = (script: string) => runAsRoot(userns, ["/bin/sh", "-c", script]);

/** New, empty directories for a container. */
function containerOf(name: string): LayeredRootfs & { merged: string } {
  for (const part of ["upper", "work", "merged"]) {
    mkdirSync(`${folder}/${name}/${part}`, { recursive: true });
  }
  return {
    lower: [`${folder}/layers/top`, `${folder}/layers/base`],
    upper: `${folder}/${name}/upper`,
    work: `${folder}/${name}/work`,
    merged: `${folder}/${name}/merged`,
  };
}

/** A script in the directory where `mount` has put the root filesystem, in a mount namespace of its own. */
async function scriptIn(
  merged: string,
  mount: (program: Program) => void,
  script: string,
): Promise<string> {
  const out = `${merged}.out`;
  const program = new Program(Arena.live());
  const { arena } = program;
  opClone(program, CLONE.VFORK);
  opEnterUserNamespace(program, userns);
  opOwnMounts(program);
  mount(program);
  program.op("enter the rootfs", "chdir", [arena.text(merged)]);
  opDefaultSignals(program);
  const text = `exec >${out} 2>&1; umask 022; ${script}`;
  program.op("run sh", "execve", [
    arena.text("/bin/sh"),
    arena.vector(["sh", "-c", text]),
    arena.vector(["PATH=/usr/bin:/bin"]),
  ]);
  const pid = runProgram(program);
  const failure = program.failure();
  if (failure !== undefined) throw errorOf(failure, "test");
  await ended(pid);
  return readFileSync(out, "utf8");
}

function mountNative({ lower, upper, work, merged }: LayeredRootfs & { merged: string }) {
  return (program: Program): void => {
    const { arena } = program;
    const data = `lowerdir=${lower.join(":")},upperdir=${upper},workdir=${work},userxattr`;
    const overlay = arena.text("overlay");
    program.op("mount overlay", "mount", [
      overlay,
      arena.text(merged),
      overlay,
      0,
      arena.text(data),
    ]);
  };
}

function attach(fuse: FuseOverlay, merged: string) {
  return (program: Program): void => {
    const { arena } = program;
    program.op("attach the mount", "move_mount", [
      fuse.mount,
      arena.text(""),
      AT_FDCWD,
      arena.text(merged),
      MOVE_MOUNT_F_EMPTY_PATH,
    ]);
  };
}

function fuseOf(rootfs: LayeredRootfs): FuseOverlay {
  const executable = findFuseOverlay();
  if (typeof executable !== "string") throw new Error(executable.reason);
  return mountFuseOverlay(userns, rootfs, executable);
}

async function copyInto(target: string, layers: readonly string[]): Promise<string> {
  const program = join(import.meta.dir, "../programs/copy_tree.ts");
  return await runAsRoot(userns, [process.execPath, program, target, ...layers]);
}

const DRIVERS: Record<string, (script: string) => Promise<string>> = {
  overlay: (script) => {
    const rootfs = containerOf(`overlay-${++runs}`);
    return scriptIn(rootfs.merged, mountNative(rootfs), script);
  },
  "fuse-overlayfs": async (script) => {
    const rootfs = containerOf(`fuse-${++runs}`);
    const fuse = fuseOf(rootfs);
    try {
      return await scriptIn(rootfs.merged, attach(fuse, rootfs.merged), script);
    } finally {
      await fuse.stop();
    }
  },
  copy: async (script) => {
    const { merged, lower } = containerOf(`copy-${++runs}`);
    await copyInto(merged, lower);
    return await scriptIn(merged, () => {}, script);
  },
};
let runs = 0;

for (const [name, run] of Object.entries(DRIVERS)) {
  describe(name, () => {
    test("the layers compose: contents, owners, modes, times, links, whiteouts, opaque directories", async () => {
      const lines = (await run(LIST)).split("\n");
      const at = lines.findIndex((line) => line.startsWith("Sat Feb"));
      expect(lines.slice(0, at).join("\n")).toBe(EXPECTED);
      expect(lines.slice(at)).toEqual([
        "Sat Feb  3 04:05:06.1234567890 2001",
        "base",
        "base",
        "file-now",
        "inner",
        "shown",
        "old",
        "new",
        "secret",
        "kept",
        "67108864",
        "middle",
        "same",
        "",
      ]);
    });

    test("what is written does not reach the layers", async () => {
      const script = [
        "echo changed >> etc/file; rm merged/old; rm -r opaque; mkdir opaque; chown 9:9 tool",
        "mv replaced moved; touch opaque/mine; cat etc/file moved; ls opaque; ls merged; stat -c %u tool",
      ].join("\n");
      expect(await run(script)).toBe("base\nchanged\nfile-now\nmine\nnew\n9\n");
      const kept = "cat base/etc/file base/merged/old top/opaque/shown; stat -c %u base/tool";
      expect(await shell(`cd ${folder}/layers; ${kept}`)).toBe("base\nold\nshown\n5\n");
    });
  });
}

test("copying leaves holes and counts what it copied", async () => {
  const { merged, lower } = containerOf("summary");
  const summary = JSON.parse(await copyInto(merged, lower));
  expect(summary.entries).toBe(18);
  expect(summary.bytes).toBeGreaterThan(64 << 20);
  expect(Number(await shell(`du -k ${merged}/sparse | cut -f1`))).toBeLessThan(200);
});

test("copying into what is not empty fails and says where", async () => {
  const { merged, lower } = containerOf("occupied");
  await shell(`ln -s /etc ${merged}/etc`);
  await expect(copyInto(merged, lower)).rejects.toThrow();
  expect(existsSync("/etc/file")).toBe(false);
});

test("the fuse daemon ends when the container and our descriptor are gone", async () => {
  const fuse = fuseOf(containerOf("ends"));
  expect(existsSync(`/proc/${fuse.pid}`)).toBe(true);
  await fuse.stop();
  expect(existsSync(`/proc/${fuse.pid}`)).toBe(false);
});

test("stop waits until everything written is in the upper directory", async () => {
  const rootfs = containerOf("written");
  const fuse = fuseOf(rootfs);
  const script = "dd if=/dev/zero of=big bs=1M count=32 status=none; stat -c %s big";
  expect(await scriptIn(rootfs.merged, attach(fuse, rootfs.merged), script)).toBe("33554432\n");
  await fuse.stop();
  const zeros = new Bun.CryptoHasher("sha256").update(new Uint8Array(32 << 20)).digest("hex");
  expect(await shell(`sha256sum < ${rootfs.upper}/big`)).toBe(`${zeros}  -\n`);
});

/** Whether the process runs; one that nobody has waited for yet does not. */
function alive(pid: string): boolean {
  return existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
}

test("the fuse daemon dies with us", async () => {
  const { lower, upper, work } = containerOf("dies");
  const holder = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../programs/hold_fuse.ts"), folder, upper, work]
      .concat(lower),
    { stdout: "pipe" },
  );
  const { value } = await holder.stdout.getReader().read();
  const pid = new TextDecoder().decode(value).trim();
  expect(readFileSync(`/proc/${pid}/comm`, "utf8")).toBe("fuse-overlayfs\n");
  holder.kill("SIGKILL");
  await holder.exited;
  for (let i = 0; i < 500 && alive(pid); i++) await Bun.sleep(10);
  expect(alive(pid)).toBe(false);
});

test("a daemon that refuses is an error with a way out, and leaves no process or descriptor", () => {
  const open = () => [...new Bun.Glob("*").scanSync({ cwd: "/proc/self/fd", onlyFiles: false })];
  const before = open().length;
  const refused = () => mountFuseOverlay(userns, containerOf("refused"), "/bin/false");
  expect(refused).toThrow("Cannot mount by fuse-overlayfs: it ended at once");
  expect(() => mountFuseOverlay(userns, containerOf("refused"), "/no/such/file")).toThrow("ENOENT");
  expect(open().length).toBe(before);
});

test("a path with a colon is refused by name, one with a comma works", async () => {
  expect(() => fuseOf(containerOf("with:colon"))).toThrow("the path has a colon");
  await fuseOf(containerOf("with,comma")).stop();
});
