/** What may stand before the command: every setting, as docker's daemon has them. */
import { Misfit } from "../engine/settings/misfit.ts";
import { settingOfWords } from "../engine/settings/read_settings.ts";
import {
  type SettingKey,
  settingKeys,
  SETTINGS,
  type Settings,
  type SettingTypes,
} from "../engine/settings/table.ts";
import type { CommandGrammar, Flag } from "./flags.ts";
import type { ParsedLine } from "./parse.ts";
import { absolutePath } from "./run/paths.ts";
import { badValue } from "./usage_error.ts";

function settingFlag(key: SettingKey): Flag {
  const { flag, kind, help } = SETTINGS[key];
  return { name: flag, value: kind.word, help };
}

export const globalGrammar: CommandGrammar = {
  path: "",
  aliases: [],
  summary: "A rootless container engine in one executable",
  usage: "[OPTIONS] COMMAND [ARG...]",
  args: { min: 0 },
  optionsFirst: true,
  flags: [
    ...settingKeys().map(settingFlag),
    { name: "version", short: "v", help: "Print version information and quit" },
  ],
};

/**
 * The settings among the global flags.
 * @param cwd absolute: what a relative path begins at @throws UsageError
 */
export function flagSettings(line: ParsedLine, cwd: string): Settings {
  const settings: Partial<SettingTypes> = {};
  for (const key of settingKeys()) takeFlag(settings, key, line, cwd);
  return settings;
}

function takeFlag<K extends SettingKey>(
  settings: Partial<SettingTypes>,
  key: K,
  { flags }: ParsedLine,
  cwd: string,
): void {
  const given = flags.all(SETTINGS[key].flag);
  if (given.length === 0) return;
  const words = key === "data-root" ? given.map((path) => absolutePath(cwd, path)) : given;
  try {
    settings[key] = settingOfWords(key, words);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const why = error.at === "" ? "must be" : `${error.at} must be`;
    throw badValue(globalGrammar, settingFlag(key), given.at(-1) ?? "", `${why} ${error.expected}`);
  }
}
