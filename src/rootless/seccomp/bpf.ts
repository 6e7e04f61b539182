/** Builds a classic BPF program for seccomp, from its end to its beginning. */
import { TsboxError } from "../../errors.ts";

// linux/bpf_common.h
const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const JUMP = 0x05; // BPF_JMP | BPF_JA
const TEST = { "=": 0x15, ">": 0x25, ">=": 0x35 } as const;

/** A comparison of the accumulator, unsigned. */
export type Test = keyof typeof TEST;

/** Size of struct sock_filter. */
export const INSTRUCTION_SIZE = 8;
/** BPF_MAXINSNS */
const MAX_INSTRUCTIONS = 4096;
/** A branch has 8 bits for each distance; two instructions may still come between. */
const REACH = 253;

/** An instruction already built: how many follow it. */
export type Label = number;

interface Instruction {
  code: number;
  k: number;
  /** Where a jump goes; ignored by others. */
  yes: Label;
  no: Label;
}

/**
 * BPF jumps lead forward only, so when the code is built backwards every target is known, and near
 * ones can be told from far ones at once.
 */
export class FilterBuilder {
  readonly #backwards: Instruction[] = [];
  readonly #returns = new Map<number, Label>();

  /** Ends the program with a value. */
  ret(value: number): Label {
    return this.#returns.get(value >>> 0) ?? this.#newReturn(value);
  }

  /** Loads a word of struct seccomp_data, then goes on at `then`. */
  load(offset: number, then: Label): Label {
    return this.#before(LOAD_WORD, offset, then);
  }

  /** Masks the accumulator, then goes on at `then`. */
  and(mask: number, then: Label): Label {
    return this.#before(AND, mask, then);
  }

  /** Compares the accumulator with a constant. */
  branch(test: Test, k: number, yes: Label, no: Label): Label {
    if (yes === no) return yes;
    const [nearYes, nearNo] = [this.#near(yes), this.#near(no)];
    return this.#push({ code: TEST[test], k, yes: nearYes, no: nearNo });
  }

  /**
   * The program that begins at `entry`, as an array of struct sock_filter.
   * @throws TsboxError("limit-exceeded") when it is longer than the kernel takes
   */
  finish(entry: Label): Uint8Array<ArrayBuffer> {
    this.#fallsTo(entry);
    const count = this.#backwards.length;
    if (count > MAX_INSTRUCTIONS) {
      throw new TsboxError(
        "limit-exceeded",
        `Cannot use the seccomp profile: its filter has ${count} instructions, the kernel takes ${MAX_INSTRUCTIONS}`,
      );
    }
    const view = new DataView(new ArrayBuffer(count * INSTRUCTION_SIZE));
    this.#backwards.forEach((instruction, i) => {
      write(view, (count - 1 - i) * INSTRUCTION_SIZE, instruction, i);
    });
    return new Uint8Array(view.buffer);
  }

  #push(instruction: Instruction): Label {
    return this.#backwards.push(instruction) - 1;
  }

  #newReturn(value: number): Label {
    const label = this.#push({ code: RETURN, k: value >>> 0, yes: 0, no: 0 });
    this.#returns.set(value >>> 0, label);
    return label;
  }

  #before(code: number, k: number, then: Label): Label {
    this.#fallsTo(then);
    return this.#push({ code, k: k >>> 0, yes: 0, no: 0 });
  }

  /** What is pushed next goes on at `then`. */
  #fallsTo(then: Label): void {
    if (then === this.#backwards.length - 1) return;
    this.#push({ code: JUMP, k: 0, yes: then, no: then });
  }

  /** `label`, or a stand-in for it within reach of a branch. */
  #near(label: Label): Label {
    if (this.#backwards.length - label - 1 <= REACH) return label;
    const target = this.#backwards[label];
    if (target?.code !== RETURN) return this.#push({ code: JUMP, k: 0, yes: label, no: label });
    const latest = this.ret(target.k);
    return latest !== label && this.#backwards.length - latest - 1 <= REACH
      ? latest
      : this.#newReturn(target.k);
  }
}

/** struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; } in the byte order of x86-64 and arm64. */
function write(view: DataView, at: number, { code, k, yes, no }: Instruction, label: Label): void {
  const isBranch = code === TEST["="] || code === TEST[">"] || code === TEST[">="];
  view.setUint16(at, code, true);
  view.setUint8(at + 2, isBranch ? label - yes - 1 : 0);
  view.setUint8(at + 3, isBranch ? label - no - 1 : 0);
  view.setUint32(at + 4, code === JUMP ? label - yes - 1 : k >>> 0, true);
}
