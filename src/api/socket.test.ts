import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { claimSocket } from "./socket.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/socket-`);
  path = `${folder}/t.sock`;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const listen = () => Bun.listen({ unix: path, socket: { data() {} } });

/** What a service that was killed leaves: its socket, at which nobody listens. */
function leaveStale(): void {
  const server = listen();
  // Bun removes the path when it stops listening, so the socket has to be elsewhere then.
  renameSync(path, `${path}.old`);
  server.stop(true);
  renameSync(`${path}.old`, path);
}

test("a path is claimed once, and free again after its release", async () => {
  const first = await claimSocket(path);
  const refused = claimSocket(path);
  expect(refused).rejects.toThrow(`Cannot listen on "unix://${path}": it is already in use`);
  await refused.catch(() => {});
  first.release();
  expect(readdirSync(folder)).toEqual([]);
  (await claimSocket(path)).release();
});

test("a socket at which nobody listens is removed", async () => {
  leaveStale();
  expect(existsSync(path)).toBe(true);
  const claim = await claimSocket(path);
  expect(existsSync(path)).toBe(false);
  claim.release();
});

test("a socket of a program that knows no lock is left alone", async () => {
  const server = listen();
  expect((await claimSocket(path).catch(String)).toString()).toContain("already in use");
  expect(readdirSync(folder)).toEqual(["t.sock"]);
  server.stop(true);
});

test("a file that is no socket is left alone", async () => {
  writeFileSync(path, "mine");
  expect((await claimSocket(path).catch(String)).toString()).toContain("not a socket");
  expect(readdirSync(folder)).toEqual(["t.sock"]);
});

test("a path that cannot be is refused before anything is made", async () => {
  const long = `${folder}/${"x".repeat(100)}`;
  expect((await claimSocket(long).catch(String)).toString()).toContain("longer than 107 bytes");
  const missing = await claimSocket(`${folder}/none/t.sock`).catch(String);
  expect(missing.toString()).toContain("its directory does not exist");
  expect(readdirSync(folder)).toEqual([]);
});
