/** Reads settings from the file and the environment, and puts them below the flags. */
import { TsboxError } from "../../errors.ts";
import type { FoundSettings, SettingsCaller } from "./found_settings.ts";
import { type OpenConfig, readConfig } from "./config_file.ts";
import { Misfit } from "./misfit.ts";
import { nearest } from "./nearest.ts";
import {
  isSettingKey,
  type SettingKey,
  settingKeys,
  SETTINGS,
  type Settings,
  type SettingTypes,
} from "./table.ts";

type Values = Partial<SettingTypes>;
type Origins = Partial<Record<SettingKey, string>>;

/** As findSettings says. Closes the file. */
export function readSettings(
  { env, flags = {}, uid }: SettingsCaller,
  file: OpenConfig | undefined,
): FoundSettings {
  const [settings, origins]: [Values, Origins] = [{}, {}];
  if (file !== undefined) takeFile(settings, origins, file.path, readConfig(file, uid));
  for (const key of settingKeys()) {
    takeVariable(settings, origins, key, env[variableOf(key)]);
    takeFlag(settings, origins, key, flags);
  }
  return { settings, origins };
}

/** `TSBOX_DATA_ROOT` of `data-root`. */
export function variableOf(key: SettingKey): string {
  return `TSBOX_${key.toUpperCase().replaceAll("-", "_")}`;
}

/** The value that words of the command line or the environment make. Throws Misfit. */
export function settingOfWords<K extends SettingKey>(
  key: K,
  words: readonly string[],
): SettingTypes[K] {
  return SETTINGS[key].kind.fromWords(words);
}

function takeFile(
  settings: Values,
  origins: Origins,
  path: string,
  fields: ReadonlyMap<string, unknown>,
): void {
  for (const [key, value] of fields) {
    if (!isSettingKey(key)) throw unknownKey(path, key);
    takeField(settings, path, key, value);
    origins[key] = path;
  }
}

function takeField<K extends SettingKey>(
  settings: Values,
  path: string,
  key: K,
  value: unknown,
): void {
  try {
    settings[key] = SETTINGS[key].kind.fromJson(value);
  } catch (error) {
    throw badValue(`Cannot use "${path}"`, `"${key}"`, error);
  }
}

function takeVariable<K extends SettingKey>(
  settings: Values,
  origins: Origins,
  key: K,
  value: string | undefined,
): void {
  if (!value) return;
  const words = SETTINGS[key].kind.isList ? value.split(",").map((word) => word.trim()) : [value];
  try {
    settings[key] = settingOfWords(key, words);
  } catch (error) {
    throw badValue("Cannot use the environment", variableOf(key), error);
  }
  origins[key] = variableOf(key);
}

function takeFlag<K extends SettingKey>(
  settings: Values,
  origins: Origins,
  key: K,
  flags: Settings,
): void {
  const value = flags[key];
  if (value === undefined) return;
  settings[key] = value;
  origins[key] = `--${SETTINGS[key].flag}`;
}

function unknownKey(path: string, key: string): TsboxError {
  const known = nearest(key, settingKeys());
  const shown = JSON.stringify(key.slice(0, 100));
  return new TsboxError("invalid-argument", `Cannot use "${path}": unknown key ${shown}`, {
    hint: known === undefined
      ? `the keys are ${settingKeys().join(", ")}`
      : `did you mean "${known}"?`,
  });
}

function badValue(where: string, name: string, error: unknown): unknown {
  if (!(error instanceof Misfit)) return error;
  return new TsboxError(
    "invalid-argument",
    `${where}: ${name}${error.at} is ${error.shown}, not ${error.expected}`,
  );
}
