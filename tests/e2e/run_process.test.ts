/** `run`: the container's process: arguments, environment, user, working directory, limits, exit status. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers({
    busybox: {
      passwd: ["alice:x:1000:1000::/home/alice:/bin/sh"],
      group: ["alice:x:1000:", "staff:x:50:alice", "audio:x:63:"],
    },
    layers: [[{ path: "data.txt", content: "no program\n" }, {
      path: "odd",
      content: "\x7fELF but not really",
      mode: 0o755,
    }]],
  });
});
afterAll(() => box.stop());

describe("arguments and environment", () => {
  test("arguments reach the command byte for byte", async () => {
    const words = ["a b", "", "$HOME", "*", "ü\n", "--rm", "'\""];
    const { stdout } = await box.run([], ["printf", "<%s>", ...words]);
    expect(stdout).toBe(words.map((word) => `<${word}>`).join(""));
  });

  test("the environment is docker's defaults and nothing of the caller's", async () => {
    const out = await box.sh(["-h", "box"], "env | sort", { env: { SECRET: "1" } });
    expect(out.split("\n").filter((line) => !/^(PWD|SHLVL|OLDPWD)=/.test(line))).toEqual([
      "HOME=/root",
      "HOSTNAME=box",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "",
    ]);
  });

  test("-e sets, takes over from the caller and leaves out what the caller has not", async () => {
    const flags = ["-e", "A=1=2", "-e", "FROM", "-e", "MISSING", "-e", "EMPTY="];
    const script = 'echo "$A,$FROM,${MISSING-unset},${EMPTY-unset}"';
    expect(await box.sh(flags, script, { env: { FROM: "caller" } })).toBe("1=2,caller,unset,\n");
  });

  test("--env-file is read without shell rules, and -e wins over it", async () => {
    writeFileSync(`${box.home.path}/vars`, "# comment\nA=from file\nB='quoted'\nFROM\n");
    const script = 'echo "$A,$B,$FROM"';
    const flags = ["-e", "A=flag", "--env-file", "vars"];
    expect(await box.sh(flags, script, { env: { FROM: "caller" } })).toBe("flag,'quoted',caller\n");
  });

  test("large arguments and environments arrive whole", async () => {
    const words = Array.from({ length: 3000 }, (_, i) => `${i}-${"x".repeat(200)}`);
    const file = `${box.home.path}/large`;
    writeFileSync(file, `BIG=${"y".repeat(60_000)}\n`);
    const script = 'echo $# ${#BIG}; shift 2998; echo "${1%%-*}"';
    const { stdout, status } = await box.run(["--env-file", file], [
      ...["sh", "-c", script, "sh"],
      ...words,
    ]);
    expect({ stdout, status }).toEqual({ stdout: "3000 60000\n2998\n", status: 0 });
  });
});

describe("user, groups and working directory", () => {
  const whoami = 'echo "$(id -u):$(id -g):$(id -G):$HOME"';

  test.each([
    ["alice", "1000:1000:1000 50:/home/alice"],
    ["alice:audio", "1000:63:63:/home/alice"],
    ["1000", "1000:1000:1000 50:/home/alice"],
    ["1000:50", "1000:50:50:/home/alice"],
    ["4242", "4242:0:0:/"],
    ["4242:4243", "4242:4243:4243:/"],
    ["0:0", "0:0:0:/root"],
  ])("-u %s is %s", async (user, expected) => {
    expect(await box.sh(["-u", user], whoami)).toBe(`${expected}\n`);
  });

  test("--group-add adds by name and by number", async () => {
    const out = await box.sh(
      ["-u", "alice", "--group-add", "audio", "--group-add", "777"],
      "id -G",
    );
    expect(out.trim().split(" ").map(Number).sort((a, b) => a - b)).toEqual([50, 63, 777, 1000]);
  });

  test.each([
    [["-u", "ghost"], "unable to find user ghost: no matching entries in passwd file"],
    [["-u", "alice:ghosts"], "unable to find group ghosts: no matching entries in group file"],
    [["--group-add", "ghosts"], "Unable to find group ghosts"],
  ])("run %j is refused and leaves nothing", async (flags, message) => {
    const { stderr, status } = await box.run(flags, ["true"]);
    expect(stderr).toContain(message);
    expect(status).toBe(125);
    expect(box.leftovers()).toEqual([]);
  });

  test("-w is made when it is missing, and is the command's directory", async () => {
    expect(await box.sh(["-w", "/new/deep"], "pwd; ls -ld . | cut -c1-10")).toBe(
      "/new/deep\ndrwxr-xr-x\n",
    );
  });

  test("-w needs an absolute path", async () => {
    const { stderr, status } = await box.run(["-w", "here"], ["true"]);
    expect(stderr).toContain("the working directory 'here' is invalid");
    expect(status).toBe(125);
  });

  test("-h names the host, and hosts and hostname files know it", async () => {
    const script = "hostname; cat /etc/hostname; grep -c box.example /etc/hosts; uname -n";
    const out = await box.sh(["-h", "box.example", "--network", "private"], script);
    expect(out).toBe("box.example\nbox.example\n1\nbox.example\n");
  });

  test("--entrypoint replaces, and an empty one leaves the arguments as the command", async () => {
    const { stdout } = await box.run(["--entrypoint", "echo"], ["hello"]);
    expect(stdout).toBe("hello\n");
    expect((await box.run(["--entrypoint", ""], ["echo", "plain"])).stdout).toBe("plain\n");
    const none = await box.run(["--entrypoint", ""]);
    expect(none.stderr).toContain("no command specified");
    expect(none.status).toBe(125);
  });
});

describe("limits", () => {
  test("--ulimit sets soft and hard limits", async () => {
    const flags = ["--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "cpu=5"];
    const script = "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -t";
    expect(await box.sh(flags, script)).toBe("100\n200\n0\n5\n");
  });

  test("without --ulimit the soft limit of open files is the usual one", async () => {
    expect(await box.sh([], "ulimit -Sn")).toBe("1024\n");
  });

  test("a limit above the caller's own is refused by name", async () => {
    const { stderr, status } = await box.run(["--ulimit", "nofile=99999999:99999999"], ["true"]);
    expect(stderr).toContain("nofile=99999999:99999999");
    expect(status).toBe(125);
    expect(box.leftovers()).toEqual([]);
  });

  test("--sysctl is set in the container's own namespaces, and others are refused", async () => {
    const flags = ["--sysctl", "net.ipv4.ip_default_ttl=42", "--sysctl", "kernel.msgmax=4096"];
    const script = "cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax";
    expect(await box.sh(flags, script)).toBe("42\n4096\n");
    const { status, stderr } = await box.run(["--sysctl", "kernel.panic=1"], ["true"]);
    expect(stderr).toContain("kernel.panic");
    expect(status).toBe(125);
  });
});

describe("exit status", () => {
  test.each([[0], [1], [7], [125], [126], [127], [255]])("a command's %d is ours", async (code) => {
    expect((await box.run([], ["sh", "-c", `exit ${code}`])).status).toBe(code);
  });

  test.each([["TERM", 143], ["KILL", 137], ["SEGV", 139], ["USR1", 138]])(
    "death by SIG%s is %d",
    async (signal, expected) => {
      // A first process gets no signal of its own that it does not handle: the init's child does.
      const { status } = await box.run(["--init"], ["sh", "-c", `kill -${signal} $$; sleep 5`]);
      expect(status).toBe(expected);
    },
  );

  test.each([
    [["no-such-command"], 127, 'exec: "no-such-command": executable file not found in $PATH'],
    [["/no/such/file"], 127, 'exec: "/no/such/file": no such file or directory'],
    [["/data.txt"], 126, 'exec: "/data.txt": permission denied'],
    [["/etc"], 126, 'exec: "/etc": permission denied'],
    [["/odd"], 126, 'exec: "/odd": exec format error'],
  ])("%j ends with %d", async (command, code, message) => {
    for (const flags of [[], ["--init"]]) {
      const { stderr, status } = await box.run(flags, command);
      expect(stderr).toContain(message);
      expect(status).toBe(code);
      expect(box.leftovers()).toEqual([]);
    }
  });
});
