import { diagnose, type Finding } from "../../engine/doctor.ts";
import type { Command } from "../command.ts";
import { badValue } from "../usage_error.ts";

const grammar: Command["grammar"] = {
  path: "doctor",
  aliases: ["doctor"],
  summary: "Check what rootless containers need of this host",
  usage: "[OPTIONS]",
  args: { min: 0, max: 0 },
  flags: [{ name: "format", short: "f", value: "string", help: 'Format output: "text" or "json"' }],
};
const [formatFlag] = grammar.flags;

/** `tsbox doctor`: exit status 1 when something that is needed is missing. */
export const command: Command = {
  grammar,
  run: (line, io, context) => {
    const format = line.flags.last("format") || "text";
    if (format !== "text" && format !== "json" && formatFlag !== undefined) {
      throw badValue(grammar, formatFlag, format, "must be text or json");
    }
    const findings = diagnose(context);
    io.out(format === "json" ? JSON.stringify(findings) + "\n" : report(findings));
    return Promise.resolve(findings.some(({ status }) => status === "missing") ? 1 : 0);
  },
};

/** A line a finding; below what is not well, what that costs and what to do. */
export function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap((finding) => {
    const first = `${finding.status.padEnd(8)} ${finding.name.padEnd(width)}  ${finding.detail}`;
    if (finding.status === "ok") return [first];
    return [first, `         without it: ${finding.lost}`, `         fix: ${finding.fix}`];
  });
  const count = (wanted: Finding["status"]) =>
    findings.filter(({ status }) => status === wanted).length;
  const summary = `${count("ok")} ok, ${count("limited")} limited, ${count("missing")} missing`;
  return [...lines, "", summary, ""].join("\n");
}
