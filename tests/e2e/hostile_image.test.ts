/**
 * Images whose own paths are links to the host: whatever tsbox makes, mounts or reads for a container must
 * stay in the container's root. Each image points at a folder of the host that must stay as it was.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CliResult, type Home, makeHome, tsbox } from "../support/cli.ts";
import { type ImageSettings, pushImage } from "../support/images.ts";
import { type RegistryProcess, startRegistry } from "../support/registry_process.ts";
import type { TarEntry } from "../support/tar.ts";

let registry: RegistryProcess;
let home: Home;
/** A folder of the host, which exists for the user who runs tsbox and not in any image. */
let host = "";
let images = 0;

beforeAll(async () => {
  registry = await startRegistry();
  home = makeHome();
  host = join(home.path, "host");
  mkdirSync(host);
});
afterAll(async () => {
  home.remove();
  await registry.stop();
});

const HOST_FILES: Record<string, string> = {
  hosts: "secret hosts\n",
  passwd: "spy:x:1234:1234::/:/bin/sh\nroot:x:1234:1234::/:/bin/sh\n",
  group: "spies:x:77:root\n",
  secret: "secret\n",
};

beforeEach(() => {
  for (const [name, text] of Object.entries(HOST_FILES)) writeFileSync(join(host, name), text);
});

/** Nothing on the host was made, changed or removed. */
function expectHostUntouched(): void {
  expect(readdirSync(host).sort()).toEqual(Object.keys(HOST_FILES).sort());
  for (const [name, text] of Object.entries(HOST_FILES)) {
    expect(readFileSync(join(host, name), "utf8")).toBe(text);
  }
}

/** Both ways to point at the host: absolute, and by more `..` than any root is deep. */
const targets = (path = "") => {
  const absolute = path === "" ? host : `${host}/${path}`;
  return [absolute, `${"../".repeat(40)}${absolute.slice(1)}`];
};

interface Attack {
  /** Files above those of busybox. */
  files?: readonly TarEntry[];
  config?: ImageSettings;
  flags?: readonly string[];
  command?: readonly string[];
}

/** Runs a command in an image made for it, as `run --rm`. */
async function attack({ files = [], config, flags = [], command = ["true"] }: Attack) {
  const { reference } = await pushImage(registry, `hostile-${++images}`, {
    layers: [files],
    ...(config && { config }),
  });
  const arguments_ = ["run", "--rm", "--network", "none", ...flags, reference, ...command];
  const result = await tsbox(arguments_, { home, timeout: 20_000 });
  expectHostUntouched();
  return result;
}

const link = (path: string, target: string): TarEntry => ({ path, type: "symlink", target });
/** Takes a directory or file of busybox's away, so that a link can have its name. */
const instead = (path: string, target: string): TarEntry[] => [
  { path: path.replace(/([^/]+)$/, ".wh.$1") },
  link(path, target),
];

function expectRefused(result: CliResult, path: string): void {
  expect(result.status).toBe(125);
  expect(result.stderr).toContain(path);
}

describe("directories that tsbox mounts on", () => {
  for (const name of ["proc", "sys", "dev"]) {
    test(`/${name} as a link is refused, be it to the host or to the image's own`, async () => {
      for (const target of [...targets(), "/home", "../../../home", "etc/../home", name]) {
        expectRefused(await attack({ files: [link(name, target)] }), `/${name}`);
      }
    });

    test(`/${name} as a file is refused`, async () => {
      expectRefused(await attack({ files: [{ path: name, content: "x" }] }), `/${name}`);
    });
  }

  test("what an image has in /dev is hidden", async () => {
    const files = [
      link("dev/null", "../../etc/passwd"),
      link("dev/shm", host),
      link("dev/pts", host),
    ];
    const { stdout, status } = await attack({
      files: [{ path: "dev/", type: "directory" }, ...files],
      command: ["sh", "-c", "echo lost >/dev/null; stat -c %F /dev/null; cat /etc/passwd | wc -l"],
    });
    expect({ stdout, status }).toEqual({ stdout: "character special file\n3\n", status: 0 });
  });
});

describe("files that tsbox puts in /etc", () => {
  for (const name of ["hosts", "hostname", "resolv.conf"]) {
    test(`/etc/${name} as a link to the host gives nothing of the host away`, async () => {
      for (const target of [...targets("hosts"), ...targets("new-file"), ...targets("no/folder")]) {
        const result = await attack({
          files: [link(`etc/${name}`, target)],
          command: ["cat", `/etc/${name}`],
        });
        expect(result.stdout).not.toContain("secret");
        expect(result.status).toBe(0);
      }
    });
  }

  test("/etc itself as a link to the host stays in the container", async () => {
    for (const target of targets()) {
      const result = await attack({ files: instead("etc", target), command: ["ls", "/etc/"] });
      expect(result.stdout).not.toContain("secret");
    }
  });

  test("links that go round in circles do not hang the start", async () => {
    for (const files of [instead("etc", "/etc"), [link("a", "b"), link("b", "a")]]) {
      const { status } = await attack({ files, flags: ["-w", "/a/work"] });
      expect([0, 125]).toContain(status);
    }
  });
});

describe("users", () => {
  test("a passwd that is a link to the host's is not read", async () => {
    for (const target of targets("passwd")) {
      const { stderr, status } = await attack({
        files: instead("etc/passwd", target),
        flags: ["--user", "spy"],
      });
      expect(status).toBe(125);
      expect(stderr).toContain("unable to find user spy");
    }
  });

  test("a group file that is a link to the host's is not read", async () => {
    for (const target of targets("group")) {
      const { stderr, status } = await attack({
        files: instead("etc/group", target),
        flags: ["--user", "root:spies"],
      });
      expect(status).toBe(125);
      expect(stderr).toContain("unable to find group spies");
    }
  });

  for (
    const [what, entry] of Object.entries<TarEntry>({
      "a pipe": { path: "etc/passwd", type: "fifo" },
      "a directory": { path: "etc/passwd/", type: "directory" },
      "a link to an endless device": link("etc/passwd", "/dev/zero"),
      "a link to the terminal": link("etc/passwd", "/proc/self/fd/0"),
    })
  ) {
    test(`a passwd that is ${what} does not hang the start`, async () => {
      const files: TarEntry[] = [{ path: "etc/.wh.passwd" }, entry];
      const command = ["stat", "-Lc", "%u", "/proc/self"];
      const { stdout, status } = await attack({ files, command });
      expect([0, 125]).toContain(status);
      if (status === 0) expect(stdout).toBe("0\n");
    });
  }

  test("a passwd larger than any real one is refused", async () => {
    const content = "x:x:1:1::/:/bin/sh\n".repeat(1 << 20);
    const { stderr, status } = await attack({
      files: [{ path: "etc/passwd", content }],
      flags: ["--user", "x"],
    });
    expect(status).toBe(125);
    expect(stderr).toContain("/etc/passwd");
  });
});

describe("the working directory", () => {
  test("a link to the host leads nowhere", async () => {
    for (const target of targets()) {
      const files = [link("work", target)];
      for (const workdir of ["/work", "/work/deep/er"]) {
        const result = await attack({
          files,
          flags: ["-w", workdir],
          command: ["sh", "-c", "touch made; ls"],
        });
        expect(result.stdout).not.toContain("secret");
      }
    }
  });

  test("WORKDIR of the image as a link to the host leads nowhere", async () => {
    const { stdout } = await attack({
      files: [link("work", host)],
      config: { WorkingDir: "/work/new" },
      command: ["sh", "-c", "touch made; cat secret ../secret"],
    });
    expect(stdout).not.toContain("secret");
  });
});

describe("mount targets", () => {
  const source = () => {
    const path = join(home.path, "source");
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "mine"), "mine\n");
    return path;
  };

  test("a mount below a link follows it in the container", async () => {
    for (const target of ["/home", "../home", `${"../".repeat(40)}home`]) {
      const { stdout } = await attack({
        files: [link("mnt", target)],
        config: { Volumes: { "/mnt/volume": {} } },
        flags: ["-v", `${source()}:/mnt/in`, "--tmpfs", "/mnt/tmp"],
        command: ["sh", "-c", "touch /mnt/volume/a /mnt/tmp/b; cd /home; ls in volume tmp"],
      });
      expect(stdout).toBe("in:\nmine\n\ntmp:\nb\n\nvolume:\na\n");
    }
  });

  test("a mount below a link to the host does not reach it", async () => {
    for (const target of targets()) {
      for (const flags of [["-v", `${source()}:/mnt/in`], ["--tmpfs", "/mnt/in"]]) {
        const { stdout, stderr, status } = await attack({
          files: [link("mnt", target)],
          flags,
          command: ["sh", "-c", "touch /mnt/in/made; cat /mnt/secret"],
        });
        expect(stdout).toBe("");
        if (status === 125) expect(stderr).toContain("/mnt");
      }
      const volume = { config: { Volumes: { "/mnt/in": {} } } };
      expect((await attack({ files: [link("mnt", target)], ...volume })).stdout).toBe("");
    }
  });

  test("a bind of a file onto a link to the host stays in the container", async () => {
    for (const target of [...targets("secret"), ...targets("new-file")]) {
      const result = await attack({
        files: [link("file", target)],
        flags: ["-v", `${source()}/mine:/file`],
        command: ["cat", "/file"],
      });
      expect(result.stdout).toBe("mine\n");
    }
  });

  test("a VOLUME that climbs out of the root stays in it", async () => {
    const { status } = await attack({ config: { Volumes: { [`/../../..${host}/volume`]: {} } } });
    expect([0, 125]).toContain(status);
  });

  test("a bind over /proc or into it is refused", async () => {
    for (const target of ["/proc", "/proc/self/fd", "/proc/sys"]) {
      const { status } = await attack({ flags: ["-v", `${source()}:${target}`] });
      expect(status).toBe(125);
    }
  });
});

describe("the command", () => {
  test("a link to a program of the host is not found", async () => {
    writeFileSync(join(home.path, "program"), "#!/bin/sh\necho escaped\n", { mode: 0o755 });
    const { stdout, status } = await attack({
      files: [link("program", join(home.path, "program"))],
      command: ["/program"],
    });
    expect({ stdout, status }).toEqual({ stdout: "", status: 127 });
  });
});
