/**
 * From a seccomp profile of the OCI runtime spec to the filter the kernel runs.
 *
 * The filter looks at the architecture, then finds the call's number by a binary search over ranges
 * of numbers that are treated alike. It decides as libseccomp and runc together do: a foreign
 * architecture kills, a rule that says the default is no rule, several conditions on one argument are
 * alternatives, and a call newer than every call the profile names does not exist (ENOSYS), so that
 * C libraries fall back instead of seeing an error they do not expect.
 */
import type { Arch } from "../../ffi/numbers.ts";
import type { SpecSeccomp } from "../../oci/runtime_spec.ts";
import { actionValue, isPermissive, KILL_THREAD, NO_SUCH_CALL } from "./actions.ts";
import { FilterBuilder, type Label } from "./bpf.ts";
import { compileCondition, type Rule } from "./conditions.ts";
import { rulesByNumber } from "./rules.ts";
import { type Section, sectionsOf, type Zone } from "./sections.ts";

const NUMBER = 0; // offsetof(struct seccomp_data, nr)
const ARCHITECTURE = 4; // offsetof(struct seccomp_data, arch)
const ENOSYS = 38;

/** Numbers from `start` up to the next range. */
interface Range {
  start: number;
  rules: readonly Rule[];
  wide: boolean;
}

/**
 * The filter of a profile for a machine, as an array of struct sock_filter.
 * @throws TsboxError("invalid-argument"|"unsupported"|"limit-exceeded") for what cannot be compiled
 */
export function compileSeccomp(profile: SpecSeccomp, arch: Arch): Uint8Array<ArrayBuffer> {
  const builder = new FilterBuilder();
  const sections = sectionsOf(profile.architectures, arch);
  // Backwards: the first section, which is the machine's own, is built last and found first.
  const entries = sections.toReversed().map((section) => ({
    audit: section.audit,
    entry: compileSection(builder, section, profile),
  }));
  const dispatch = entries.reduce(
    (next, { audit, entry }) => builder.branch("=", audit, entry, next),
    builder.ret(KILL_THREAD),
  );
  return builder.finish(builder.load(ARCHITECTURE, dispatch));
}

function compileSection(builder: FilterBuilder, section: Section, profile: SpecSeccomp): Label {
  const ranges = merged(section.zones.flatMap((zone) => rangesOf(zone, profile)));
  const fallback = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  const labels = ranges.map((range) => compileRules(builder, range, fallback));
  return builder.load(NUMBER, search(builder, ranges, labels, 0, ranges.length));
}

/** A range for each number with rules, and ranges of the default between them. */
function rangesOf(zone: Zone, profile: SpecSeccomp): Range[] {
  const { wide, growing } = zone;
  const range = (number: number, rules: readonly Rule[]): Range => ({
    start: zone.start + number,
    rules,
    wide,
  });
  if (zone.calls === undefined) return [range(0, [always(KILL_THREAD)])];
  const { byNumber, last } = rulesByNumber(profile, zone.calls);
  const numbers = [...byNumber.keys()].sort((a, b) => a - b);
  const ranges = numbers.flatMap((number) => [
    range(number, byNumber.get(number) ?? []),
    range(number + 1, []),
  ]);
  if (last === undefined || !growing || !saysNo(profile)) return [range(0, []), ...ranges];
  const known = ranges.filter(({ start }) => start <= zone.start + last);
  return [range(0, []), ...known, range(last + 1, [always(NO_SUCH_CALL)])];
}

/** The default refuses, and not already by ENOSYS. */
function saysNo({ defaultAction, defaultErrnoRet }: SpecSeccomp): boolean {
  return !isPermissive(defaultAction) && defaultErrnoRet !== ENOSYS;
}

function always(action: number): Rule {
  return { action, conditions: [] };
}

/** Of ranges with one start the last counts; neighbours that decide alike become one. */
function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of ranges) {
    if (result.at(-1)?.start === range.start) result.pop();
    const previous = result.at(-1);
    if (previous === undefined || !alike(previous.rules, range.rules)) result.push(range);
  }
  return result;
}

/** The same constant answer. Rules with conditions stay apart: their code is not compared. */
function alike(a: readonly Rule[], b: readonly Rule[]): boolean {
  const constant = (rules: readonly Rule[]) =>
    rules.length === 0
      ? "default"
      : rules[0]?.conditions.length === 0
      ? rules[0].action
      : undefined;
  return constant(a) !== undefined && constant(a) === constant(b);
}

/** The first rule that applies decides. */
function compileRules(builder: FilterBuilder, { rules, wide }: Range, fallback: number): Label {
  return rules.toReversed().reduce((next, { action, conditions }) => {
    const decided = builder.ret(action);
    return conditions.toReversed().reduce(
      (holds, condition) => compileCondition(builder, condition, wide, holds, next),
      decided,
    );
  }, builder.ret(fallback));
}

/** Finds the range of the number in the accumulator, among those from `low` to before `high`. */
function search(
  builder: FilterBuilder,
  ranges: readonly Range[],
  labels: readonly Label[],
  low: number,
  high: number,
): Label {
  const middle = (low + high) >> 1;
  const [range, label] = [ranges[middle], labels[low]];
  if (high - low === 1 || range === undefined) return label ?? builder.ret(KILL_THREAD);
  const above = search(builder, ranges, labels, middle, high);
  const below = search(builder, ranges, labels, low, middle);
  return builder.branch(">=", range.start, above, below);
}
