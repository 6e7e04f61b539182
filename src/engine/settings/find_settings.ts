/**
 * Whether anything was set at all. On the path of every `run`: one open(2) that fails, and a look at a dozen
 * variables; what reads and checks settings is loaded only when there are some.
 */
import { messageOf, TsboxError } from "../../errors.ts";
import { O } from "../../ffi/constants.ts";
import { isMissing, openIfThere } from "../../ffi/quick_files.ts";
import type { FoundSettings, SettingsCaller } from "./found_settings.ts";
import { VARIABLES } from "./names.ts";

const NOTHING: FoundSettings = { settings: {}, origins: {} };

/**
 * Flags go before the environment, the environment before the file.
 * @throws TsboxError("invalid-argument") that names the file or the variable, the key and what is expected;
 *   "host" when the file cannot be read or is not the caller's own
 */
export async function findSettings(caller: SettingsCaller): Promise<FoundSettings> {
  const path = configFile(caller.env);
  const fd = path === undefined ? undefined : openConfig(path);
  if (fd === undefined && caller.flags === undefined && !hasVariables(caller.env)) return NOTHING;
  const { readSettings } = await import("./read_settings.ts");
  const file = path === undefined || fd === undefined ? undefined : { path, fd };
  return readSettings(caller, file);
}

/** Whether the defaults hold, as far as that is seen at once: where not, {@link findSettings} says what does. */
export function nothingIsSet(env: SettingsCaller["env"]): boolean {
  const path = configFile(env);
  // Also what cannot be read is there.
  return !hasVariables(env) && (path === undefined || isMissing(path));
}

/** `$XDG_CONFIG_HOME/tsbox/config.json`, by default in `~/.config`. */
export function configFile(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const [xdg, home] = [env["XDG_CONFIG_HOME"], env["HOME"]];
  if (xdg?.startsWith("/")) return `${xdg}/tsbox/config.json`;
  return home?.startsWith("/") ? `${home}/.config/tsbox/config.json` : undefined;
}

function openConfig(path: string): number | undefined {
  try {
    // A pipe in its place would keep us waiting for its other end.
    return openIfThere(path, O.RDONLY | O.NONBLOCK);
  } catch (cause) {
    throw new TsboxError("host", `Cannot read the settings: ${messageOf(cause)}`, { cause });
  }
}

function hasVariables(env: Readonly<Record<string, string | undefined>>): boolean {
  for (const name of VARIABLES) if (env[name]) return true;
  return false;
}
