/** What `info` says of the settings in force. Pure. */
import { isBlock } from "../registry/address_block.ts";
import type { RegistryInfo, SettingInfo } from "./api_types.ts";
import type { EngineContext } from "./context.ts";
import { registryPolicy } from "./settings/registry_policy.ts";
import { settingKeys, settingOf, type Settings } from "./settings/table.ts";

const DOCKER_HUB = "docker.io";

/** What needs no setting: this machine. */
const LOOPBACK = ["::1/128", "127.0.0.0/8"];

/** In the shape of Docker's API. */
export function registryInfo(settings: Settings): RegistryInfo {
  const { mirrors, insecure } = registryPolicy(settings);
  const hosts = insecure.filter((rule) => !isBlock(rule));
  const index = (Name: string) => ({
    Name,
    Mirrors: (mirrors.get(Name) ?? []).map((url) => `${url}/`),
    Secure: !hosts.includes(Name),
    Official: Name === DOCKER_HUB,
  });
  const names = new Set([DOCKER_HUB, ...hosts, ...mirrors.keys()]);
  return {
    InsecureRegistryCIDRs: [...LOOPBACK, ...insecure.filter(isBlock)],
    IndexConfigs: Object.fromEntries([...names].map((name) => [name, index(name)])),
    Mirrors: index(DOCKER_HUB).Mirrors,
  };
}

/** Every setting that has a value before it is needed, and who gave it. */
export function settingsInfo({ settings, origins }: EngineContext): Record<string, SettingInfo> {
  const entries = settingKeys().flatMap((key): [string, SettingInfo][] => {
    const Value = settingOf(settings, key);
    return Value === undefined ? [] : [[key, { Value, Origin: origins[key] ?? "default" }]];
  });
  return Object.fromEntries(entries);
}
