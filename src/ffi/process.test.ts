import { expect, test } from "bun:test";
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arena } from "./arena.ts";
import { AT_FDCWD, O } from "./constants.ts";
import { runProgram } from "./executor.ts";
import {
  exitStatus,
  opClone,
  opCloneToExecute,
  opPlace,
  opThread,
  pipe,
  type Placing,
  waitBlocking,
  waitCleared,
} from "./process.ts";
import { Program } from "./program.ts";

/** Runs `program` in a child, and then a shell. What that writes. */
function shellAfter(append: (program: Program) => void, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "tsbox-process-"));
  try {
    const program = new Program(Arena.live());
    const { arena } = program;
    opClone(program, 0);
    append(program);
    const output = program.register();
    const path = arena.text(`${folder}/output`);
    program.op("open", "openat", [AT_FDCWD, path, O.CREAT | O.WRONLY, 0o600], { into: output });
    program.op("redirect", "dup3", [output, 1, 0]);
    const args = arena.vector(["sh", "-c", script]);
    program.op("execute", "execve", [arena.text("/bin/sh"), args, arena.vector([])]);
    expect(exitStatus(waitBlocking(runProgram(program)))).toBe(0);
    return readFileSync(`${folder}/output`, "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const inodeOf = (fd: number) => String(fstatSync(fd).ino);

test("descriptors get the places that others of them have", () => {
  const { read, write } = pipe();
  const third = openSync("/dev/null", "r");
  const placings: Placing[] = [[read, write], [write, third], [third, read], [third, 60]];
  const expected = placings.map(([fd, place]) => `${place} ${inodeOf(Number(fd))}`).join("\n");
  const script = [write, third, read, 60]
    .map((fd) => `echo ${fd} $(stat -Lc %i /proc/$$/fd/${fd})`).join("\n");
  expect(shellAfter((program) => opPlace(program, placings), script).trim()).toBe(expected);
  [read, write, third].forEach((fd) => closeSync(fd));
});

test("a descriptor that has its place already is there after execve as well", () => {
  const { read, write } = pipe();
  const script = `stat -Lc %i /proc/$$/fd/${read}`;
  const inside = shellAfter((program) => opPlace(program, [[read, read]]), script);
  expect(inside.trim()).toBe(inodeOf(read));
  closeSync(read);
  closeSync(write);
});

test("what is needed later is told where it went, when its number is wanted", () => {
  const { read, write } = pipe();
  const append = (program: Program) => {
    const kept = opPlace(program, [[read, write]], write);
    program.op("write", "write", [kept, program.arena.text("x"), 1]);
    expect(opPlace(program, [[read, 90]], write)).toBe(write);
  };
  expect(shellAfter(append, "echo done")).toBe("done\n");
  closeSync(write);
  expect(readFileSync(read, "latin1")).toBe("x");
  closeSync(read);
});

/** A child that waits for a word on a pipe, and then executes `path`. */
function executorOf(path: string) {
  const program = new Program(Arena.live());
  const { arena } = program;
  const begun = opCloneToExecute(program);
  const { read, write } = pipe();
  program.op("wait", "read", [read, arena.reserve(8), 1]);
  program.op("execute", "execve", [arena.text(path), arena.vector([path]), arena.vector([])]);
  const pid = runProgram(program);
  expect(arena.word(begun)).toBe(pid);
  writeSync(write, "x");
  waitCleared(program, begun);
  closeSync(read);
  closeSync(write);
  return { program, status: () => exitStatus(waitBlocking(pid)) };
}

test("a child that executes something lets us know when it does", () => {
  const { program, status } = executorOf("/bin/true");
  expect(program.failure()).toBeUndefined();
  expect(status()).toBe(0);
});

test("a child that cannot execute anything lets us know, and why", () => {
  const { program, status } = executorOf("/nowhere/true");
  expect(program.failure()).toMatchObject({ errno: 2, op: { what: "execute" } });
  expect(status()).not.toBe(0);
});

test("a thread works beside us, on our descriptors, and nobody has to wait for it", () => {
  const { read, write } = pipe();
  const program = new Program(Arena.live());
  const alive = opThread(program);
  program.op("write", "write", [write, program.arena.text("thread"), 6]);
  program.op("close", "close", [write]);
  program.op("end", "exit", [0]);
  expect(runProgram(program)).toBeGreaterThan(0);
  waitCleared(program, alive);
  expect(readFileSync(read, "latin1")).toBe("thread");
  expect(() => fstatSync(write)).toThrow("EBADF");
  closeSync(read);
});
