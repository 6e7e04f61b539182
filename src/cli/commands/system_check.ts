import { checkStore, type Finding } from "../../engine/check_store.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";

/** `tsbox system check`. */
export const command: Command = {
  grammar: {
    path: "system check",
    aliases: ["system check"],
    summary: "Verify the store, and mend it",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      { name: "repair", help: "Mend what is found; complete images and volumes are never lost" },
      { name: "format", value: "string", help: 'Format output: "json"' },
    ],
  },
  run: async (line, io, context) => {
    const format = line.flags.last("format") ?? "";
    if (format !== "" && format !== "json") {
      throw new TsboxError("invalid-argument", `Cannot use the format "${format}"`, {
        hint: 'there is only "json"',
      });
    }
    const repair = line.flags.on("repair");
    return await interruptible(async (signal) => {
      const findings = await checkStore(context, io.self, { repair, signal });
      io.out(format === "json" ? jsonText(findings) : findings.map(lineOf).join(""));
      const open = findings.filter(({ state }) => state !== "mended").length;
      if (format !== "json") io.out(summary(findings.length, open));
      return open === 0 ? 0 : 1;
    });
  },
};

function lineOf({ what, remedy, state, reason }: Finding): string {
  if (state === "mended") return `mended: ${what} (${remedy})\n`;
  if (state === "failed") return `NOT mended: ${what} (${remedy}): ${reason ?? ""}\n`;
  return `${what} (repair: ${remedy})\n`;
}

function summary(all: number, open: number): string {
  if (all === 0) return "No problems found\n";
  const plural = (count: number) => `${count} problem${count === 1 ? "" : "s"}`;
  if (open === 0) return `${plural(all)} mended\n`;
  return open === all ? `${plural(all)} found\n` : `${plural(all)} found, ${open} left\n`;
}

function jsonText(findings: readonly Finding[]): string {
  const problems = findings.map(({ what, remedy, state, reason }) => ({
    Problem: what,
    Repair: remedy,
    State: state,
    ...(reason !== undefined && { Reason: reason }),
  }));
  return `${JSON.stringify({ Problems: problems })}\n`;
}
