import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { doorOf } from "../../tests/support/api.ts";
import { killedRun, storeContainer } from "../../tests/support/container_records.ts";
import { serveApi } from "./serve.ts";

let home = "";
let stop = () => {};
let ended: Promise<void> = Promise.resolve();
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/serve-`);
});
afterEach(async () => {
  stop();
  await ended;
  rmSync(home, { recursive: true, force: true });
});

/** Starts a service and returns the path of its socket once it answers. */
async function start(socket?: string): Promise<string> {
  const controller = new AbortController();
  stop = () => controller.abort();
  return await new Promise((resolve, reject) => {
    ended = serveApi({ ...doorOf(home, controller.signal), socket, listening: resolve });
    ended.catch(reject);
  });
}

const ask = (unix: string, path: string, init: RequestInit = {}) =>
  fetch(`http://localhost${path}`, { unix, ...init });

/** Sends bytes as they are; what comes back until the other side closes. */
async function sendRaw(unix: string, text: string): Promise<string> {
  let answer = "";
  const closed = Promise.withResolvers<void>();
  await Bun.connect({
    unix,
    socket: {
      open: (socket) => void socket.write(text),
      data: (_socket, bytes) => {
        answer += bytes.toString();
      },
      close: () => closed.resolve(),
    },
  });
  await closed.promise;
  return answer;
}

test("only the user can reach the socket, and it is gone at the end", async () => {
  const path = await start();
  expect(path).toBe(`${home}/tsbox/run/tsbox.sock`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(`${home}/tsbox/run`).mode & 0o777).toBe(0o700);
  expect(await (await ask(path, "/_ping")).text()).toBe("OK");
  stop();
  await ended;
  expect(readdirSync(`${home}/tsbox/run`)).toEqual([]);
});

test("a second service on the same socket is refused and does not disturb the first", async () => {
  const path = await start(`${home}/own.sock`);
  const signal = new AbortController().signal;
  const second = serveApi({ ...doorOf(home, signal), socket: path, listening: () => {} });
  expect((await second.catch(String))?.toString()).toContain("it is already in use");
  expect((await ask(path, "/_ping")).status).toBe(200);
});

/** A connection that the service has accepted: what is asked then reaches it before it can end. */
async function connected(path: string) {
  let answer = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    unix: path,
    socket: { data: (_, bytes) => answer.resolve(bytes.toString()) },
  });
  const ask = (line: string) => {
    answer = Promise.withResolvers<string>();
    socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return answer.promise;
  };
  expect(await ask("GET /_ping")).toStartWith("HTTP/1.1 200");
  return { ask };
}

test("a request that is being answered when the service ends is finished", async () => {
  const path = await start(`${home}/own.sock`);
  // Its run process seems to live on: to remove it by force is to wait for the lock.
  const live = storeContainer(`${home}/tsbox`, "live", killedRun());
  const connection = await connected(path);
  const removal = connection.ask("DELETE /containers/live?force=1");
  await Bun.sleep(100);
  stop();
  await Bun.sleep(100);
  expect(existsSync(path)).toBe(false);
  expect(existsSync(live.directory)).toBe(true);
  live.lock.release();
  expect(await removal).toStartWith("HTTP/1.1 204");
  await ended;
  expect(existsSync(live.directory)).toBe(false);
});

test("an idle connection does not keep the service from ending", async () => {
  const path = await start(`${home}/own.sock`);
  const idle = await Bun.connect({ unix: path, socket: { data() {} } });
  const begun = Date.now();
  stop();
  await ended;
  expect(Date.now() - begun).toBeLessThan(5000);
  idle.end();
});

test("large bodies, large headers and hosts that are none are refused", async () => {
  const path = await start(`${home}/own.sock`);
  const body = "x".repeat(70_000);
  expect((await ask(path, "/containers/create", { method: "POST", body })).status).toBe(413);
  const headers = { "X-Long": "x".repeat(20_000) };
  expect((await ask(path, "/_ping", { headers })).status).toBe(431);
  const rest = "Connection: close\r\n\r\n";
  expect(await sendRaw(path, `GET /_ping HTTP/1.1\r\nHost: a b\r\n${rest}`)).toContain(
    '{"message":"malformed Host header"}',
  );
  expect(await sendRaw(path, "nonsense\r\n\r\n")).toStartWith("HTTP/1.1 400 ");
  expect((await ask(path, "/_ping")).status).toBe(200);
});
