/**
 * The user namespace that all containers of a user share, kept from one command to the next.
 *
 * Making one costs two setuid programs, more than all mounts of a container together. So a tiny keeper
 * process (an ELF file of a few hundred bytes that sleeps) holds it for a while; commands join it by
 * /proc/PID/ns/user. It is only a cache: any command makes a new one when it is gone.
 */
import { Arena } from "../ffi/arena.ts";
import { AT_EMPTY_PATH, CLONE, O, PR } from "../ffi/constants.ts";
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
import { closeFile, openFile, openFileStatus } from "../ffi/quick_files.ts";
import { TsboxError } from "../errors.ts";
import { type IdMap, isShown, parseIdMap, writeIdMap } from "./id_map.ts";
import { type IdRequest, idSource } from "./id_source.ts";
import { openKept, readKeeper, shownMaps, writeKeeper } from "./keeper_record.ts";

/** An open user namespace and what its ids mean. */
export interface UserNamespace {
  /** Descriptor of the namespace, close-on-exec. */
  fd: number;
  map: IdMap;
}

/** How long a keeper holds the namespace, in seconds. */
const KEEP_SECONDS = 600;

/** What the process is called that does so. */
export const KEEPER_NAME = "tsbox-keeper";

function keeperElf(): Uint8Array {
  const program = new Program(Arena.image(IMAGE_BASE));
  const { arena } = program;
  program.op("name the process", "prctl", [PR.SET_NAME, arena.text(KEEPER_NAME)]);
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
  const nothing = openFile("/dev/null", O.RDWR);
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
    for (const fd of [elf, nothing, mapped.read, mapped.write]) closeFile(fd);
  }
}

function mapKeeper(pid: number, map: IdMap, go: number): number {
  try {
    writeIdMap(pid, map);
    const fd = openFile(`/proc/${pid}/ns/user`, O.RDONLY);
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

const recordPath = (runtimeDir: string, kind: IdMap["kind"]): string =>
  `${runtimeDir}/keeper-${kind}`;

/**
 * The kept user namespace with the ids that the caller has by the host's files. Does not read those: only
 * looks whether they are as they were when it was made. Undefined: find out, and call {@link openUserNamespace}.
 * @param runtimeDir as there
 */
export function keptUserNamespace(
  request: IdRequest,
  runtimeDir: string,
): UserNamespace | undefined {
  const kind = request.mode === "single" ? "single" : "full";
  const record = readKeeper(recordPath(runtimeDir, kind));
  if (record === undefined || record.source !== idSource(request)) return undefined;
  const fd = openKept(record);
  if (fd === undefined) return undefined;
  return { fd, map: { kind, uids: parseIdMap(record.uids), gids: parseIdMap(record.gids) } };
}

/**
 * The user namespace with the given ids: the kept one, else a new one.
 * @param runtimeDir folder for what a reboot may forget; it exists and is ours alone
 * @throws TsboxError "host" with the remedy when the host does not allow it
 */
export function openUserNamespace(map: IdMap, runtimeDir: string): UserNamespace {
  const path = recordPath(runtimeDir, map.kind);
  const { source = "" } = map;
  const record = readKeeper(path);
  if (record && isShown(map.uids, record.uids) && isShown(map.gids, record.gids)) {
    const kept = openKept(record);
    if (kept !== undefined && record.source !== source) writeKeeper(path, { ...record, source });
    if (kept !== undefined) return { fd: kept, map };
  }
  const { pid, fd } = startKeeper(map);
  const inode = openFileStatus(fd)?.inode ?? 0;
  writeKeeper(path, { pid, inode, source, ...shownMaps(pid) });
  return { fd, map };
}
