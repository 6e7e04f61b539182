/** `run`: what belongs to the caller and is not the container's, though it comes near it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Arena } from "../../src/ffi/arena.ts";
import { IMAGE_BASE, toElf } from "../../src/ffi/elf.ts";
import { NR } from "../../src/ffi/libc.ts";
import { Program } from "../../src/ffi/program.ts";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { TSBOX, tsbox } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers();
});
afterAll(() => box.stop());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(box.home.path, "caller-"));
});

describe("a link of the caller's, which leads nowhere in the container", () => {
  let shared: string;
  let link: string;
  beforeEach(() => {
    shared = join(folder, "shared");
    link = join(shared, "link");
    mkdirSync(shared);
    mkdirSync(join(folder, "real"));
    writeFileSync(join(folder, "real/file"), "mine\n");
  });

  for (
    const [what, target, flags] of [
      ["in the working directory", "real", () => ["-w", "/m/link/deeper"]],
      ["in the working directory's place", "real", () => ["-w", "/m/link"]],
      ["in a mount's target", "real", () => ["-v", `${folder}/real:/m/link/deeper`]],
      ["in a file's place", "real/file", () => ["-v", `${folder}/real/file:/m/link`]],
      ["in a file's way", "real", () => ["-v", `${folder}/real/file:/m/link/file`]],
    ] as const
  ) {
    test(`stays when it is ${what}`, async () => {
      symlinkSync(join(folder, target), link);
      const { stderr, status } = await box.run(["-v", `${shared}:/m`, ...flags()], ["true"]);
      expect([0, 125]).toContain(status);
      if (status === 125) expect(stderr).toContain("/m/link");
      expect(readlinkSync(link)).toBe(join(folder, target));
      expect(readdirSync(shared)).toEqual(["link"]);
    });
  }
});

describe("a standard descriptor with a name", () => {
  const fifo = () => {
    const path = join(folder, "fifo");
    expect(Bun.spawnSync(["mkfifo", "-m", "600", path]).success).toBe(true);
    return path;
  };
  const runWith = (flags: readonly string[], script: string, stdin: number, stdout: number) =>
    Bun.spawn([TSBOX, ...box.words(["-i", ...flags], ["sh", "-c", script])], {
      cwd: box.home.path,
      env: box.home.env,
      stdin,
      stdout,
      timeout: 20_000,
    }).exited;

  test("keeps its owner and mode, whatever the container does", async () => {
    for (const flags of [[], ["-u", "1000"]]) {
      const path = fifo();
      const [reader, output] = [openSync(path, "r+"), openSync("/dev/null", "w")];
      await runWith(flags, "chmod 777 /proc/self/fd/1; chown 7 /proc/self/fd/1", output, reader);
      const { uid, mode } = statSync(path);
      expect([uid, mode & 0o777]).toEqual([process.getuid?.() ?? -1, 0o600]);
      for (const fd of [reader, output]) closeSync(fd);
      Bun.spawnSync(["rm", path]);
    }
  });

  test("is still read to its end", async () => {
    const path = fifo();
    const writer = Bun.spawn(["sh", "-c", `printf 'through a pipe' >${path}`]);
    const output = openSync(join(folder, "output"), "w");
    const input = openSync(path, "r");
    expect(await runWith([], "cat", input, output)).toBe(0);
    expect(await Bun.file(join(folder, "output")).text()).toBe("through a pipe");
    for (const fd of [input, output]) closeSync(fd);
    await writer.exited;
  });

  test("which is an internet socket, is not the container's, but its bytes are", async () => {
    const received: string[] = [];
    const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void socket.write("question"),
        data: (_socket, bytes) => void received.push(bytes.toString()),
        close: () => onClose(),
      },
    });
    const script = `exec ${TSBOX} ${
      box.words(["-i"], [
        "sh",
        "-c",
        "'head -c 8; readlink /proc/self/fd/0; readlink /proc/self/fd/1'",
      ])
        .join(" ")
    } <&3 >&3 3>&-`;
    const bash = Bun.spawn(
      ["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${server.port}; ${script}`],
      { cwd: box.home.path, env: box.home.env, timeout: 20_000 },
    );
    expect(await bash.exited).toBe(0);
    await closed;
    server.stop(true);
    expect(received.join("")).toMatch(/^question(pipe:\[\d+\]\n){2}$/);
  });
});

test("a runtime folder that others can write to is refused by all who would use it", async () => {
  const runtime = join(folder, "run");
  mkdirSync(join(runtime, "tsbox"), { recursive: true });
  chmodSync(join(runtime, "tsbox"), 0o777);
  const env = { XDG_RUNTIME_DIR: runtime };
  const commands = [box.words([], ["true"]), ["pull", box.image], ["info"], ["doctor"]];
  for (const command of commands) {
    const { stdout, stderr } = await tsbox(command, { home: box.home, env });
    // A pull of what is there already needs no such folder.
    if (command[0] === "pull") continue;
    expect(stdout + stderr).toContain(`${runtime}/tsbox": it is not a folder of yours alone`);
  }
  expect(readdirSync(join(runtime, "tsbox"))).toEqual([]);
});

describe("the caller's keys", () => {
  const NAME = "tsbox-test-keyring";

  test("are not in a container that may ask for keys", async () => {
    const [tell, join_] = [join(folder, "tell"), join(folder, "join")];
    writeFileSync(tell, tellKeyring(), { mode: 0o755 });
    const under = async (executable: Uint8Array) => {
      writeFileSync(join_, executable, { mode: 0o755 });
      const place = { cwd: box.home.path, env: box.home.env, timeout: 20_000 };
      const { stdout, stderr } = Bun.spawnSync([join_], place);
      await Bun.file(join_).delete();
      return stdout.toString() + stderr.toString();
    };
    expect(await under(joinKeyring(NAME, [tell]))).toContain(NAME);
    const flags = ["-v", `${tell}:/tell`, "--security-opt", "seccomp=unconfined"];
    const command = [TSBOX, ...box.words(flags, ["/tell"])];
    // Also not after the same command of a caller who may not ask for keys, nor can the container: what that launch
    // has kept is another one's.
    expect(await under(refuseKeys(command))).not.toContain("tsbox:");
    for (let i = 0; i < 2; i++) {
      const told = await under(joinKeyring(NAME, command));
      expect(told).toStartWith("keyring;");
      expect(told).not.toContain(NAME);
      expect(await under(refuseKeys(command))).not.toContain("tsbox:");
    }
  });
});

const SESSION_KEYRING = -3;
const EPERM = 1;

/** An executable that joins a session keyring of this name and executes the command. */
function joinKeyring(name: string, command: readonly string[]): Uint8Array {
  const program = new Program(Arena.image(IMAGE_BASE));
  const { arena } = program;
  program.op("join a keyring", "keyctl", [1, arena.text(name)]);
  return executing(program, command);
}

/** An executable that forbids itself to ask for keys, and executes the command. */
function refuseKeys(command: readonly string[]): Uint8Array {
  const program = new Program(Arena.image(IMAGE_BASE));
  const { arena } = program;
  const [refuse, allow] = [0x50000 + EPERM, 0x7fff0000];
  const filter = arena.halves([0x20, 0, 0x1000015, NR.keyctl, 6, refuse, 6, allow]);
  program.op("give up privileges", "prctl", [38, 1, 0, 0, 0]);
  program.op("load the filter", "seccomp", [1, 0, arena.words([4, filter])]);
  return executing(program, command);
}

function executing(program: Program, command: readonly string[]): Uint8Array {
  const { arena } = program;
  const env = Object.entries(box.home.env).map(([key, value]) => `${key}=${value}`);
  const [path = ""] = command;
  program.op("execute", "execve", [arena.text(path), arena.vector(command), arena.vector(env)]);
  return toElf(program);
}

/** An executable that prints what its session keyring is called. */
function tellKeyring(): Uint8Array {
  const program = new Program(Arena.image(IMAGE_BASE));
  const text = program.arena.reserve(256);
  program.op("describe the keyring", "keyctl", [6, SESSION_KEYRING, text, 256]);
  program.op("print", "write", [1, text, 256]);
  program.op("exit", "exit_group", [0]);
  return toElf(program);
}

describe("a caller with many open descriptors", () => {
  /** Runs tsbox where the lowest free descriptor is `first`. */
  async function runFrom(first: number, words: readonly string[]) {
    const script = `for ((i = 3; i < ${first}; i++)); do eval "exec $i</dev/null"; done; exec "$@"`;
    // To a file: what writes to a pipe would be the monitor's to execute, once it is warm.
    const output = join(folder, "output");
    writeFileSync(output, "");
    const child = Bun.spawn(["bash", "-c", script, "bash", TSBOX, ...words], {
      cwd: box.home.path,
      env: box.home.env,
      stdin: "ignore",
      stdout: Bun.file(output),
      stderr: "pipe",
    });
    const [stderr, status] = await Promise.all([child.stderr.text(), child.exited]);
    return { stdout: readFileSync(output, "utf8"), stderr, status };
  }
  const listed = ["sh", "-c", "cd /proc/self/fd && echo *"];
  // The last is the one by which the shell looks.
  const expected = { stdout: "0 1 2 3\n", stderr: "" };
  // Around the numbers by which the processes on the way into a container know theirs.
  const numbers = (center: number) => Array.from({ length: 24 }, (_, i) => center - 20 + i);

  for (const center of [24, 101, 1001]) {
    test(`that end near ${center} has containers all the same`, async () => {
      for (const first of numbers(center)) {
        for (const flags of [[], ["--init"]]) {
          const result = await runFrom(first, box.words(["--rm", ...flags], listed));
          expect({ first, ...result }).toEqual({ first, ...expected, status: 0 });
        }
      }
    });

    test(`that end near ${center} executes commands in them`, async () => {
      const name = `many${center}`;
      await runFrom(center - 10, box.words(["-d", "--name", name], ["sleep", "600"]));
      for (const first of numbers(center)) {
        const result = await runFrom(first, ["exec", name, ...listed]);
        expect({ first, ...result }).toEqual({ first, ...expected, status: 0 });
      }
      expect((await tsbox(["rm", "-f", name], { home: box.home })).status).toBe(0);
    });
  }
});
