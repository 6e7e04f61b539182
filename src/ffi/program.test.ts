import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arena } from "./arena.ts";
import { AT_FDCWD, CLONE, O, SIG_SETMASK, SIGCHLD } from "./constants.ts";
import { IMAGE_BASE, toElf } from "./elf.ts";
import { runProgram } from "./executor.ts";
import { address, sys } from "./libc.ts";
import type { Arch } from "./numbers.ts";
import { Program } from "./program.ts";

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-program-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function cloned(): Program {
  const program = new Program(Arena.live());
  const args = program.arena.words([
    CLONE.VM + CLONE.CLEAR_SIGHAND,
    0,
    0,
    0,
    SIGCHLD,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  program.op("clone", "clone3", [args, 88], { fork: "return" });
  return program;
}

/** Runs to the end of the child; its wait status. */
function finished(program: Program): number {
  const pid = runProgram(program);
  expect(pid).toBeGreaterThan(0);
  const status = new Int32Array(1);
  sys("wait", "wait4", pid, address(status), 0, 0);
  return status[0] ?? -1;
}

test("a child runs its calls in order, feeds results into later ones, and execs", () => {
  inFolder((folder) => {
    const program = cloned();
    const { arena } = program;
    const fd = program.register();
    program.op(
      "open",
      "openat",
      [AT_FDCWD, arena.text(`${folder}/out`), O.CREAT | O.WRONLY, 0o644],
      { into: fd },
    );
    program.op("write", "write", [fd, arena.text("one\n"), 4]);
    program.op("redirect", "dup3", [fd, 1, 0]);
    program.op("unblock", "rt_sigprocmask", [SIG_SETMASK, arena.words([0]), 0, 8]);
    program.op("run", "execve", [
      arena.text("/bin/echo"),
      arena.vector(["echo", "two"]),
      arena.vector([]),
    ]);
    expect(finished(program)).toBe(0);
    expect(program.failure()).toBeUndefined();
    expect(readFileSync(`${folder}/out`, "utf8")).toBe("one\ntwo\n");
  });
});

test("the first failing call ends the child and says which it was", () => {
  const program = cloned();
  program.op("ignore this", "chdir", [program.arena.text("/nowhere")], { ignore: true });
  program.op("enter /nowhere", "chdir", [program.arena.text("/nowhere")]);
  program.op("exit", "exit_group", [0]);
  expect(finished(program)).toBe(125 << 8);
  expect(program.failure()).toMatchObject({ index: 2, errno: 2, op: { what: "enter /nowhere" } });
});

test("a zero result fails where zero is wrong, and a success can skip ops", () => {
  const program = cloned();
  program.op("skip two", "getpid", [], { skip: 2 });
  program.op("skipped", "exit_group", [1]);
  program.op("skipped", "exit_group", [2]);
  program.op("be somebody", "getuid", [], {});
  program.op("read nothing", "lseek", [0, 0, 99], { ignore: true });
  program.op("want a number", "umask", [0], {});
  program.op("want a number again", "umask", [0], { nonzero: true });
  expect(finished(program)).toBe(125 << 8);
  expect(program.failure()?.op.what).toBe("want a number again");
});

test("a call that fails because something is missing can be passed over, other failures not", () => {
  const program = cloned();
  program.op("enter", "chdir", [program.arena.text("/nowhere")], { missing: true });
  program.op("enter a file", "chdir", [program.arena.text("/etc/passwd")], { missing: true });
  expect(finished(program)).toBe(125 << 8);
  expect(program.failure()).toMatchObject({ index: 2, errno: 20 });
});

test("a fork that fails returns to the caller", () => {
  const program = new Program(Arena.live());
  program.op("clone", "clone3", [program.arena.words([0]), 88], { fork: "return" });
  expect(runProgram(program)).toBeLessThan(0);
  expect(program.failure()?.index).toBe(0);
});

test("a fork that fails in a child ends that child", () => {
  const program = cloned();
  program.op("clone again", "clone3", [program.arena.words([0]), 88], { fork: "exit" });
  expect(finished(program)).toBe(125 << 8);
  expect(program.failure()?.op.what).toBe("clone again");
});

function elfOf(arch: Arch, build: (program: Program) => void): Uint8Array {
  const program = new Program(Arena.image(IMAGE_BASE), arch);
  build(program);
  return toElf(program);
}

function runElf(arch: Arch, file: Uint8Array): { code: number; out: string } {
  return inFolder((folder) => {
    writeFileSync(`${folder}/elf`, file);
    chmodSync(`${folder}/elf`, 0o755);
    const emulator = arch === process.arch
      ? []
      : [`qemu-${arch === "arm64" ? "aarch64" : "x86_64"}-static`];
    const done = Bun.spawnSync([...emulator, `${folder}/elf`]);
    return { code: done.exitCode, out: done.stdout.toString() };
  });
}

for (const arch of ["x64", "arm64"] as const) {
  test(`a program as an ELF file runs on ${arch}, and its failure handler reports`, () => {
    const file = elfOf(arch, (program) => {
      const { arena } = program;
      const fd = program.register();
      program.op("stdout", "dup3", [1, 9, 0], { into: fd });
      program.op("greet", "write", [fd, arena.text("hello\n"), 6], { skip: 1 });
      program.op("not reached", "exit_group", [3]);
      program.op("may fail", "chdir", [arena.text("/nowhere")], { ignore: true });
      program.op("fail", "chdir", [arena.text("/nowhere")]);
      program.onFailure();
      program.op("report", "write", [fd, program.header + 8, 16]);
      program.op("exit", "exit_group", [7]);
    });
    const { code, out } = runElf(arch, file);
    expect(code).toBe(7);
    expect(out.slice(0, 6)).toBe("hello\n");
    const words = new DataView(Uint8Array.from(out.slice(6), (c) => c.charCodeAt(0)).buffer);
    expect(words.getUint8(0)).toBe(5);
  });
}

test("a program prints as the calls it makes", () => {
  const program = new Program(Arena.image(IMAGE_BASE));
  const fd = program.register();
  program.op("open it", "openat", [AT_FDCWD, program.arena.text("/x"), O.RDONLY, 0], { into: fd });
  program.op("close it", "close", [fd], { ignore: true });
  expect(program.toString()).toBe(
    '  0 openat(-100, "/x", 0, 0) -> r4  # open it\n  1 close(r4)  # close it; may fail',
  );
});

test("a part that was copied before it ran does the same at the same place of another program", () => {
  inFolder((folder) => {
    const write = (program: Program) => {
      const { arena } = program;
      const fd = program.register();
      const open = [AT_FDCWD, arena.text(`${folder}/out`), O.CREAT | O.WRONLY | O.TRUNC, 0o644];
      program.op("open the file", "openat", open, { into: fd });
      program.op("write", "write", [fd, arena.text("hello"), 5]);
      program.op("close it", "close", [fd]);
    };
    const original = new Program(Arena.image(IMAGE_BASE));
    const twin = new Program(Arena.image(IMAGE_BASE));
    const from = original.position();
    write(original);
    const part = original.part(from);
    twin.append(part);
    for (const program of [original, twin]) program.op("end", "exit_group", [9]);
    const path = `${folder}/twin`;
    writeFileSync(path, toElf(twin));
    expect(readFileSync(path).equals(Buffer.from(toElf(original)))).toBe(true);
    chmodSync(path, 0o755);
    expect(Bun.spawnSync([path]).exitCode).toBe(9);
    expect(readFileSync(`${folder}/out`, "utf8")).toBe("hello");
    expect(twin.failureOf(3, -9)?.op).toMatchObject({ what: "close it", call: "close" });
    expect(twin.failureOf(4, -9)?.op).toMatchObject({ what: "end", call: "exit_group" });
  });
});
