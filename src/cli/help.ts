import type { CommandGrammar, Flag } from "./flags.ts";
import { usageLine } from "./usage_error.ts";

/** Docker wraps help at the terminal's width; a fixed one keeps the text the same everywhere. */
const WIDTH = 80;

/** The text of `tsbox COMMAND --help`, made from the grammar the parser obeys. */
export function commandHelp(command: CommandGrammar): string {
  const parts = [usageLine(command), command.summary];
  if (command.aliases.length > 1) {
    parts.push("Aliases:\n  " + command.aliases.map((alias) => `tsbox ${alias}`).join(", "));
  }
  const flags = command.flags.filter((f) => !f.unsupported && f.alias === undefined);
  if (flags.length > 0) parts.push("Options:\n" + optionLines(flags));
  return parts.join("\n\n") + "\n";
}

/** The lines of an options block, sorted by name as docker's are. */
export function optionLines(flags: readonly Flag[]): string {
  const sorted = [...flags].sort((a, b) => a.name < b.name ? -1 : 1);
  const heads = sorted.map(optionHead);
  const column = Math.max(...heads.map((head) => head.length)) + 3;
  return sorted.map((flag, i) => optionLine(heads[i] ?? "", flag.help, column)).join("\n");
}

function optionHead(flag: Flag): string {
  const short = flag.short === undefined ? "     " : ` -${flag.short}, `;
  return ` ${short}--${flag.name}${flag.value === undefined ? "" : " " + flag.value}`;
}

function optionLine(head: string, help: string, column: number): string {
  const lines = wrap(help, WIDTH - column);
  return lines.map((line, i) => (i === 0 ? head : "").padEnd(column) + line).join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** `name   summary` lines, two blanks in. */
export function commandLines(commands: readonly { name: string; summary: string }[]): string {
  const width = Math.max(...commands.map((c) => c.name.length)) + 3;
  return commands.map((c) => `  ${c.name.padEnd(Math.max(width, 12))}${c.summary}`).join("\n");
}
