/** Interactive use on a real terminal emulator: what a user sees and types. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type BusyboxContainers, busyboxContainers } from "../support/busybox_containers.ts";
import { tsboxOk } from "../support/cli.ts";
import { startTmux, type Tmux } from "../support/tmux.ts";

let box: BusyboxContainers;
const windows: Tmux[] = [];

beforeAll(async () => {
  box = await busyboxContainers();
});
afterEach(async () => {
  for (const window of windows.splice(0)) await window.stop();
});
afterAll(() => box.stop());

const ok = (...args: string[]) => tsboxOk(args, { home: box.home });

async function tmux(columns?: number, rows?: number): Promise<Tmux> {
  const window = await startTmux(box.home, columns, rows);
  windows.push(window);
  return window;
}

/** Starts an interactive shell in a container on a window. */
async function shell(window: Tmux, name: string): Promise<void> {
  await window.type(`tsbox run -it --network none --name ${name} -e 'PS1=in$ ' ${box.image} sh`);
  await window.shows(/^in\$/m);
}

test("a shell has job control, and follows the size of the window", async () => {
  const window = await tmux();
  await shell(window, "jobs");
  await window.type("stty size");
  await window.shows(/^24 80$/m);
  await window.resize(100, 30);
  await window.type("clear; stty size");
  await window.shows(/^30 100$/m);
  await window.type("sleep 600");
  await Bun.sleep(300);
  await window.type("", "C-z");
  await window.shows(/Stopped +sleep 600/);
  await window.type("fg %1");
  await Bun.sleep(300);
  await window.type("", "C-c");
  await window.type("echo status $?");
  await window.shows(/^status 130$/m);
  await window.type("exit 5");
  await window.shows(/^host>/m);
  await window.type("echo ended $?");
  await window.shows(/^ended 5$/m);
  await ok("rm", "jobs");
}, 60_000);

test("ctrl-p ctrl-q leaves the container, attach comes back to its screen", async () => {
  const window = await tmux();
  await shell(window, "left");
  await window.type("vi /tmp/text");
  await window.shows(/^~$/m);
  await window.type("i", "Space");
  await window.type("written in vi", "Escape");
  await window.shows(/written in vi/);
  await window.type("", "C-p");
  await window.type("", "C-q");
  await window.shows(/read escape sequence/);
  await window.type("clear; echo mode; stty -a | tr ' ' '\\n' | grep -x icanon");
  await window.shows(/^mode\nicanon$/m);
  expect((await ok("inspect", "-f", "{{.State.Status}}", "left")).trim()).toBe("running");
  await window.type("clear; tsbox attach left");
  // The program draws its screen anew without a key.
  await window.shows(/written in vi[^]*^~$/m);
  await window.type(":wq");
  await window.type("clear; cat /tmp/text; exit");
  await window.shows(/^ ?written in vi$/m);
  await ok("wait", "left");
  await ok("rm", "left");
}, 60_000);

test("logs -f shows beside attach what is typed and printed there", async () => {
  const [first, second] = [await tmux(), await tmux()];
  await shell(first, "both");
  await second.type("tsbox logs -f both");
  await second.shows(/^in\$/m);
  await first.type("echo sum $((40+2))");
  await second.shows(/^sum 42/m).catch(async (error) => {
    throw new Error(`${error}\n== first:\n${await first.screen()}`);
  });
  await first.type("exit");
  await second.shows(/^host>$/m);
  await ok("rm", "both");
}, 60_000);

test("two are attached at once, and both see what either types", async () => {
  const [first, second] = [await tmux(), await tmux()];
  await shell(first, "shared");
  await second.type("tsbox attach shared");
  await second.type("", "Enter");
  await second.shows(/^in\$/m);
  await second.type("echo from $((1+1))");
  await first.shows(/^from 2$/m);
  await first.type("echo from $((0+1))");
  await second.shows(/^from 1$/m);
  await first.type("exit 3");
  await first.shows(/^host>/m);
  await second.shows(/^host>[^]*^host>/m);
  await second.type("echo ended $?");
  await second.shows(/^ended 3$/m);
  await ok("rm", "shared");
}, 60_000);

test("exec -it vi edits a file of the container, and gives the screen back", async () => {
  await ok("run", "-d", "--network", "none", "--name", "edited", box.image, "sleep", "600");
  const window = await tmux();
  await window.type("tsbox exec -it edited vi /tmp/note");
  await window.shows(/^~$/m);
  await window.type("i", "Space");
  await window.type("a note", "Escape");
  await window.resize(60, 20);
  await window.type(":wq");
  await window.shows(/^host>$/m);
  expect(await ok("exec", "edited", "cat", "/tmp/note")).toContain("a note\n");
  await ok("rm", "-f", "edited");
}, 60_000);
