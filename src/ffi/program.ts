/**
 * Syscall programs: what must happen in a new process before execve, as data.
 *
 * A program is a list of system calls that the executor (machine/executor_*.s) makes one after the
 * other. It is built here, can be printed and tested without a kernel, and is run by executor.ts or
 * written into a small ELF file by elf.ts.
 */
import type { Arena } from "./arena.ts";
import type { SyscallName } from "./numbers.ts";
import { ARCH, type Arch, numbersOf } from "./numbers.ts";

const OP_SIZE = 80;
const FLAG = { FORK: 1, IGNORE: 2, NONZERO: 4, EXIT: 8, STOP: 16, INDIRECT: 0x100 } as const;
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

/** The op that failed, and how. */
export interface Failure {
  op: Op;
  index: number;
  errno: number;
}

/** A list of system calls under construction. */
export class Program {
  /** Bytes of an op in memory. */
  static readonly OP_SIZE = OP_SIZE;
  /** Where in it the result is. */
  static readonly RESULT_OFFSET = 72;
  readonly arena: Arena;
  readonly ops: Op[] = [];
  /** Address of the header; known from the start so that ops may point at it. */
  readonly header: number;
  #handlerFrom: number | undefined;

  constructor(arena: Arena) {
    this.arena = arena;
    this.header = arena.reserve(HEADER.SIZE);
  }

  /** Appends a call. */
  op(what: string, call: SyscallName, args: readonly Arg[] = [], options: OpOptions = {}): void {
    this.ops.push({ what, call, args, options });
  }

  /** A new register. */
  register(): Register {
    return { register: this.arena.reserve(8) };
  }

  /** What follows is not part of the normal course: it runs when an op fails. */
  onFailure(): void {
    this.#handlerFrom = this.ops.length;
  }

  /** Writes the ops into the arena, for an architecture; returns the header's address. */
  seal(arch: Arch = ARCH): number {
    const numbers = numbersOf(arch);
    const table = this.arena.reserve(this.ops.length * OP_SIZE);
    this.ops.forEach((op, i) => this.#write(table + i * OP_SIZE, op, numbers[op.call]));
    this.arena.setWord(this.header + HEADER.FIRST, table);
    if (this.#handlerFrom !== undefined) {
      this.arena.setWord(this.header + HEADER.HANDLER, table + this.#handlerFrom * OP_SIZE);
    }
    return this.header;
  }

  #write(at: number, op: Op, number: number): void {
    let flags = flagsOf(op.options);
    this.arena.setWord(at, number);
    op.args.forEach((arg, i) => {
      if (typeof arg !== "number") flags += FLAG.INDIRECT << i;
      this.arena.setWord(at + 8 + i * 8, typeof arg === "number" ? arg : arg.register);
    });
    this.arena.setWord(at + 56, flags);
    this.arena.setWord(at + 64, op.options.into?.register ?? 0);
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
    return op === undefined ? undefined : { op, index: failedOp - 1, errno: -result };
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
  return (options.fork ? FLAG.FORK : 0) | (options.fork === "exit" ? FLAG.EXIT : 0) |
    (options.ignore ? FLAG.IGNORE : 0) |
    (options.nonzero ? FLAG.NONZERO : 0) | (options.stop ? FLAG.STOP : 0) |
    ((options.skip ?? 0) << 16);
}
