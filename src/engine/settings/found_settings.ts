import type { SettingKey, Settings } from "./table.ts";

/** The settings in force, and who set them. */
export interface FoundSettings {
  settings: Settings;
  /** A flag, a variable or the file, for those in `settings`. */
  origins: { readonly [K in SettingKey]?: string };
}

/** Where settings come from. */
export interface SettingsCaller {
  env: Readonly<Record<string, string | undefined>>;
  uid: number;
  /** Of the command line, checked: they win. */
  flags?: Settings;
}
