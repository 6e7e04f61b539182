import { COMMANDS, findCommand } from "./commands.ts";
import { globalGrammar } from "./global.ts";
import { commandHelp, commandLines, optionLines } from "./help.ts";
import { UsageError } from "./usage_error.ts";

/** The commands docker shows first. */
const COMMON = [
  "run",
  "exec",
  "ps",
  "pull",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
];

const GROUPS: Record<string, string> = {
  container: "Manage containers",
  image: "Manage images",
  manifest: "Manage image manifests and manifest lists",
  system: "Manage tsbox",
  volume: "Manage volumes",
};

/** The text of `tsbox help WORDS`. Throws UsageError for a topic there is not. */
export async function helpFor(words: readonly string[]): Promise<string> {
  if (words.length === 0) return overview();
  const found = findCommand(words);
  if (!found) {
    const text = words.length === 1 ? groupText(words[0] ?? "") : undefined;
    if (text !== undefined) return text;
    throw new UsageError(`unknown help topic: ${words.join(" ")}`, 1);
  }
  const { grammar } = await found.entry.load();
  return commandHelp({ ...grammar, path: found.path });
}

/** The commands of `tsbox image` or `tsbox container`; undefined for another word. */
export function groupText(group: string): string | undefined {
  const summary = GROUPS[group];
  if (summary === undefined) return undefined;
  const commands = COMMANDS.flatMap(({ paths, summary }) => {
    const path = paths.find((p) => p.startsWith(group + " "));
    return path === undefined ? [] : [{ name: path.slice(group.length + 1), summary }];
  });
  return [
    `Usage:  tsbox ${group} COMMAND`,
    summary,
    `Commands:\n${commandLines(sorted(commands))}`,
    `Run 'tsbox ${group} COMMAND --help' for more information on a command.`,
  ].join("\n\n") + "\n";
}

function sorted<T extends { name: string }>(commands: T[]): T[] {
  return commands.sort((a, b) => a.name < b.name ? -1 : 1);
}

function overview(): string {
  const single = COMMANDS.flatMap(({ paths, summary }) => {
    const name = paths.find((path) => !path.includes(" "));
    return name === undefined ? [] : [{ name, summary }];
  });
  const common = COMMON.flatMap((name) => single.filter((c) => c.name === name));
  const others = sorted(single.filter((c) => !COMMON.includes(c.name)));
  const groups = Object.entries(GROUPS).map(([name, summary]) => ({ name, summary }));
  const blocks = [
    ["Common Commands", commandLines(common)],
    ["Management Commands", commandLines(groups)],
    ["Commands", others.length === 0 ? "" : commandLines(others)],
    ["Global Options", optionLines(globalGrammar.flags)],
  ].filter(([, text]) => text !== "");
  return [
    "Usage:  tsbox [OPTIONS] COMMAND",
    globalGrammar.summary,
    ...blocks.map(([title, text]) => `${title}:\n${text}`),
    "Run 'tsbox COMMAND --help' for more information on a command.",
  ].join("\n\n") + "\n";
}
