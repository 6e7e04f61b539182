/**
 * Syscall programs: what must happen in a new process before execve, as data.
 *
 * A program is a list of system calls that the executor (machine/executor_*.s) makes one after the
 * other. It is built here, can be printed and tested without a kernel, and is run by executor.ts or
 * written into a small ELF file by elf.ts.
 */
import { TsboxError } from "../errors.ts";
import { type Arena, upperHalf } from "./arena.ts";
import type { SyscallName } from "./numbers.ts";
import { ARCH, type Arch, numbersOf } from "./numbers.ts";

const OP_SIZE = 80;
/** 32-bit halves of an op. */
const OP_HALVES = OP_SIZE / 4;
/** Where in an op they are. */
const AT = { ARGS: 2, FLAGS: 14, INTO: 16 } as const;
const FLAG = {
  FORK: 1,
  IGNORE: 2,
  NONZERO: 4,
  EXIT: 8,
  STOP: 16,
  MISSING: 32,
  INDIRECT: 0x100,
} as const;
const WORD = 0x100000000;
const MAX_SKIP = 255;
const NO_ARGS: readonly Arg[] = [];
const NO_OPTIONS: OpOptions = {};
const HEADER = { FIRST: 0, FAILED_OP: 8, FAILED_RESULT: 16, HANDLER: 24, SIZE: 32 } as const;

/** A place for the result of one call that later calls take as an argument. */
export interface Register {
  readonly register: number;
}

/** A number, an address, or the result of an earlier call. */
export type Arg = number | Register;

/** How an op behaves beside its system call. */
export interface OpOptions {
  /** Go on when the call fails. */
  ignore?: boolean;
  /** Go on when it fails because something is not there (ENOENT). */
  missing?: boolean;
  /** A result of zero is a failure too. */
  nonzero?: boolean;
  /** The call makes a child, which runs what follows; `exit`: the parent ends, else it returns. */
  fork?: "return" | "exit";
  /** Leave the program after this op. */
  stop?: boolean;
  /** Where the result goes. */
  into?: Register;
  /** After a success, skip this many ops. */
  skip?: number;
}

/** One system call of a program. */
export interface Op {
  /** What it does, to be read after "Cannot": `mount proc on /proc`. */
  readonly what: string;
  readonly call: SyscallName;
  readonly args: readonly Arg[];
  readonly options: OpOptions;
}

/** A place in a program: how much of it there is so far. */
export interface Position {
  /** Bytes of the arena. */
  readonly data: number;
  readonly ops: number;
}

/** Ops and the memory that they need, copied out of a program before any of them was made. */
export interface ProgramPart {
  readonly data: Uint8Array;
  readonly ops: Uint8Array;
  /** What each op does, and by which call; asked for when one has failed. */
  names(): readonly OpName[];
}

/** As in {@link Op}. */
export type OpName = readonly [what: string, call: SyscallName];

/** The op that failed, and how. */
export interface Failure {
  op: Op;
  index: number;
  errno: number;
}

/** Stands for an op that came as part of a copy. */
const COPIED: Op = { what: "", call: "getpid", args: [], options: {} };

/** A list of system calls under construction. */
export class Program {
  /** Bytes of an op in memory. */
  static readonly OP_SIZE = OP_SIZE;
  /** Where in it the result is. */
  static readonly RESULT_OFFSET = 72;

  readonly arena: Arena;
  readonly arch: Arch;
  readonly ops: Op[] = [];
  /** Address of the header; known from the start so that ops may point at it. */
  readonly header: number;
  readonly #numbers: Readonly<Record<SyscallName, number>>;
  #halves = new Uint32Array(128 * OP_HALVES);
  #handlerFrom: number | undefined;
  readonly #room: number;
  /** The parts that were appended, and the index of the first op of each. */
  readonly #parts: { from: number; part: ProgramPart }[] = [];
  #table = 0;
  #written = 0;

  /** @param room ops that fit into a program which goes on after it was started, see {@link extend} */
  constructor(arena: Arena, arch: Arch = ARCH, room = 0) {
    this.arena = arena;
    this.arch = arch;
    this.header = arena.reserve(HEADER.SIZE);
    this.#numbers = numbersOf(arch);
    this.#room = room;
    if (room > 0) this.#table = arena.reserve(room * OP_SIZE);
  }

  /** Appends a call. */
  op(
    what: string,
    call: SyscallName,
    args: readonly Arg[] = NO_ARGS,
    options: OpOptions = NO_OPTIONS,
  ): void {
    const at = this.ops.push({ what, call, args, options }) * OP_HALVES - OP_HALVES;
    if (at + OP_HALVES > this.#halves.length) this.#grow(at + OP_HALVES);
    const halves = this.#halves;
    halves[at] = this.#numbers[call];
    let flags = options === NO_OPTIONS ? 0 : flagsOf(options);
    for (let i = 0, half = at + AT.ARGS; i < args.length; i++, half += 2) {
      let arg = args[i] ?? 0;
      if (typeof arg !== "number") {
        flags += FLAG.INDIRECT << i;
        arg = arg.register;
      }
      // An element of a Uint32Array takes a number modulo 2^32.
      halves[half] = arg;
      if (arg < 0 || arg >= WORD) halves[half + 1] = upperHalf(arg);
    }
    halves[at + AT.FLAGS] = flags;
    const { into } = options;
    if (into === undefined) return;
    halves[at + AT.INTO] = into.register;
    halves[at + AT.INTO + 1] = upperHalf(into.register);
  }

  #grow(needed: number): void {
    const twice = this.#halves.length * 2;
    const larger = new Uint32Array(needed > twice ? needed : twice);
    larger.set(this.#halves);
    this.#halves = larger;
  }

  /** How far it is. */
  position(): Position {
    return { data: this.arena.used, ops: this.ops.length };
  }

  /** A copy of what is between two places; not of what began to run. */
  part(from: Position, to = this.position()): ProgramPart {
    const halves = this.#halves.slice(from.ops * OP_HALVES, to.ops * OP_HALVES);
    const data = this.arena.contents().slice(from.data, to.data);
    const names = () => this.ops.slice(from.ops, to.ops).map((op): OpName => [op.what, op.call]);
    return { data, ops: new Uint8Array(halves.buffer), names };
  }

  /**
   * Appends such a copy, in which addresses stand: it must come from a program whose arena had the same address,
   * was as full and had the same in it, as far as the part makes use of that. It cannot be printed.
   */
  append(part: ProgramPart): void {
    const { data, ops } = part;
    const from = this.ops.length;
    this.#parts.push({ from, part });
    const to = from + ops.length / OP_SIZE;
    this.arena.put(data);
    if (to * OP_HALVES > this.#halves.length) this.#grow(to * OP_HALVES);
    new Uint8Array(this.#halves.buffer).set(ops, from * OP_SIZE);
    this.ops.length = to;
    this.ops.fill(COPIED, from);
  }

  /** A new register. */
  register(): Register {
    return { register: this.arena.reserve(8) };
  }

  /** What follows is not part of the normal course: it runs when an op fails. */
  onFailure(): void {
    this.#handlerFrom = this.ops.length;
  }

  /** Writes the ops into the arena; returns the header's address. */
  seal(): number {
    if (this.#table === 0) this.#table = this.arena.reserve(this.ops.length * OP_SIZE);
    this.extend();
    this.arena.setWord(this.header + HEADER.FIRST, this.#table);
    if (this.#handlerFrom !== undefined) {
      this.arena.setWord(this.header + HEADER.HANDLER, this.#table + this.#handlerFrom * OP_SIZE);
    }
    return this.header;
  }

  /**
   * Writes the ops that were appended since: for a program with `room` whose child is waiting, in the
   * last op that was written, for a word that the rest is there.
   */
  extend(): void {
    const from = this.#written;
    const to = this.ops.length;
    if (this.#room > 0 && to > this.#room) throw tooLong("it needs too many steps");
    const halves = this.#halves.subarray(from * OP_HALVES, to * OP_HALVES);
    this.arena.setHalves(this.#table + from * OP_SIZE, halves);
    this.#written = to;
  }

  /** The op that failed in a run, if one did. For a live arena, once the child has ended. */
  failure(): Failure | undefined {
    return this.failureOf(
      this.arena.word(this.header + HEADER.FAILED_OP),
      this.arena.word(this.header + HEADER.FAILED_RESULT),
    );
  }

  /** The same from the two words a handler reported: index from 1, and `-errno`. */
  failureOf(failedOp: number, result: number): Failure | undefined {
    const op = this.ops[failedOp - 1];
    if (op === undefined) return undefined;
    const index = failedOp - 1;
    return { op: op === COPIED ? this.#copied(index) : op, index, errno: -result };
  }

  #copied(index: number): Op {
    const { from, part } = this.#parts.findLast((appended) => appended.from <= index) ?? {};
    const [what, call] = part?.names()[index - (from ?? 0)] ?? [COPIED.what, COPIED.call];
    return { ...COPIED, what, call };
  }

  /** The program as text, an op a line: what `run --debug-plan` prints. */
  toString(): string {
    return this.ops.map((op, i) => `${String(i).padStart(3)} ${this.#line(op, i)}`).join("\n");
  }

  #line(op: Op, index: number): string {
    const args = op.args.map((arg) => this.#arg(arg)).join(", ");
    const into = op.options.into ? ` -> r${this.#registerName(op.options.into)}` : "";
    const notes = [
      ...(index === this.#handlerFrom ? ["on failure"] : []),
      ...(op.options.ignore ? ["may fail"] : []),
      ...(op.options.missing ? ["may be missing"] : []),
      ...(op.options.fork ? ["child continues"] : []),
      ...(op.options.skip ? [`if ok skip ${op.options.skip}`] : []),
    ];
    return `${op.call}(${args})${into}  # ${[op.what, ...notes].join("; ")}`;
  }

  #registerName(register: Register): number {
    return (register.register - this.arena.base) / 8;
  }

  #arg(arg: Arg): string {
    if (typeof arg !== "number") return `r${this.#registerName(arg)}`;
    const text = this.arena.textAt(arg);
    if (text !== undefined) return JSON.stringify(text);
    const inside = arg >= this.arena.base && arg < this.arena.base + this.arena.contents().length;
    if (inside) return `@${(arg - this.arena.base).toString(16)}`;
    return arg > 4095 ? `0x${arg.toString(16)}` : String(arg);
  }
}

function flagsOf(options: OpOptions): number {
  if (options.skip !== undefined && options.skip > MAX_SKIP) {
    throw tooLong("a path in it has too many parts");
  }
  return (options.fork ? FLAG.FORK : 0) | (options.fork === "exit" ? FLAG.EXIT : 0) |
    (options.ignore ? FLAG.IGNORE : 0) |
    (options.missing ? FLAG.MISSING : 0) |
    (options.nonzero ? FLAG.NONZERO : 0) | (options.stop ? FLAG.STOP : 0) |
    ((options.skip ?? 0) << 16);
}

function tooLong(reason: string): TsboxError {
  return new TsboxError("limit-exceeded", `Cannot start the process: ${reason}`);
}
