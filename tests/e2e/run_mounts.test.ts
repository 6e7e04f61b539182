/** `run`: what is mounted into a container, and what of it can be written. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers({
    config: { Cmd: ["sh"], Volumes: { "/vol": {}, "/vol2/deep": {} } },
    layers: [[
      { path: "vol/", type: "directory", mode: 0o1777 },
      { path: "vol/seed", content: "from the image\n" },
      { path: "full/", type: "directory" },
      { path: "full/hidden", content: "below\n" },
      { path: "link", type: "symlink", target: "full" },
      { path: "up", type: "symlink", target: "../../../../../../tmp/up" },
      { path: "hosts-link", type: "symlink", target: "/etc/target" },
    ]],
  });
});
afterAll(() => box.stop());

/** A folder of the host, new for every test. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(box.home.path, "shared-"));
  writeFileSync(`${folder}/file`, "host\n");
});

describe("-v", () => {
  test("shares a folder both ways; its owner is root inside and the caller outside", async () => {
    const script = "cat /m/file; echo back >/m/new; stat -c %u:%g /m/file /m/new";
    expect(await box.sh(["-v", `${folder}:/m`], script)).toBe("host\n0:0\n0:0\n");
    expect(readFileSync(`${folder}/new`, "utf8")).toBe("back\n");
    expect(statSync(`${folder}/new`).uid).toBe(process.getuid?.() ?? -1);
  });

  test(":ro cannot be written or made writable", async () => {
    const script = "cat /m/file; echo no >/m/new; mount -o remount,rw,bind /m; rm /m/file";
    const { stdout, stderr, status } = await box.run(["-v", `${folder}:/m:ro`], [
      ...["sh", "-c", script],
    ]);
    expect(stdout).toBe("host\n");
    expect(stderr).toMatch(/can't create \/m\/new: Read-only file system/);
    expect(stderr).toMatch(/can't remove '\/m\/file': Read-only file system/);
    expect(status).not.toBe(0);
    expect(existsSync(`${folder}/new`)).toBe(false);
  });

  test("shares a single file", async () => {
    const flags = ["-v", `${folder}/file:/etc/shared.conf`];
    expect(await box.sh(flags, "cat /etc/shared.conf; echo more >>/etc/shared.conf")).toBe(
      "host\n",
    );
    expect(readFileSync(`${folder}/file`, "utf8")).toBe("host\nmore\n");
  });

  test("a relative source is meant from the current folder", async () => {
    mkdirSync(`${folder}/sub`);
    writeFileSync(`${folder}/sub/here`, "found\n");
    const flags = ["-v", "./sub:/m", "-v", "../:/above:ro"];
    const out = await box.sh(flags, "cat /m/here; ls /above", { cwd: folder });
    expect(out).toContain("found\n");
    expect(out).toContain(folder.slice(folder.lastIndexOf("/") + 1));
  });

  test("a missing source folder is made", async () => {
    await box.sh(["-v", `${folder}/a/b:/m`], "echo x >/m/made");
    expect(readFileSync(`${folder}/a/b/made`, "utf8")).toBe("x\n");
  });

  test("a source that cannot be made is refused and leaves nothing", async () => {
    const { stderr, status } = await box.run(["-v", `${folder}/file/sub:/m`], ["true"]);
    expect(stderr).toContain(`${folder}/file`);
    expect(status).toBe(125);
    expect(box.leftovers()).toEqual([]);
  });

  test("mounts below the source come along", async () => {
    const out = await box.sh(
      ["-v", "/:/host:ro"],
      "head -c 6 /host/proc/version; ls /host/dev/null",
    );
    expect(out).toBe("Linux /host/dev/null\n");
  });

  test("a target that is a link of the image is followed inside, or replaced when it leads nowhere", async () => {
    const script = "cat /full/file; ls /full; cat /up/file";
    expect(await box.sh(["-v", `${folder}:/link`, "-v", `${folder}:/up`], script)).toBe(
      "host\nfile\nhost\n",
    );
    expect(existsSync("/tmp/up")).toBe(false);
  });

  test("a file's target that dangles as a link is made inside", async () => {
    const flags = ["-v", `${folder}/file:/hosts-link`];
    expect(await box.sh(flags, "cat /hosts-link")).toBe("host\n");
    expect(existsSync("/etc/target")).toBe(false);
  });

  test("nested targets are mounted in the order of their depth", async () => {
    mkdirSync(`${folder}/inner`);
    writeFileSync(`${folder}/inner/x`, "inner\n");
    const flags = ["-v", `${folder}/inner:/m/deep`, "-v", `${folder}:/m`];
    expect(await box.sh(flags, "cat /m/file /m/deep/x")).toBe("host\ninner\n");
  });

  test("a source that is a link is followed by the host's rules", async () => {
    symlinkSync(folder, `${folder}-link`);
    expect(await box.sh(["-v", `${folder}-link:/m`], "cat /m/file")).toBe("host\n");
  });

  test("a folder of the caller's alone can be read by the container's root and nobody else", async () => {
    chmodSync(folder, 0o700);
    expect(await box.sh(["-v", `${folder}:/m`], "cat /m/file")).toBe("host\n");
    const other = await box.run(["-v", `${folder}:/m`, "-u", "1000"], ["cat", "/m/file"]);
    expect(other.stderr).toContain("Permission denied");
  });
});

describe("--mount and --tmpfs", () => {
  test("type=bind shares, and readonly is kept", async () => {
    const flags = ["--mount", `type=bind,src=${folder},dst=/m,readonly`];
    const { stdout, stderr } = await box.run(flags, ["sh", "-c", "cat /m/file; touch /m/x"]);
    expect(stdout).toBe("host\n");
    expect(stderr).toContain("Read-only file system");
  });

  test("type=bind refuses a missing source, makes none and leaves nothing", async () => {
    const flags = ["--mount", `type=bind,source=${folder}/none,target=/m`];
    const { stderr, status } = await box.run(flags, ["true"]);
    const message = `bind source path does not exist: ${folder}/none`;
    expect(stderr).toContain(`invalid mount config for type "bind": ${message}`);
    expect(status).toBe(125);
    expect(existsSync(`${folder}/none`)).toBe(false);
    expect(box.leftovers()).toEqual([]);
  });

  test("type=tmpfs has the size and the mode that were asked for", async () => {
    const flags = ["--mount", "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0750"];
    const script = "stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'; mount | grep ' /t '";
    const out = await box.sh(flags, script);
    expect(out).toStartWith("750\n1024\ntmpfs on /t type tmpfs (rw,nosuid,nodev,noexec");
  });

  test("--tmpfs covers what is there with its options, and is writable below --read-only", async () => {
    const flags = ["--read-only", "--tmpfs", "/full:size=64k,exec,mode=700"];
    const script = "ls -A /full; touch /full/x; cp /bin/busybox /full/big 2>&1; stat -c %a /full";
    const out = await box.sh(flags, script);
    expect(out).toContain("No space left on device");
    expect(out).toEndWith("700\n");
  });

  test("--shm-size is the size of /dev/shm, 64 MiB unless told", async () => {
    const script = "df -k /dev/shm | tail -1 | awk '{print $2}'; touch /dev/shm/x";
    expect(await box.sh(["--shm-size", "5m"], script)).toBe("5120\n");
    expect(await box.sh([], script)).toBe("65536\n");
  });
});

describe("the root file system", () => {
  test("what a container writes is its own: the image stays as it was", async () => {
    expect(await box.sh([], "rm -r /full; echo x >/etc/passwd; ls -d /full 2>/dev/null || :")).toBe(
      "",
    );
    expect(await box.sh([], "cat /full/hidden; wc -l </etc/passwd")).toBe("below\n3\n");
  });

  test("--read-only holds everywhere but in volumes and kernel mounts", async () => {
    const script =
      "touch /vol/w /vol2/deep/w /dev/shm/w && cat /vol/seed; touch /x /etc/x /etc/hosts";
    const { stdout, stderr } = await box.run(["--read-only"], ["sh", "-c", script]);
    expect(stdout).toBe("from the image\n");
    expect(stderr.match(/Read-only file system/g)?.length).toBe(3);
  });

  test("--read-only cannot be undone from inside", async () => {
    const script = "mount -o remount,rw /; mount -o remount,rw,bind /; touch /x";
    const flags = ["--read-only", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"];
    const { stderr, status } = await box.run(flags.slice(0, 1), ["sh", "-c", script]);
    expect(stderr).toContain("/x: Read-only file system");
    expect(status).toBe(1);
  });

  test("a volume's folder keeps the owner and mode that the image gave it", async () => {
    expect(await box.sh([], "stat -c %a /vol; touch /vol/x; stat -c %U /vol/seed")).toBe(
      "1777\nroot\n",
    );
  });

  test("a mount of the user's takes the place of the image's volume", async () => {
    expect(await box.sh(["-v", `${folder}:/vol`], "ls /vol")).toBe("file\n");
  });
});
