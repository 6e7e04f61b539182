import type { ParsedLine } from "../parse.ts";
import { badValue } from "../usage_error.ts";
import type { CommandGrammar } from "../flags.ts";

/**
 * Warnings about limits that cgroup v2 has no word for, in docker's words: there, too, the container is made without
 * them and the user hears of it.
 * @throws UsageError for a value that docker refuses
 */
export function discardedLimits({ flags }: ParsedLine, grammar: CommandGrammar): string[] {
  const warnings: string[] = [];
  if (flags.on("oom-kill-disable")) {
    warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
  }
  const swappiness = flags.last("memory-swappiness");
  if (swappiness === undefined) return warnings;
  const number = Number(swappiness);
  if (!/^[-+]?\d+$/.test(swappiness) || number < -1 || number > 100) {
    const flag = { name: "memory-swappiness", help: "" };
    const reason = "valid memory swappiness range is 0-100";
    throw badValue(grammar, flag, swappiness, reason);
  }
  if (number !== -1) {
    warnings.push(
      "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. " +
        "Memory swappiness discarded.",
    );
  }
  return warnings;
}
