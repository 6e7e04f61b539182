/** A real terminal emulator around a shell: what a user sees is what its screen shows. */
import { type Home, TSBOX } from "./cli.ts";

/** A window of tmux, whose shell has a short prompt and knows `tsbox`. */
export interface Tmux {
  /** Types text, then a key by tmux' name: `Enter`, `C-c`. */
  type(text: string, key?: string): Promise<void>;
  /** Waits until what is on the screen matches; throws with the screen after ten seconds. */
  shows(pattern: RegExp): Promise<void>;
  screen(): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds after which a program has understood a key. */
const SETTLE = 300;

/** Starts a server of its own; it knows nothing of the user's configuration. */
export async function startTmux(home: Home, columns = 80, rows = 24): Promise<Tmux> {
  const socket = `${home.path}/tmux-${Math.random().toString(36).slice(2)}`;
  const call = async (...args: string[]) => {
    const child = Bun.spawn(["tmux", "-S", socket, "-f", "/dev/null", ...args], {
      cwd: home.path,
      env: { ...home.env, TERM: "xterm" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if (await child.exited !== 0) throw new Error(`tmux ${args.join(" ")}: ${err}`);
    return out;
  };
  await call("new-session", "-d", "-x", String(columns), "-y", String(rows), "/bin/sh");
  const screen = () => call("capture-pane", "-p");
  const shows = async (pattern: RegExp) => {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const text = await screen();
      if (pattern.test(text)) return;
      if (Date.now() > deadline) throw new Error(`${pattern} is not on the screen:\n${text}`);
      await Bun.sleep(50);
    }
  };
  const type = async (text: string, key = "Enter") => {
    if (text !== "") {
      await call("send-keys", "-l", text);
      // At its prompt a shell asks the terminal where the cursor is. One that is slow answers between the text and the
      // key, and busybox throws away what comes in one piece with the answer.
      await Bun.sleep(SETTLE);
    }
    await call("send-keys", key);
    // What follows at once could belong to a key's sequence, or come before the shell has given the terminal away.
    if (key !== "Enter") await Bun.sleep(SETTLE);
  };
  await type(`PS1='host> '; alias tsbox=${TSBOX}; clear`);
  return {
    type,
    shows,
    screen,
    resize: async (width, height) => {
      await call("resize-window", "-x", String(width), "-y", String(height));
    },
    stop: async () => {
      await call("kill-server");
    },
  };
}
