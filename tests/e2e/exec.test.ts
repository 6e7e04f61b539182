/** `exec`: commands in a container that runs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { type CliOptions, TSBOX, tsbox, tsboxOnTerminal } from "../support/cli.ts";
import {
  type RunningContainer,
  startContainer,
  startDetached,
} from "../support/running_container.ts";

const KINDS = [
  ["in a container that its own command runs", startContainer, {}],
  ["in a container with a monitor", startDetached, {}],
  // Machine code leaves everything to JavaScript where a variable is ours, also one that means nothing.
  ["in a container with a monitor, without machine code", startDetached, { TSBOX_NONE: "1" }],
] as const;

describe.each(KINDS)("%s", (_, start, env) => {
  let box: BusyboxContainers;
  let container: RunningContainer;
  const begin = (flags: readonly string[] = []) => start(box, flags);

  beforeAll(async () => {
    box = await busyboxContainers({
      busybox: {
        passwd: ["alice:x:1000:1000::/home/alice:/bin/sh"],
        group: ["alice:x:1000:", "wheel:x:10:alice"],
      },
      config: { Env: ["FROM=image"], WorkingDir: "/home" },
      layers: [[
        { path: "plain", content: "text" },
        { path: "interpreted", content: "#!/nowhere\n", mode: 0o755 },
      ]],
    });
    Object.assign(box.home.env, env);
    container = await begin(["-e", "OWN=container"]);
  });
  afterAll(async () => {
    await container.stop();
    await box.stop();
  });

  function exec(
    flags: readonly string[],
    command: readonly string[],
    options?: Partial<CliOptions>,
  ) {
    const words = ["exec", ...flags, container.name, ...command];
    return tsbox(words, { home: box.home, ...options });
  }

  async function sh(flags: readonly string[], script: string, options?: Partial<CliOptions>) {
    const { stdout, stderr, status } = await exec(flags, ["sh", "-c", script], options);
    if (status === 0 && stderr === "") return stdout;
    throw new Error(`${script}: ${status}\n${stdout}${stderr}`);
  }

  describe("the command", () => {
    test("sees the container's processes, files, host name and network", async () => {
      expect(await sh([], "hostname; cat /proc/1/comm; ls /sys/class/net; echo hi >/tmp/x")).toBe(
        `${container.record.id.slice(0, 12)}\nsleep\nlo\n`,
      );
      expect(await sh([], "cat /tmp/x")).toBe("hi\n");
    });

    test("is a child of nobody in the container and leads a session", async () => {
      const [pid, parent, , session] = (await sh([], "cut -d ' ' -f 1,4,5,6 /proc/self/stat"))
        .split(" ");
      expect(parent).not.toBe("1");
      expect(Number(session)).toBeGreaterThan(1);
      expect(Number(pid)).toBeGreaterThanOrEqual(Number(session));
      expect((await exec([], ["cut", "-d", " ", "-f", "4", "/proc/self/stat"])).stdout).toBe("0\n");
    });

    test("ends exec with its status, or 128 and its signal", async () => {
      expect((await exec([], ["sh", "-c", "exit 7"])).status).toBe(7);
      expect((await exec([], ["sh", "-c", "kill -9 $$"])).status).toBe(137);
      expect((await exec([], ["true"])).status).toBe(0);
    });

    test("that is not there is 127, that cannot be executed 126, in the words of run", async () => {
      const failures = [
        { command: "nope", status: 127, text: 'exec: "nope": executable file not found in $PATH' },
        { command: "/no/pe", status: 127, text: 'exec: "/no/pe": no such file or directory' },
        { command: "/plain", status: 126, text: 'exec: "/plain": permission denied' },
        { command: "/etc", status: 126, text: 'exec: "/etc": permission denied' },
        { command: "/interpreted", status: 127, text: "no such file or directory" },
      ];
      for (const { command, status, text } of failures) {
        const answer = await exec([], [command]);
        expect({ command, status: answer.status }).toEqual({ command, status });
        expect(answer.stderr).toContain(text);
      }
    });

    test("has the container's environment, and what is given over it", async () => {
      expect(await sh([], "echo $FROM $OWN $HOME $HOSTNAME ${TERM:-none}")).toBe(
        `image container /root ${container.record.id.slice(0, 12)} none\n`,
      );
      const env = { CALLERS: "value" };
      const flags = ["-e", "OWN=mine", "-e", "CALLERS", "-e", "FROM", "-e", "EMPTY="];
      expect(await sh(flags, "echo $OWN $CALLERS ${FROM-gone} ${EMPTY-unset}.", { env })).toBe(
        "mine value gone .\n",
      );
      expect(await sh([], "echo ${CALLERS-unset}", { env })).toBe("unset\n");
    });

    test("takes variables from files", async () => {
      await Bun.write(`${box.home.path}/vars`, "# comment\nA=1\nB=two words\n");
      expect(await sh(["--env-file", "vars", "-e", "A=2"], "echo $A $B")).toBe("2 two words\n");
    });

    test("runs where the container does, or in the directory that is named", async () => {
      expect((await exec([], ["pwd"])).stdout).toBe("/home\n");
      expect((await exec(["-w", "/tmp/"], ["pwd"])).stdout).toBe("/tmp\n");
      const missing = await exec(["-w", "/no/where"], ["pwd"]);
      expect(missing).toMatchObject({ stdout: "", status: 127 });
      expect(missing.stderr).toContain('chdir to cwd ("/no/where"): no such file or directory');
      const relative = await exec(["-w", "tmp"], ["pwd"]);
      expect(relative).toMatchObject({
        stderr: "tsbox: Cwd must be an absolute path\n",
        status: 1,
      });
    });

    test("runs as the user that is named, who is looked up in the container as it is now", async () => {
      expect(await sh(["-u", "alice"], "id -u; id -G; echo $HOME")).toBe(
        "1000\n1000 10\n/home/alice\n",
      );
      expect(await sh(["-u", "1000:10"], "id -u; id -G")).toBe("1000\n10\n");
      expect(await sh(["-u", "33"], "id -u; id -g; echo $HOME")).toBe("33\n0\n/\n");
      await sh([], "echo bob:x:44:44::/tmp:/bin/sh >>/etc/passwd");
      expect(await sh(["-u", "bob"], "id -u")).toBe("44\n");
      const unknown = await exec(["-u", "nobodyknows"], ["true"]);
      expect(unknown.stderr).toContain("unable to find user nobodyknows");
      expect(unknown.status).toBe(1);
    });

    test("finds the user also where only root of the container may look", async () => {
      await sh([], "chmod 600 /etc/passwd; chown 1:1 /etc/passwd");
      try {
        expect(await sh(["-u", "alice"], "id -u")).toBe("1000\n");
      } finally {
        await sh([], "chown 0:0 /etc/passwd; chmod 644 /etc/passwd");
      }
    });
  });

  describe("streams", () => {
    test("-i passes the caller's input on, to its end", async () => {
      expect((await exec(["-i"], ["cat"], { stdin: "one\ntwo\n" })).stdout).toBe("one\ntwo\n");
      const bytes = new Uint8Array(3_000_000).fill(65);
      expect((await exec(["-i"], ["wc", "-c"], { stdin: bytes })).stdout).toBe("3000000\n");
    });

    test("without -i there is none", async () => {
      expect((await exec([], ["cat"], { stdin: "lost" })).stdout).toBe("");
    });

    test("output and errors are apart", async () => {
      const { stdout, stderr } = await exec([], ["sh", "-c", "echo out; echo err >&2"]);
      expect({ stdout, stderr }).toEqual({ stdout: "out\n", stderr: "err\n" });
    });

    test("all of a long output arrives in a file, whose descriptor the command does not get", async () => {
      const path = `${box.home.path}/out`;
      const script =
        `"${TSBOX}" exec ${container.name} sh -c 'readlink /proc/self/fd/1; seq 200000' >${path}`;
      const { exited } = Bun.spawn(["sh", "-c", script], { env: box.home.env });
      expect(await exited).toBe(0);
      const [first, ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
      expect(first).toStartWith("pipe:");
      expect(lines.length).toBe(200000);
    });

    test("what the command leaves running does not hold exec up", async () => {
      const started = performance.now();
      const { stdout, status } = await exec([], [
        "sh",
        "-c",
        "sleep 30 >/dev/null 2>&1 & echo done",
      ]);
      expect({ stdout, status }).toEqual({ stdout: "done\n", status: 0 });
      expect(performance.now() - started).toBeLessThan(10_000);
    });
  });

  describe("a terminal", () => {
    const terminal = (flags: readonly string[], command: readonly string[]) =>
      tsboxOnTerminal(["exec", ...flags, container.name, ...command], {
        home: box.home,
        columns: 100,
        rows: 40,
      });

    test("is one of the container's own, of the right size, and TERM is set", async () => {
      const session = terminal(["-it"], ["sh", "-c", "tty; stty size; echo $TERM; exit 7"]);
      expect(await session.exited).toBe(7);
      expect(session.output()).toMatch(/^\/dev\/pts\/\d+\r\n40 100\r\nxterm\r\n$/);
    });

    test("is usable by another user too", async () => {
      const session = terminal(["-it", "-u", "alice"], [
        "sh",
        "-c",
        "echo one >/dev/tty; test -w $(tty)",
      ]);
      expect(await session.exited).toBe(0);
      expect(session.output()).toBe("one\r\n");
    });

    test("follows the size of the user's, has job control, and passes keys on", async () => {
      const session = terminal(["-it"], ["sh"]);
      await session.waitFor(/# /);
      session.resize(73, 21);
      await Bun.sleep(100);
      session.type("stty size\n");
      await session.waitFor(/21 73/);
      session.type("sleep 60\n");
      await Bun.sleep(200);
      session.type("\x1a");
      await session.waitFor(/Stopped/);
      session.type("jobs\n");
      await session.waitFor(/\[1\].*Stopped/);
      session.type("fg\n");
      await Bun.sleep(200);
      session.type("\x03");
      session.type("echo $?; exit 3\n");
      await session.waitFor(/130/);
      expect(await session.exited).toBe(3);
    });

    test("is refused when there is none to connect it with", async () => {
      const { stderr, status } = await exec(["-it"], ["true"]);
      expect({ stderr, status }).toEqual({ stderr: "the input device is not a TTY\n", status: 1 });
    });

    test("with -t alone takes no input, and its output may go elsewhere", async () => {
      const { stdout, status } = await exec(["-t"], ["sh", "-c", "tty; echo err >&2"]);
      expect(stdout).toMatch(/^\/dev\/pts\/\d+\r\nerr\r\n$/);
      expect(status).toBe(0);
    });

    test("stays with its command when the user types the detach keys", async () => {
      for (
        const [flags, keys] of [[[], "\x10\x11"], [["--detach-keys", "ctrl-x,x"], "\x18x"]] as const
      ) {
        const script = "read a; yes 98836 | head -100000; sleep 98837; echo $a";
        const session = terminal(["-it", ...flags], ["sh", "-c", script]);
        session.type("line\n");
        await session.waitFor(/98836/);
        session.type(keys);
        await session.waitFor(/read escape sequence/);
        expect(await session.exited).toBe(0);
        await until(
          "it goes on without a reader",
          () => processesWith("sleep\x0098837").length === 1,
        );
        processesWith("sleep\x0098837").forEach((pid) => process.kill(pid));
        await until("the command ends", () => processesWith("98836").length === 0);
      }
      await until("nobody holds the terminal", () => processesWith("@terminal").length === 0);
      const wrong = await exec(["--detach-keys", "ctrl-"], ["true"]);
      expect(wrong.stderr).toContain("invalid detach keys provided");
    });

    test("with -d is held open for the command", async () => {
      const script = "tty >/tmp/tty; seq 100000; sleep 98838";
      expect(await exec(["-dt"], ["sh", "-c", script])).toEqual({
        stdout: "",
        stderr: "",
        status: 0,
      });
      await until(
        "it writes on without a reader",
        () => processesWith("sleep\x0098838").length > 0,
      );
      expect(await sh([], "cat /tmp/tty")).toMatch(/^\/dev\/pts\/\d+\n$/);
      processesWith("sleep\x0098838").forEach((pid) => process.kill(pid));
      processesWith("sleep 98838").forEach((pid) => process.kill(pid));
      await until("nobody holds the terminal", () => processesWith("@terminal").length === 0);
    });

    test("is closed when exec is killed, which ends the shell on it", async () => {
      const session = terminal(["-it"], ["sh", "-c", "echo ready; exec sleep 98831"]);
      await session.waitFor(/ready/);
      session.signal("SIGKILL");
      await session.exited;
      await until("the command has ended", () => processesWith("sleep\x0098831").length === 0);
    });
  });

  describe("lives", () => {
    test("-d returns at once, prints nothing, and the command stays", async () => {
      const answer = await exec(["-d"], ["sleep", "98832"]);
      expect(answer).toEqual({ stdout: "", stderr: "", status: 0 });
      const [pid = 0] = processesWith("sleep\x0098832");
      expect(pid).toBeGreaterThan(0);
      process.kill(pid);
      await until("it has ended", () => processesWith("sleep\x0098832").length === 0);
      expect(await sh([], "ps -o stat | grep -c Z || true")).toBe("0\n");
    });

    test("-d tells that the command cannot be executed", async () => {
      expect((await exec(["-d"], ["nope"])).status).toBe(127);
    });

    test("the command goes on when exec is killed, as with docker", async () => {
      const words = ["exec", container.name, "sleep", "98833"];
      const client = Bun.spawn([TSBOX, ...words], { env: box.home.env, stdin: "ignore" });
      await until("it runs", () => processesWith("sleep\x0098833").length > 1);
      client.kill("SIGKILL");
      await client.exited;
      await Bun.sleep(100);
      const left = processesWith("sleep\x0098833");
      expect(left.length).toBe(1);
      left.forEach((pid) => process.kill(pid));
    });

    test("the end of the container ends the command, and exec with 137", async () => {
      const other = await begin();
      const ending = tsbox(["exec", other.name, "sleep", "98834"], { home: box.home });
      await until("it runs", () => processesWith("sleep\x0098834").length > 1);
      await other.stop();
      expect((await ending).status).toBe(137);
      expect(processesWith("sleep\x0098834")).toEqual([]);
    });

    test("an exec that is stopped does not hold up the end of the container", async () => {
      const other = await begin();
      const words = ["exec", other.name, "sleep", "98835"];
      const client = Bun.spawn([TSBOX, ...words], { env: box.home.env, stdin: "ignore" });
      await until("it runs", () => processesWith("sleep\x0098835").length > 1);
      client.kill("SIGSTOP");
      const started = performance.now();
      await other.stop();
      expect(performance.now() - started).toBeLessThan(5000);
      client.kill("SIGKILL");
      await client.exited;
    });

    test("many at once all get their own answers", async () => {
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const answers = await Promise.all(
        numbers.map((n) => exec([], ["sh", "-c", `echo ${n}; exit ${n}`])),
      );
      expect(answers).toEqual(numbers.map((n) => ({ stdout: `${n}\n`, stderr: "", status: n })));
    });
  });

  describe("containers that cannot be entered", () => {
    test("one that is not there, and one that has ended", async () => {
      const none = await tsbox(["exec", "nobody", "true"], { home: box.home });
      expect(none).toEqual({ stdout: "", stderr: "tsbox: No such container: nobody\n", status: 1 });
      await tsbox(["run", "--name", "over", "--network", "none", box.image, "true"], {
        home: box.home,
      });
      const over = await tsbox(["exec", "over", "true"], { home: box.home });
      expect(over.stderr).toMatch(/^tsbox: container [0-9a-f]{64} is not running\n$/);
      expect(over.status).toBe(1);
    });

    test("a command line without a command", async () => {
      const { stderr, status } = await tsbox(["exec", container.name], { home: box.home });
      expect(stderr).toContain("requires at least 2 arguments");
      expect(status).toBe(1);
    });
  });

  describe("other kinds of containers", () => {
    test("with the host's processes, network and message queues", async () => {
      const flags = ["--pid", "host", "--network", "host", "--ipc", "host"];
      const other = await begin(flags);
      const script = `test -d /proc/${process.pid} && echo host; cat /proc/net/dev`;
      const { stdout, status } = await tsbox(["exec", other.name, "sh", "-c", script], {
        home: box.home,
      });
      await other.stop();
      expect(status).toBe(0);
      expect(stdout).toStartWith("host\n");
      const interfaces = (text: string) => text.match(/^\s*\S+(?=:)/gm);
      expect(interfaces(stdout)).toEqual(interfaces(readFileSync("/proc/net/dev", "utf8")));
    });

    test("with a single id, an init and a read-only root", async () => {
      const other = await begin(["--userns", "single", "--init", "--read-only"]);
      const words = ["exec", other.name, "sh", "-c", "id -u; touch /x || echo read-only"];
      const { stdout } = await tsbox(words, { home: box.home });
      expect(stdout).toBe("0\nread-only\n");
      const other1 = await tsbox(["exec", "-u", "5", other.name, "true"], { home: box.home });
      expect(other1.stderr).toContain("only 0");
      await other.stop();
    });

    test("whose first process is another user", async () => {
      const other = await begin(["-u", "alice"]);
      const words = ["exec", other.name, "id", "-un"];
      expect((await tsbox(words, { home: box.home })).stdout).toBe("alice\n");
      const root = await tsbox(["exec", "-u", "0", other.name, "id", "-u"], { home: box.home });
      expect(root.stdout).toBe("0\n");
      await other.stop();
    });
  });
});
