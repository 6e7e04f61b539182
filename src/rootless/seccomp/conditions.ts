/** Conditions on a system call's arguments, as BPF: 64-bit values are compared by halves. */
import { TsboxError } from "../../errors.ts";
import type { FilterBuilder, Label, Test } from "./bpf.ts";

/** As in a profile. */
export interface Condition {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}

/** What happens when all conditions hold. */
export interface Rule {
  /** The value the filter returns. */
  action: number;
  conditions: readonly Condition[];
}

const FIRST_ARGUMENT = 16; // offsetof(struct seccomp_data, args)
const WORD = 2 ** 32;

/**
 * Goes to `yes` when the condition holds, else to `no`.
 * @param wide compare 64 bits, not the lower 32 alone
 * @throws TsboxError("invalid-argument"|"unsupported")
 */
export function compileCondition(
  builder: FilterBuilder,
  condition: Condition,
  wide: boolean,
  yes: Label,
  no: Label,
): Label {
  const { index, op } = condition;
  if (!Number.isInteger(index) || index < 0 || index > 5) {
    throw new TsboxError("invalid-argument", `invalid argument index in seccomp profile: ${index}`);
  }
  const argument = new Argument(builder, FIRST_ARGUMENT + index * 8, wide);
  const value = halves(condition.value);
  switch (op) {
    case "SCMP_CMP_EQ":
      return argument.equals(value, yes, no);
    case "SCMP_CMP_NE":
      return argument.equals(value, no, yes);
    case "SCMP_CMP_GT":
      return argument.exceeds(">", value, yes, no);
    case "SCMP_CMP_GE":
      return argument.exceeds(">=", value, yes, no);
    case "SCMP_CMP_LE":
      return argument.exceeds(">", value, no, yes);
    case "SCMP_CMP_LT":
      return argument.exceeds(">=", value, no, yes);
    case "SCMP_CMP_MASKED_EQ":
      return argument.equalsMasked(value, halves(condition.valueTwo ?? 0), yes, no);
  }
  throw new TsboxError("invalid-argument", `unknown comparison in seccomp profile: "${op}"`);
}

interface Halves {
  low: number;
  high: number;
}

function halves(value: number): Halves {
  // Beyond 2^53 the number is no longer the one that stands in the profile.
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TsboxError("unsupported", `seccomp profile: value ${value} is too large`, {
      hint: "compare with a value below 2^53",
    });
  }
  return { low: value % WORD, high: Math.floor(value / WORD) };
}

/** One argument; the words lie in the byte order of x86-64 and arm64. */
class Argument {
  readonly #builder: FilterBuilder;
  readonly #low: number;
  readonly #high: number;
  readonly #wide: boolean;

  constructor(builder: FilterBuilder, offset: number, wide: boolean) {
    this.#builder = builder;
    this.#low = offset;
    this.#high = offset + 4;
    this.#wide = wide;
  }

  equals(value: Halves, yes: Label, no: Label): Label {
    const b = this.#builder;
    const low = b.load(this.#low, b.branch("=", value.low, yes, no));
    return this.#wide ? b.load(this.#high, b.branch("=", value.high, low, no)) : low;
  }

  exceeds(test: Exclude<Test, "=">, value: Halves, yes: Label, no: Label): Label {
    const b = this.#builder;
    const low = b.load(this.#low, b.branch(test, value.low, yes, no));
    if (!this.#wide) return low;
    const same = b.branch("=", value.high, low, no);
    return b.load(this.#high, b.branch(">", value.high, yes, same));
  }

  /** A half that the mask leaves nothing of needs no look, unless it can never be equal. */
  equalsMasked(mask: Halves, value: Halves, yes: Label, no: Label): Label {
    const b = this.#builder;
    const low = b.load(this.#low, b.and(mask.low, b.branch("=", value.low, yes, no)));
    if (!this.#wide || (mask.high === 0 && value.high === 0)) return low;
    return b.load(this.#high, b.and(mask.high, b.branch("=", value.high, low, no)));
  }
}
