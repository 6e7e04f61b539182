/** Fuse mounts that are attached nowhere yet, made without privileges. */
import { closeSync, openSync } from "node:fs";
import { Arena } from "../../ffi/arena.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  CLONE,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
  O,
} from "../../ffi/constants.ts";
import { opClone } from "../../ffi/process.ts";
import { Program, type Register } from "../../ffi/program.ts";
import type { UserNamespace } from "../user_namespace.ts";
import { finish, opEnterUserNamespace, opOwnMounts } from "./enter_user_namespace.ts";

/** Both ends of a fuse file system, close-on-exec; the caller closes them. */
export interface FuseMount {
  /** For the daemon that serves it. */
  device: number;
  /** The detached mount, for move_mount(2) from a process in the user namespace. */
  mount: number;
}

/** With it the child shares our descriptor table: what it opens is ours. */
const CLONE_FILES = 0x400;

function opConfigure(program: Program, context: Register, options: Record<string, string>): void {
  const { arena } = program;
  for (const [key, value] of Object.entries(options)) {
    const [command, text] = value === ""
      ? [FSCONFIG.SET_FLAG, 0]
      : [FSCONFIG.SET_STRING, arena.text(value)];
    const args = [context, command, arena.text(key), text, 0];
    program.op(`set ${key} of a fuse mount`, "fsconfig", args);
  }
}

function opMakeMount(program: Program, device: number, mount: Register): void {
  const { arena } = program;
  const context = program.register();
  const open = [arena.text("fuse"), FSOPEN_CLOEXEC];
  program.op("prepare a fuse mount", "fsopen", open, { into: context });
  opConfigure(program, context, {
    source: "fuse-overlayfs",
    fd: String(device),
    rootmode: "40000",
    user_id: "0",
    group_id: "0",
    // The container's users are others than the daemon's, and the kernel checks what they may do.
    allow_other: "",
    default_permissions: "",
  });
  program.op("make a fuse mount", "fsconfig", [context, FSCONFIG.CMD_CREATE, 0, 0, 0]);
  const attributes = MOUNT_ATTR.NODEV | MOUNT_ATTR.NOATIME;
  program.op("make a fuse mount", "fsmount", [context, FSMOUNT_CLOEXEC, attributes], {
    into: mount,
  });
  program.op("close the context of a mount", "close", [context]);
}

/**
 * Makes a fuse mount in the user namespace. It answers nothing until a daemon serves its device.
 * @throws SyscallError
 */
export function makeFuseMount(userns: UserNamespace): FuseMount {
  // The kernel wants the device's number as text before the device is open; and only one opened inside
  // the user namespace will do. So the number is taken here and given another file there.
  const device = openSync("/dev/null", "r+");
  const program = new Program(Arena.live());
  const { arena } = program;
  const [opened, mount] = [program.register(), program.register()];
  opClone(program, CLONE.VFORK + CLONE_FILES);
  opEnterUserNamespace(program, userns);
  opOwnMounts(program);
  const path = arena.text("/dev/fuse");
  const open = [AT_FDCWD, path, O.RDWR | O.CLOEXEC, 0];
  program.op('open "/dev/fuse"', "openat", open, { into: opened });
  program.op("keep the fuse device", "dup3", [opened, device, O.CLOEXEC]);
  program.op("close the fuse device", "close", [opened]);
  opMakeMount(program, device, mount);
  program.op("exit", "exit_group", [0]);
  try {
    finish(program, "fuse mount");
  } catch (error) {
    closeSync(device);
    throw error;
  }
  return { device, mount: arena.word(mount.register) };
}

/**
 * Waits for the first answer of the daemon.
 * @throws SyscallError ENOTCONN when it ended without one
 */
export function awaitFuseDaemon(userns: UserNamespace, mount: number): void {
  const program = new Program(Arena.live());
  const { arena } = program;
  opClone(program, CLONE.VFORK);
  opEnterUserNamespace(program, userns);
  const args = [mount, arena.text(""), AT_EMPTY_PATH, 0x7ff, arena.reserve(256)];
  program.op("reach the fuse daemon", "statx", args);
  program.op("exit", "exit_group", [0]);
  finish(program, "fuse mount");
}
