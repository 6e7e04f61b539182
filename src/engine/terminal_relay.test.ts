import { afterEach, expect, test } from "bun:test";
import { closeSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pipe } from "../ffi/process.ts";
import { setWindowSize, terminalMode } from "../ffi/terminal.ts";
import { openTerminal } from "../../tests/programs/pseudo_terminal.ts";

const PROGRAM = join(import.meta.dir, "../../tests/programs/relay_terminal.ts");

/** The user: a terminal, and the relaying program on it as its session's leader. */
class User {
  readonly #terminal = openTerminal();
  readonly before = this.mode();
  readonly process: Bun.Subprocess<number, number | "pipe", "pipe">;
  screen = "";

  constructor(mode: string, command: string, stdout?: "pipe" | number) {
    const { master, slave } = this.#terminal;
    setWindowSize(master, { rows: 30, columns: 90 });
    this.process = Bun.spawn(
      ["setsid", "-c", process.execPath, PROGRAM, mode, "sh", "-c", command],
      { stdin: slave, stdout: stdout ?? slave, stderr: "pipe" },
    );
    this.#watch().catch(() => {}); // EIO: the test has closed the terminal
  }

  async #watch(): Promise<void> {
    for await (const bytes of Bun.file(this.#terminal.master).stream()) {
      this.screen += Buffer.from(bytes).toString("latin1");
    }
  }

  mode(): string {
    return Buffer.from(terminalMode(this.#terminal.slave)).toString("hex");
  }

  async type(text: string): Promise<void> {
    for (let rest = text; rest !== ""; await Bun.sleep(1)) {
      try {
        rest = rest.slice(writeSync(this.#terminal.master, rest.slice(0, 1000)));
      } catch {
        // Full: the relay waits for the container.
      }
    }
  }

  resize(rows: number, columns: number): void {
    setWindowSize(this.#terminal.master, { rows, columns });
  }

  async sees(text: string): Promise<void> {
    const end = Date.now() + 8000;
    while (!this.screen.includes(text) && Date.now() < end) await Bun.sleep(5);
    expect(this.screen).toContain(text);
  }

  async done(): Promise<{ code: number; signal: NodeJS.Signals | number | null; says: string }> {
    await this.process.exited;
    const says = (await new Response(this.process.stderr).text()).trim();
    return { code: this.process.exitCode ?? -1, signal: this.process.signalCode, says };
  }

  leave(): void {
    this.process.kill("SIGKILL");
    closeSync(this.#terminal.slave);
  }
}

let user: User | undefined;
afterEach(() => user?.leave());

test("what is typed reaches the container, what it prints reaches the user, its status is ours", async () => {
  user = new User("input", "stty size; read line; echo got:$line; exit 4");
  await user.sees("30 90\r\n");
  await user.type("hello\r");
  await user.sees("hello\r\ngot:hello\r\n");
  expect(await user.done()).toEqual({ code: 4, signal: null, says: "delivered" });
  expect(user.mode()).toBe(user.before);
});

test("ctrl-C is typed to the container and does not end the relay", async () => {
  user = new User(
    "input",
    "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done",
  );
  await user.sees("ready");
  expect(user.mode()).not.toBe(user.before);
  await user.type("\x03");
  await user.sees("^Cinterrupted");
  expect((await user.done()).code).toBe(7);
});

test("a new size of the user's terminal is the container's too", async () => {
  user = new User(
    "input",
    "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done",
  );
  await user.sees("ready");
  user.resize(41, 132);
  await user.sees("41 132");
});

test(
  "a large paste into a program that prints as it reads neither stops nor loses a byte",
  async () => {
    const size = 400_000;
    const paste = Array.from({ length: size }, (_, i) => String.fromCharCode(33 + i % 89)).join("");
    user = new User("input", `stty raw -echo; echo ready; sleep 0.3; head -c ${size}`);
    await user.sees("ready\n");
    await user.type(paste);
    expect((await user.done()).code).toBe(0);
    await user.sees(paste.slice(-100));
    expect(user.screen.slice(user.screen.indexOf("ready\n") + 6)).toBe(paste);
  },
  20_000,
);

test("much output through a pipe arrives byte for byte, however slowly it is read", async () => {
  const command = "stty raw; head -c 8000000 /dev/zero | tr '\\0' x; echo end";
  user = new User("output-only", command, "pipe");
  let length = 0;
  let last = "";
  for await (const bytes of user.process.stdout as ReadableStream<Uint8Array>) {
    if (length === 0) await Bun.sleep(300);
    length += bytes.length;
    last = (last + Buffer.from(bytes).toString("latin1")).slice(-5);
  }
  expect(length).toBe(8_000_004);
  expect(last).toBe("xend\n");
  expect((await user.done()).says).toBe("delivered");
}, 20_000);

test("a reader that goes away ends the relay and says so", async () => {
  const { read, write } = pipe();
  user = new User("output-only", "trap '' HUP; yes", write);
  closeSync(write);
  expect(readSync(read, Buffer.alloc(100))).toBeGreaterThan(0);
  closeSync(read);
  expect((await user.done()).says).toBe("output-closed");
});

test("without input the user's terminal is left alone and nothing typed is forwarded", async () => {
  user = new User("output-only", "echo ready; timeout --foreground 0.5 cat; echo end");
  await user.sees("ready");
  expect(user.mode()).toBe(user.before);
  await user.type("hello\r");
  await user.sees("end");
  // Once: echoed by the user's own terminal, not by the container's as well, and not by cat.
  expect(user.screen.match(/hello/g)).toHaveLength(1);
});

test("output is delivered, but a process that keeps the terminal is not waited for", async () => {
  user = new User("drain", "setsid sleep 5 & echo first; echo last");
  const { code } = await user.done();
  expect(code).toBe(0);
  await user.sees("first\r\nlast\r\n");
});

for (const signal of ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"] as const) {
  test(`the terminal is restored when ${signal} ends us, and we die of it`, async () => {
    user = new User("input", "echo ready; sleep 5");
    await user.sees("ready");
    expect(user.mode()).not.toBe(user.before);
    user.process.kill(signal);
    expect((await user.done()).signal).toBe(signal);
    expect(user.mode()).toBe(user.before);
  });
}

test("a signal that is forwarded to the container leaves the terminal raw for it", async () => {
  user = new User(
    "forward",
    "trap 'stty -F /dev/tty >/dev/null; sleep 0.5; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
  );
  await user.sees("ready");
  user.process.kill("SIGTERM");
  await Bun.sleep(200);
  expect(user.mode()).not.toBe(user.before);
  expect((await user.done()).code).toBe(9);
  expect(user.mode()).toBe(user.before);
});

for (const [mode, code] of [["throw", 1], ["exit", 3]] as const) {
  test(`the terminal is restored when our process ends by ${mode}`, async () => {
    user = new User(mode, "echo ready; sleep 5");
    await user.sees("ready");
    expect(user.mode()).not.toBe(user.before);
    expect((await user.done()).code).toBe(code);
    expect(user.mode()).toBe(user.before);
  });
}

test("the terminal is raw again after a stop in which a shell set its own mode", async () => {
  user = new User("input", "echo ready; sleep 5");
  await user.sees("ready");
  const raw = user.mode();
  user.process.kill("SIGTSTP");
  await Bun.sleep(300);
  expect(user.mode()).toBe(user.before);
  user.process.kill("SIGCONT");
  await Bun.sleep(300);
  expect(user.mode()).toBe(raw);
});
