/** `exec` by machine code, before Bun starts: what it does, and what it leaves to those who would have done it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { type BusyboxContainers, busyboxContainers, until } from "../support/busybox_containers.ts";
import { type CliResult, onTerminal, TSBOX, tsbox } from "../support/cli.ts";
import { idOfBox, monitorOf, startWarm, waitingExec } from "../support/warm_container.ts";

// Elsewhere there is none.
describe.skipIf(process.arch !== "x64")("machine code", () => {
  let box: BusyboxContainers;
  beforeAll(async () => {
    box = await busyboxContainers({ layers: [[{ path: "plain", content: "text" }]] });
    await startWarm(box);
  });
  afterAll(() => box.stop());

  type Env = Record<string, string>;
  const exec = (words: readonly string[], env: Env = {}) =>
    tsbox(["exec", ...words], { home: box.home, env });

  /** What comes of it, which is the same when JavaScript does it: that does where a variable is ours. */
  async function result(words: readonly string[], env: Env = {}): Promise<CliResult> {
    const found = await exec(words, env);
    expect(found).toEqual(await exec(words, { ...env, TSBOX_NONE: "1" }));
    return found;
  }

  /** Whether machine code is what waits for a command. */
  async function waits(command: readonly string[], env: Env = box.home.env): Promise<boolean> {
    const { child, pid, isMachineCode } = await waitingExec(box.home, command, env);
    process.kill(pid, "SIGTERM");
    expect(await child.exited).toBe(143);
    return isMachineCode;
  }

  const shell = (script: string) => ["bash", "-c", script, TSBOX, "exec", "box"];
  const environment = (changes: Record<string, string | undefined>): Env =>
    Object.fromEntries(
      Object.entries({ ...box.home.env, ...changes }).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]]
      ),
    );

  test("finds a container by its name and by its id, and leaves beginnings of it to others", async () => {
    const id = idOfBox(box.home);
    expect(await waits([TSBOX, "exec", "box"])).toBe(true);
    expect(await waits([TSBOX, "exec", id])).toBe(true);
    expect(await waits([TSBOX, "exec", id.slice(0, 60)])).toBe(false);
    expect((await result([id.slice(0, 12), "hostname"])).stdout).toBe(`${id.slice(0, 12)}\n`);
  });

  test("leaves words that are no container to others", async () => {
    const id = idOfBox(box.home);
    const wrong = ["nobody", "", ".", "..", "../names/box", "box/", "-", "--", "b*", `${id}0`, "é"];
    for (const word of [...wrong, id.replace(/[0-9]/, "g"), id.toUpperCase(), "x".repeat(5000)]) {
      expect((await result([word, "echo", "done"])).stdout).toBe("");
    }
    for (const words of [[], ["box"], ["--help"], ["-x", "box", "true"]]) await result(words);
  });

  test("passes every word on as it is", async () => {
    const words = ["", " ", "--", "-i", "a b", "'\"\\$(", "line\nend", "ü€𝄞", "\uFEFFmark", ""];
    const script = `printf '%s|' $# "$@"`;
    const { stdout, status } = await result(["box", "sh", "-c", script, "sh", ...words]);
    expect({ stdout, status }).toEqual({
      stdout: `${words.length}|${words.join("|")}|`,
      status: 0,
    });
    expect((await result(["box", ""])).status).toBe(127);
  });

  test("words of any length arrive, also those that are too many for one message", async () => {
    const count = ["box", "sh", "-c", "echo $# ${#1}", "sh"];
    const room = 65536 - count.slice(1).join(" ").length - 1;
    for (const length of [1, 30_000, room - 2, room - 1, room, room + 1, 100_000]) {
      expect((await result([...count, "x".repeat(length)])).stdout).toBe(`1 ${length}\n`);
    }
    expect((await result([...count, ...Array(50_000).fill("x")])).stdout).toBe("50000 1\n");
  });

  test("leaves words that are no text to those who always did something with them", async () => {
    const script = `exec "$0" "$@" sh -c 'printf %s "$1" | od -An -tx1' sh "$(printf 'a\\377')"`;
    const run = async (env: Env) => {
      const child = Bun.spawn(shell(script), { env: { ...box.home.env, ...env } });
      return [await child.stdout.text(), await child.exited];
    };
    expect(await run({})).toEqual(await run({ TSBOX_NONE: "1" }));
  });

  test("says what others say when the command cannot be executed", async () => {
    const missing = await result(["box", "nope"]);
    expect(missing.status).toBe(127);
    expect(missing.stderr).toContain("executable file not found in $PATH");
    expect((await result(["box", "/plain"])).status).toBe(126);
    expect(await result(["box", "sh", "-c", "echo a; echo b >&2; exit 200"])).toEqual({
      stdout: "a\n",
      stderr: "b\n",
      status: 200,
    });
  });

  test("needs nothing but the environment's usual places", async () => {
    const { path } = box.home;
    const exec = [TSBOX, "exec", "box"];
    mkdirSync(`${path}/.local`);
    symlinkSync(`${path}/data`, `${path}/.local/share`);
    expect(await waits(exec, environment({ XDG_DATA_HOME: undefined }))).toBe(true);
    expect(await waits(exec, environment({ XDG_DATA_HOME: "relative" }))).toBe(true);
    expect(await waits(exec, environment({ XDG_DATA_HOME: "" }))).toBe(true);
    expect(await waits(exec, environment({ XDG_DATA_HOME: `${path}/data//` }))).toBe(true);
    symlinkSync(`${path}/data`, `${path}/two words\nü`);
    expect(await waits(exec, environment({ XDG_DATA_HOME: `${path}/two words\nü` }))).toBe(true);
    for (const XDG_DATA_HOME of ["/nowhere", "/", "//", "/dev/null"]) {
      expect((await result(["box", "true"], { XDG_DATA_HOME })).status).toBe(1);
    }
    for (const HOME of ["relative", ""]) await result(["box", "true"], { HOME });
    const homeless = { env: environment({ HOME: undefined }), stderr: "pipe" } as const;
    const { exited, stderr } = Bun.spawn(exec.concat("true"), homeless);
    expect([await exited, await stderr.text()]).toEqual([
      1,
      "tsbox: Cannot find the home directory: HOME is not an absolute path; set HOME\n",
    ]);
  });

  test("takes paths up to the kernel's limit", async () => {
    const top = `${box.home.path}/deep`;
    const behind = `/tsbox/containers/${idOfBox(box.home)}`.length;
    let folder = top;
    while (folder.length + 1 + 250 + behind < 4095) folder += `/${"d".repeat(200)}`;
    mkdirSync(folder, { recursive: true });
    for (const length of [4094, 4095, 4096]) {
      const place = `${folder}/`.padEnd(length - behind, "l");
      symlinkSync(`${box.home.path}/data`, place);
      const env = environment({ XDG_DATA_HOME: place });
      if (length < 4095) expect(await waits([TSBOX, "exec", "box"], env)).toBe(true);
      expect((await result(["box", "true"], env)).status).toBe(length < 4096 ? 0 : 1);
    }
    rmSync(top, { recursive: true });
  });

  test("leaves everything to others where something was set", async () => {
    const exec = [TSBOX, "exec", "box"];
    expect(await waits(exec, environment({ TSBOX_DATA_ROOT: box.home.dataRoot }))).toBe(false);
    expect(await waits(exec, environment({ NO_TSBOX_: "1", TSBOX: "1", HOME2: "x" }))).toBe(true);
    const config = `${box.home.path}/.config/tsbox`;
    mkdirSync(config, { recursive: true });
    expect(await waits(exec)).toBe(true);
    await Bun.write(`${config}/config.json`, "{}");
    expect(await waits(exec)).toBe(false);
    expect(await waits(exec, environment({ XDG_CONFIG_HOME: "/nowhere" }))).toBe(true);
    await Bun.write(`${config}/config.json`, "not json");
    expect((await result(["box", "true"])).stderr).toContain("config.json");
    rmSync(config, { recursive: true });
    // What cannot be looked at may be there.
    await result(["box", "true"], { XDG_CONFIG_HOME: "/proc/1/root" });
    await result(["box", "true"], { XDG_CONFIG_HOME: "/dev/null" });
  });

  test("hands over streams, and leaves files, terminals and what is closed to others", async () => {
    const out = `${box.home.path}/out`;
    const cases = [
      ['exec "$0" "$@"', true],
      ['exec "$0" "$@" </etc/passwd', true],
      ['exec "$0" "$@" <&-', true],
      ['exec "$0" "$@" >/dev/null 2>&1', true],
      ['exec "$0" "$@" 2>/dev/null > >(cat)', true],
      [`exec "$0" "$@" >${out}`, false],
      [`exec "$0" "$@" 2>>${out}`, false],
      [`mkfifo ${out}.fifo; exec "$0" "$@" 1<>${out}.fifo`, false],
      ['exec "$0" "$@" >/dev/zero', false],
      ['exec 3<>/dev/udp/127.0.0.1/9; exec "$0" "$@" >&3', false],
    ] as const;
    for (const [script, expected] of cases) {
      expect([script, await waits(shell(script))]).toEqual([script, expected]);
    }
    for (const closed of [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]) {
      const run = async (env: Env) => {
        const options = { env: { ...box.home.env, ...env }, stderr: "pipe" } as const;
        const child = Bun.spawn([...shell(`exec "$0" "$@" ${closed}`), "echo", "x"], options);
        return [await child.stdout.text(), await child.stderr.text(), await child.exited];
      };
      expect([closed, await run({})]).toEqual([closed, await run({ TSBOX_NONE: "1" })]);
    }
    const words = [TSBOX, "exec", "box", "sh", "-c", "readlink /proc/self/fd/1; exit 3"];
    const session = onTerminal(words, { home: box.home });
    expect(await session.exited).toBe(3);
    expect(session.output()).toStartWith("pipe:");
  });

  test("does not care how it is called", async () => {
    symlinkSync(TSBOX, `${box.home.path}/link`);
    expect(await waits([`${box.home.path}/link`, "exec", "box"])).toBe(true);
    expect(await waits(shell('exec -a "" "$0" "$@"'))).toBe(true);
    expect(await waits(shell('exec -a "a b" "$0" "$@"'))).toBe(true);
  });

  test("ends by signals as anybody, and the command goes on", async () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const) {
      const { child, pid, isMachineCode } = await waitingExec(box.home);
      child.kill(signal);
      await child.exited;
      expect([isMachineCode, child.signalCode]).toEqual([true, signal]);
      process.kill(pid, "SIGKILL");
    }
  });

  test("goes on when it was stopped", async () => {
    const { child, pid } = await waitingExec(box.home);
    child.kill("SIGSTOP");
    await until("it is stopped", () => stateOf(child.pid) === "T");
    child.kill("SIGCONT");
    await until("it goes on", () => stateOf(child.pid) === "S");
    child.kill("SIGSTOP");
    process.kill(pid, "SIGTERM");
    await Bun.sleep(50);
    expect(child.exitCode).toBe(null);
    child.kill("SIGCONT");
    expect(await child.exited).toBe(143);
  });

  test("a frame that nobody understands ends its connection only", async () => {
    for (const content of ["0102", "00".repeat(16), `${"00".repeat(16)}61`]) {
      const bytes = Uint8Array.fromHex(content);
      expect(await answerTo(Uint8Array.from([11, bytes.length, 0, 0, 0, ...bytes]))).toBe("");
    }
    // Words that are no text, and a pid that is nobody's.
    expect(await answerTo(Uint8Array.fromHex(`0b12000000${"00".repeat(16)}ff00`))).toBe(
      "0c00000000",
    );
    expect(await answerTo(Uint8Array.fromHex(`0b12000000${"ff".repeat(16)}6100`))).toBe(
      "0c00000000",
    );
    expect(await waits([TSBOX, "exec", "box"])).toBe(true);
  });

  /** What the monitor answers to some bytes, in hexadecimal, until it ends the connection. */
  async function answerTo(bytes: Uint8Array): Promise<string> {
    const folder = openSync(`${box.home.dataRoot}/containers/${idOfBox(box.home)}`, "r");
    let answer = "";
    await new Promise<void>((resolve, reject) => {
      Bun.connect({
        unix: `/proc/self/fd/${folder}/monitor.sock`,
        socket: {
          open: (socket) => void socket.write(bytes),
          data: (_, received) => void (answer += received.toHex()),
          close: () => resolve(),
          error: (_, error) => reject(error),
        },
      }).catch(reject);
    });
    closeSync(folder);
    return answer;
  }

  test("a monitor that dies before it has read the request has done nothing", async () => {
    const monitor = monitorOf(box.home);
    process.kill(monitor, "SIGSTOP");
    await until("the monitor is stopped", () => stateOf(monitor) === "T");
    const asking = [{}, { TSBOX_NONE: "1" }].map((changes) =>
      Bun.spawn([TSBOX, "exec", "box", "true"], { env: environment(changes), stderr: "pipe" })
    );
    await until("both wait for an answer", () => asking.every(({ pid }) => isReading(pid)));
    process.kill(monitor, "SIGKILL");
    for (const { stderr, exited } of asking) {
      // The container ends at the same time.
      expect(await stderr.text()).not.toContain("Cannot tell");
      await exited;
    }
  });
});

/** Whether a process of ours is in read(2). */
function isReading(pid: number): boolean {
  return readFileSync(`/proc/${pid}/syscall`, "latin1").startsWith("0 ");
}

/** The letter of a process's state. */
function stateOf(pid: number): string | undefined {
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];
}
