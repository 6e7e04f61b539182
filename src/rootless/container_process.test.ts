import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { closeContainerProcess, openContainerProcess } from "./container_process.ts";

/** A process in a user namespace of ours, and its child, which has ended and is waited for by nobody. */
async function withDeadChild(use: (parent: number, child: number) => void): Promise<void> {
  // It ends when the shell, which would look after it, is another program.
  const script = "sleep 0.1 & echo $!; exec sleep 60";
  const command = ["unshare", "-U", "sh", "-c", script];
  const parent = Bun.spawn(command, { stdin: "ignore", stdout: "pipe" });
  try {
    const { value } = await parent.stdout.getReader().read();
    const child = Number(new TextDecoder().decode(value));
    while (!/\) Z/.test(readFileSync(`/proc/${child}/stat`, "latin1"))) await Bun.sleep(1);
    use(parent.pid, child);
  } finally {
    parent.kill("SIGKILL");
    await parent.exited;
  }
}

test("a process that has ended cannot be entered, also while it is still there", async () => {
  await withDeadChild((parent, child) => {
    const running = openContainerProcess(parent, () => true);
    expect(running?.pid).toBe(parent);
    if (running !== undefined) closeContainerProcess(running);
    expect(openContainerProcess(child, () => true)).toBeUndefined();
  });
});

test("a process in our own user namespace is none of ours", () => {
  expect(() => openContainerProcess(process.pid, () => true)).toThrow(
    `Cannot enter process ${process.pid}: it is in no user namespace of ours`,
  );
});
