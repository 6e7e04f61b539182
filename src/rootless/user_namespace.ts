/**
 * The user namespace that all containers of a user share, kept from one command to the next.
 *
 * Making one costs two setuid programs, more than all mounts of a container together. So a tiny keeper
 * process (an ELF file of a few hundred bytes that sleeps) holds it for a while; commands join it by
 * /proc/PID/ns/user. It is only a cache: any command makes a new one when it is gone.
 */
import { closeSync, fstatSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Arena } from "../ffi/arena.ts";
import { AT_EMPTY_PATH, CLONE, PR } from "../ffi/constants.ts";
import { IMAGE_BASE, toElf } from "../ffi/elf.ts";
import { runProgram } from "../ffi/executor.ts";
import { address, sys } from "../ffi/libc.ts";
import { sealedFile } from "../ffi/memfd.ts";
import {
  errorOf,
  opClone,
  opDefaultSignals,
  opStdio,
  pipe,
  sendSignal,
  waitBlocking,
} from "../ffi/process.ts";
import { Program } from "../ffi/program.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { type IdMap, sameMap, writeIdMap } from "./id_map.ts";

/** An open user namespace and what its ids mean. */
export interface UserNamespace {
  /** Descriptor of the namespace, close-on-exec. */
  fd: number;
  map: IdMap;
}

/** How long a keeper holds the namespace, in seconds. */
const KEEP_SECONDS = 600;

function keeperElf(): Uint8Array {
  const program = new Program(Arena.image(IMAGE_BASE));
  const { arena } = program;
  program.op("name the process", "prctl", [PR.SET_NAME, arena.text("tsbox-keeper")]);
  program.op("close descriptors", "close_range", [3, 0xffff_ffff, 0]);
  program.op("sleep", "nanosleep", [arena.words([KEEP_SECONDS, 0]), 0], { ignore: true });
  program.op("exit", "exit_group", [0]);
  return toElf(program);
}

interface Keeper {
  pid: number;
  fd: number;
}

/** Starts a keeper in a new user namespace with the given ids. */
function startKeeper(map: IdMap): Keeper {
  const elf = sealedFile("tsbox-keeper", keeperElf());
  const nothing = openSync("/dev/null", "r+");
  const mapped = pipe();
  try {
    const program = new Program(Arena.live());
    const { arena } = program;
    opClone(program, CLONE.NEWUSER);
    // If we die before the maps are written the read finds the end of the pipe, which is a failure.
    program.op("close a pipe", "close", [mapped.write]);
    program.op("wait for the id maps", "read", [mapped.read, arena.reserve(8), 1], {
      nonzero: true,
    });
    opStdio(program, [nothing, nothing, nothing]);
    program.op("leave the terminal", "setsid");
    program.op("leave the directory", "chdir", [arena.text("/")]);
    opDefaultSignals(program);
    program.op("execute the keeper", "execveat", [
      elf,
      arena.text(""),
      arena.vector(["tsbox-keeper"]),
      arena.vector([]),
      AT_EMPTY_PATH,
    ]);
    const pid = runProgram(program);
    if (pid < 0) throw newNamespaceError(-pid);
    return { pid, fd: mapKeeper(pid, map, mapped.write) };
  } finally {
    for (const fd of [elf, nothing, mapped.read, mapped.write]) closeSync(fd);
  }
}

function mapKeeper(pid: number, map: IdMap, go: number): number {
  try {
    writeIdMap(pid, map);
    const fd = openSync(`/proc/${pid}/ns/user`, "r");
    sys("start the keeper", "write", go, address(new Uint8Array(1)), 1);
    return fd;
  } catch (error) {
    sendSignal(pid, 9);
    waitBlocking(pid);
    throw error;
  }
}

function newNamespaceError(errno: number): TsboxError {
  const failure = {
    op: { what: "make a user namespace", call: "clone3", args: [], options: {} },
    index: 0,
    errno,
  } as const;
  const error = errorOf(failure, "host");
  return new TsboxError("host", error.message, {
    cause: error,
    hint: "run 'tsbox doctor' to see what forbids it",
  });
}

/** The namespace of a keeper that an earlier command left, if it lives and has the same ids. */
function joinKeeper(record: string, map: IdMap): number | undefined {
  let fd = -1;
  try {
    const [pid, inode] = readFileSync(record, "utf8").split(" ");
    fd = openSync(`/proc/${Number(pid)}/ns/user`, "r");
    const shown = (name: string) => readFileSync(`/proc/${Number(pid)}/${name}`, "utf8");
    const ours = String(fstatSync(fd).ino) === inode?.trim() &&
      sameMap(shown("uid_map"), map.uids) && sameMap(shown("gid_map"), map.gids);
    if (ours) return fd;
  } catch {
    // No record, or its process is gone: the caller makes a new one.
  }
  if (fd >= 0) closeSync(fd);
  return undefined;
}

/**
 * The user namespace with the given ids: the kept one, else a new one.
 * @param runtimeDir folder for what a reboot may forget; it exists and is ours alone
 * @throws TsboxError "host" with the remedy when the host does not allow it
 */
export function openUserNamespace(map: IdMap, runtimeDir: string): UserNamespace {
  const record = `${runtimeDir}/keeper-${map.kind}`;
  const kept = joinKeeper(record, map);
  if (kept !== undefined) return { fd: kept, map };
  const { pid, fd } = startKeeper(map);
  remember(record, `${pid} ${fstatSync(fd).ino}\n`);
  return { fd, map };
}

function remember(record: string, text: string): void {
  const temporary = `${record}.${process.pid}`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, record);
  } catch (error) {
    throw new TsboxError("host", `Cannot write "${record}": ${messageOf(error)}`, { cause: error });
  }
}
