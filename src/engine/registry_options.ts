/** What every verb that speaks to registries tells them by: the caller and the settings. */
import type { RegistryClientOptions } from "../registry/connection.ts";
import type { EngineContext } from "./context.ts";
import { registryPolicy } from "./settings/registry_policy.ts";
import { settingOf } from "./settings/table.ts";

/** For RegistryClient and Connection. */
export function registryOptions(context: EngineContext): RegistryClientOptions {
  const { home, dockerConfigDir, env, build, settings } = context;
  return {
    home,
    dockerConfigDir,
    env,
    userAgent: `tsbox/${build.version}`,
    policy: registryPolicy(settings),
    timing: { attempts: settingOf(settings, "max-download-attempts") },
  };
}
