/** `run -it` through a real terminal: size, keys, job control, and the user's terminal given back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  type BusyboxContainers,
  busyboxContainers,
  processesWith,
  until,
} from "../support/busybox_containers.ts";
import { onTerminal, TSBOX, tsboxOk, tsboxOnTerminal } from "../support/cli.ts";

let box: BusyboxContainers;
beforeAll(async () => {
  box = await busyboxContainers({
    busybox: { passwd: ["alice:x:1000:1000::/home:/bin/sh"], group: ["alice:x:1000:"] },
  });
});
afterAll(() => box.stop());

/** Busybox asks for the cursor after its prompt. */
const PROMPT = /[#$] (.\[6n)?$/;

/** A container on a terminal of 100 columns and 40 rows. */
function terminal(flags: readonly string[], command: readonly string[]) {
  const words = box.words(flags, command);
  return tsboxOnTerminal(words, { home: box.home, columns: 100, rows: 40 });
}

describe("the container's terminal", () => {
  test("is one of its own, of the right size, and the status is the command's", async () => {
    const session = terminal(["-it"], ["sh", "-c", "tty; stty size; ls /dev/pts; exit 7"]);
    expect(await session.exited).toBe(7);
    expect(session.output()).toBe("/dev/pts/0\r\n40 100\r\n0     ptmx\r\n");
  });

  test("follows the size of the user's", async () => {
    const script = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done";
    const session = terminal(["-it"], ["sh", "-c", script]);
    await session.waitFor(/ready/);
    session.resize(73, 21);
    await session.waitFor(/21 73/);
    expect(await session.exited).toBe(0);
  });

  test("knows TERM, and console and tty lead to it, for another user too", async () => {
    const script =
      "echo $TERM; echo one >/dev/tty; echo two >/dev/console; test -w $(tty); echo $?";
    for (const user of ["root", "alice"]) {
      const session = terminal(["-it", "-u", user], ["sh", "-c", script]);
      expect(await session.exited).toBe(0);
      expect(session.output()).toContain("xterm\r\none\r\n");
      expect(session.output()).toEndWith("0\r\n");
      if (user === "root") expect(session.output()).toContain("two\r\n");
    }
  });

  test("does not take a byte of a long output away", async () => {
    const session = terminal(["-it"], ["seq", "60000"]);
    expect(await session.exited).toBe(0);
    const lines = session.output().split("\r\n");
    expect(lines.length).toBe(60001);
    expect(lines[59999]).toBe("60000");
  });

  test("with -t alone takes no input, and its output may go elsewhere", async () => {
    const { stdout, status } = await box.run(["-t"], ["sh", "-c", "tty; echo err >&2"]);
    expect({ stdout, status }).toEqual({ stdout: "/dev/pts/0\r\nerr\r\n", status: 0 });
  });

  test("with -it is refused when there is none to connect it with", async () => {
    const { stderr, status } = await box.run(["-it"], ["true"]);
    expect(stderr).toBe("the input device is not a TTY\n");
    expect(status).toBe(1);
    expect(box.leftovers()).toEqual([]);
  });

  test("with -i alone is none: the container reads lines typed at the user's", async () => {
    const session = terminal(["-i"], ["sh", "-c", "tty; read line; echo got $line"]);
    await session.waitFor(/not a tty/);
    session.type("hello\n");
    await session.waitFor(/got hello/);
    expect(await session.exited).toBe(0);
  });
});

describe("keys", () => {
  test("Ctrl-C interrupts the command in front, not the shell", async () => {
    const session = terminal(["-it"], ["sh"]);
    await session.waitFor(PROMPT);
    session.type("sleep 98721\n");
    await until("it sleeps", () => processesWith("98721").length > 0);
    session.type("\x03");
    await session.waitFor(PROMPT);
    session.type("echo status $?; exit 5\n");
    await session.waitFor(/status 130/);
    expect(await session.exited).toBe(5);
    expect(processesWith("98721")).toEqual([]);
  });

  test("Ctrl-Z stops it, fg continues it", async () => {
    const session = terminal(["-it"], ["sh"]);
    await session.waitFor(PROMPT);
    session.type("sh -c 'while read l; do echo \"<$l>\"; done'\nfirst\n");
    await session.waitFor(/<first>/);
    session.type("\x1a");
    await session.waitFor(/Stopped/);
    session.type("jobs\n");
    await session.waitFor(/\[1\]\+ +Stopped/);
    session.type("fg\n");
    await session.waitFor(/fg\r\n/);
    session.type("second\n");
    await session.waitFor(/<second>/);
    session.type("\x04");
    await session.waitFor(PROMPT);
    session.type("\x04");
    await session.exited;
  });

  test("vi edits a file on the whole screen", async () => {
    const session = terminal(["-it"], ["sh", "-c", "vi /text; cat /text"]);
    await session.waitFor(/\[40;1H/);
    session.type("ihello from vi\x1b");
    await Bun.sleep(100);
    session.type(":wq\r");
    expect(await session.exited).toBe(0);
    expect(session.output()).toEndWith("hello from vi\r\n");
  });

  test("top shows the container's processes and goes at q", async () => {
    const session = terminal(["-it"], ["top"]);
    await session.waitFor(/PID +PPID +USER/);
    session.type("q");
    expect(await session.exited).toBe(0);
    expect(session.output()).toMatch(/ 1 +0 root/);
  });
});

describe("the user's terminal", () => {
  /** Settings of the terminal before and after a command on it, and its status. */
  async function around(command: string, meanwhile: (pid: number) => void | Promise<void>) {
    const script = `stty -g; ${command}; echo "=$?="; stty -g`;
    const session = onTerminal(["sh", "-c", script, "sh", ...box.words(["-it"])], {
      home: box.home,
    });
    await session.waitFor(/98731/);
    const [pid] = processesWith("98731").filter((pid) =>
      readFileSync(`/proc/${pid}/comm`, "utf8") === "tsbox\n"
    );
    await meanwhile(pid ?? 0);
    await session.exited;
    const lines = session.output().trim().split(/\r?\n/);
    const status = Number(/=(\d+)=/.exec(session.output())?.[1]);
    return { before: lines[0], after: lines.at(-1), status, session };
  }

  const SLEEP = `${TSBOX} "$@" sh -c 'echo 98731; exec sleep 98731'`;

  test.each(["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"] as const)(
    "is as it was after %s, and the container is gone",
    async (signal) => {
      const { before, after, status } = await around(SLEEP, (pid) => {
        process.kill(pid, signal);
      });
      expect(after).toBe(before);
      expect(before).toMatch(/^[0-9a-f:]{20,}$/);
      expect(status).toBe(137);
      expect(processesWith("98731")).toEqual([]);
      expect(box.leftovers()).toEqual([]);
    },
  );

  test("is as it was after the command's end, however that came", async () => {
    for (const [end, code] of [["exit 3", 3], ["kill -9 $$", 137]] as const) {
      const init = SLEEP.replace("exec sleep 98731", () => `sleep 0.2; ${end}`)
        .replace('"$@"', `$(printf '%s ' "$@" | sed 's/-it/-it --init/')`);
      const { before, after, status } = await around(init, () => {});
      expect(after).toBe(before);
      expect(status).toBe(code);
    }
  });

  test("works on in a shell after SIGKILL, which ends the container too", async () => {
    const session = onTerminal(["bash", "--norc", "-i"], { home: box.home });
    session.type(`${TSBOX} ${box.words(["-it"]).join(" ")} sh -c 'echo 9873''1; sleep 98731'\r`);
    await session.waitFor(/98731\r\n/);
    const pids = processesWith("98731");
    process.kill(
      pids.find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8") === "tsbox\n") ?? 0,
      9,
    );
    await session.waitFor(/Killed/);
    session.type("echo typed in the shell; stty -a | tr ';' '\\n' | grep -o ' icanon'\r");
    await session.waitFor(/typed in the shell\r\n icanon/);
    await until("the container is gone", () => processesWith("sleep\x0098731").length === 0);
    session.type("exit\r");
    await session.exited;
    // Its monitor lives and cleans up.
    await until("everything is deleted", () => box.leftovers().length === 0);
    expect(await tsboxOk(["ps", "-q"], { home: box.home })).toBe("");
  });

  test("is given back while tsbox is stopped, and taken again by fg", async () => {
    const session = onTerminal(["bash", "--norc", "-i"], { home: box.home });
    session.type(
      `${TSBOX} ${box.words(["-it"]).join(" ")} sh -c 'echo 9873''1; read x; echo "<$x>"'\r`,
    );
    await session.waitFor(/98731\r\n/);
    const [pid = 0] = processesWith(box.image).filter((pid) =>
      readFileSync(`/proc/${pid}/comm`, "utf8") === "tsbox\n"
    );
    process.kill(pid, "SIGTSTP");
    await session.waitFor(/Stopped/);
    session.type("stty -a | tr ';' '\\n' | grep -o ' icanon'\r");
    await session.waitFor(/ icanon/);
    session.type("fg\r");
    await session.waitFor(/fg\r\n/);
    await Bun.sleep(200);
    session.type("on again\r");
    // What is typed before the prompt is there may still be the container's.
    await session.waitFor(/<on again>[^]*[#$] $/);
    session.type("exit\r");
    expect(await session.exited).toBe(0);
  });
});
