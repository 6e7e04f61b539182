/** The socket's path: one service at a time has it, and what a dead one left is taken over. */
import { existsSync, lstatSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, TsboxError } from "../errors.ts";
import { lockFile } from "../storage/lock.ts";

/** Bytes of sun_path in struct sockaddr_un, without the final zero. */
const LONGEST_PATH = 107;

/** A path that only this process may listen at. */
export interface SocketClaim {
  /** Removes what marks the path as taken. The socket itself is gone by then. */
  release(): void;
}

/**
 * Takes `path` for this process, and removes a socket there that nobody listens at any more.
 *
 * The lock file beside it decides between two services that start at once; asking the socket itself
 * finds programs that know nothing of the lock.
 * Throws TsboxError: "in-use", "conflict" for something there that is no socket, "invalid-argument"
 * for a path that is too long, "host" where nothing can be made.
 * @param path absolute
 */
export async function claimSocket(path: string): Promise<SocketClaim> {
  if (new TextEncoder().encode(path).length > LONGEST_PATH) {
    throw cannotListen("invalid-argument", path, `it is longer than ${LONGEST_PATH} bytes`);
  }
  checkPlace(path);
  const lock = lockFile(`${path}.lock`, "exclusive", { wait: false });
  if (lock === undefined) throw inUse(path);
  const release = () => {
    // While the lock is held: afterwards the file may be someone else's.
    rmSync(`${path}.lock`, { force: true });
    lock.release();
  };
  try {
    await removeStale(path);
    return { release };
  } catch (thrown) {
    release();
    throw thrown;
  }
}

/** Before anything is made beside a file that has nothing to do with us. */
function checkPlace(path: string): void {
  if (!existsSync(dirname(path))) throw cannotListen("host", path, "its directory does not exist");
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined || status.isSocket()) return;
  throw cannotListen("conflict", path, "there is something that is not a socket");
}

async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (await isAnswered(path)) throw inUse(path);
  rmSync(path, { force: true });
}

/** Only a refused connection says that nobody listens; any other failure says nothing. */
async function isAnswered(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.end();
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) {
      if (thrown.code === "ECONNREFUSED" || thrown.code === "ENOENT") return false;
    }
    throw cannotListen("host", path, messageOf(thrown), thrown);
  }
}

function inUse(path: string): TsboxError {
  return cannotListen("in-use", path, "it is already in use");
}

/** What every failure to listen looks like. */
export function cannotListen(
  code: "invalid-argument" | "in-use" | "conflict" | "host",
  path: string,
  reason: string,
  cause?: unknown,
): TsboxError {
  return new TsboxError(code, `Cannot listen on "unix://${path}": ${reason}`, {
    cause,
    hint: "choose another socket with --host",
  });
}
