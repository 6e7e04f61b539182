import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Socket } from "node:net";
import { Client } from "./client.ts";
import { type Frame, frame, FrameReader } from "./frames.ts";

const PIECE = new Uint8Array(64 << 10);

let folder = "";
let server: { stop(closeActive?: boolean): void };
let monitors: Promise<Client>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-client-"));
  const clients = new WeakMap<object, Client>();
  monitors = new Promise((resolve) => {
    server = Bun.listen({
      unix: `${folder}/socket`,
      socket: {
        open(socket) {
          const client = new Client(socket, { frame() {}, closed() {} });
          client.attached = true;
          clients.set(socket, client);
          resolve(client);
        },
        data() {},
        drain: (socket) => clients.get(socket)?.flush(),
        close: (socket) => clients.get(socket)?.gone(),
      },
    });
  });
});
afterEach(() => {
  server.stop(true);
  rmSync(folder, { recursive: true });
});

/** Connects; what comes is taken apart, and `take` is told the bytes of output so far. */
function reader(take: (socket: Socket, bytes: number) => void) {
  const socket = connect(`${folder}/socket`);
  const frames = new FrameReader();
  const seen = { output: 0, last: undefined as Frame["kind"] | undefined };
  socket.on("data", (bytes: Buffer) => {
    for (const { kind, bytes: content } of frames.push(bytes)) {
      seen.last = kind;
      if (kind === "stdout") seen.output += content.length;
    }
    take(socket, seen.output);
  });
  return {
    socket,
    seen,
    over: new Promise<void>((resolve) => socket.on("close", () => resolve())),
  };
}

test("one that looks on and is slower than the container gets every byte", async () => {
  let rested = 0;
  const { seen, over } = reader((socket, bytes) => {
    if (bytes - rested < 2 << 20) return;
    rested = bytes;
    socket.pause();
    setTimeout(() => socket.resume(), 10);
  });
  const client = await monitors;
  const pieces = 640;
  for (let i = 0; i < pieces; i++) await client.send(frame("stdout", PIECE));
  expect(client.isFinished).toBe(false);
  client.finish();
  await over;
  expect(seen).toEqual({ output: pieces * PIECE.length, last: "stdout" });
}, 20_000);

test(
  "one that takes nothing holds the container up for a second, once, and is told",
  async () => {
    const { socket, seen, over } = reader(() => {});
    const client = await monitors;
    socket.pause();
    const begin = performance.now();
    let longest = 0;
    for (let i = 0; i < 400; i++) {
      const before = performance.now();
      await client.send(frame("stdout", PIECE));
      longest = Math.max(longest, performance.now() - before);
    }
    expect(longest).toBeGreaterThan(900);
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(client.isFinished).toBe(true);
    socket.resume();
    await over;
    expect(seen.last).toBe("cut");
  },
  20_000,
);
