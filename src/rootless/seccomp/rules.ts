/** A profile's rules sorted by the numbers of one calling convention. */
import type { SpecSeccomp, SpecSyscall } from "../../oci/runtime_spec.ts";
import { actionValue } from "./actions.ts";
import type { Rule } from "./conditions.ts";
import { multiplexed } from "./multiplexed.ts";

/** Rules of each number in the profile's order, and the highest number the profile names. */
export interface NumberedRules {
  byNumber: Map<number, Rule[]>;
  last: number | undefined;
}

/** Names that a calling convention lacks are passed over: a profile serves many of them. */
export function rulesByNumber(
  profile: SpecSeccomp,
  calls: ReadonlyMap<string, number>,
): NumberedRules {
  const result: NumberedRules = { byNumber: new Map(), last: undefined };
  const fallback = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  for (const entry of profile.syscalls) {
    const rules = rulesOf(entry);
    for (const name of entry.names) {
      const number = calls.get(name);
      if (number !== undefined) {
        result.last = Math.max(result.last ?? 0, number);
        add(result.byNumber, number, rules, fallback);
      }
      for (const other of multiplexed(name, rules, calls)) {
        add(result.byNumber, other.number, other.rules, fallback);
      }
    }
  }
  return result;
}

function add(
  byNumber: Map<number, Rule[]>,
  number: number,
  rules: readonly Rule[],
  fallback: number,
): void {
  const kept = byNumber.get(number) ?? [];
  for (const rule of rules) {
    // After a rule without conditions none is reached; one that says the default is none.
    if (rule.action === fallback || kept.at(-1)?.conditions.length === 0) continue;
    kept.push(rule);
  }
  if (kept.length > 0) byNumber.set(number, kept);
}

/** Conditions on several arguments hold together; several on one argument are alternatives. */
function rulesOf({ action, errnoRet, args = [] }: SpecSyscall): Rule[] {
  const value = actionValue(action, errnoRet);
  const indexes = new Set(args.map(({ index }) => index));
  return indexes.size === args.length
    ? [{ action: value, conditions: args }]
    : args.map((condition) => ({ action: value, conditions: [condition] }));
}
