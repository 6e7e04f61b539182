/** The API as a service on a socket of the user's own. */
import { mkdirSync } from "node:fs";
import { messageOf } from "../errors.ts";
import { makeApi } from "./app.ts";
import type { Door } from "./door.ts";
import { cannotListen, claimSocket } from "./socket.ts";

/** No request of those there are has a body. Bytes; Bun itself bounds the headers at 16 KiB. */
const LARGEST_BODY = 65_536;
/** How long requests get to finish once the service ends, in milliseconds. */
const GRACE = 10_000;
const POLL = 10;
/**
 * Bun would cut a request that takes 10 seconds, and removing a large image may. That this option
 * counts for Unix sockets too is not in Bun's types: hence an `object`.
 */
const NEVER_IDLE: object = { idleTimeout: 0 };

/** What {@link serveApi} is told. */
export interface Service extends Door {
  /** Absolute path of the socket; undefined: `tsbox.sock` in the runtime directory. */
  socket: string | undefined;
  /** Called once requests are answered, with the socket's path. */
  listening(path: string): void;
}

/**
 * Answers requests until the signal is aborted, then removes the socket. Throws TsboxError when the
 * socket cannot be had: see claimSocket().
 */
export async function serveApi(service: Service): Promise<void> {
  const path = service.socket ?? defaultSocket(service.context.runtimeDir);
  const claim = await claimSocket(path);
  try {
    const server = listen(path, service);
    try {
      service.listening(path);
      await aborted(service.signal);
    } finally {
      await end(server);
    }
  } finally {
    claim.release();
  }
}

function defaultSocket(runtimeDir: string): string {
  try {
    mkdirSync(runtimeDir, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw cannotListen("host", `${runtimeDir}/tsbox.sock`, messageOf(thrown), thrown);
  }
  return `${runtimeDir}/tsbox.sock`;
}

function listen(path: string, door: Door): Bun.Server<undefined> {
  const api = makeApi(door);
  // The socket must never be there with other permissions, not even before a chmod.
  const before = process.umask(0o177);
  try {
    return Bun.serve({
      unix: path,
      development: false,
      maxRequestBodySize: LARGEST_BODY,
      ...NEVER_IDLE,
      fetch: (request) => hasHost(request) ? api.fetch(request) : badHost(),
    });
  } catch (thrown) {
    throw cannotListen("host", path, messageOf(thrown), thrown);
  } finally {
    process.umask(before);
  }
}

/** Without a usable Host header Bun hands on a URL that is none. */
function hasHost({ url }: Request): boolean {
  return URL.canParse(url);
}

function badHost(): Response {
  return Response.json({ message: "malformed Host header" }, { status: 400 });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Takes no more connections and removes the socket at once, then lets the requests finish. */
async function end(server: Bun.Server<undefined>): Promise<void> {
  void server.stop();
  const deadline = Date.now() + GRACE;
  while (server.pendingRequests > 0 && Date.now() < deadline) await Bun.sleep(POLL);
  await server.stop(true);
}
