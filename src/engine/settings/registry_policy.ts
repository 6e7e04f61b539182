/** From the settings to what the registry client is told. Pure. */
import type { RegistryPolicy } from "../../registry/policy.ts";
import { settingOf, type Settings } from "./table.ts";

const DOCKER_HUB = "docker.io";

/** Mirrors of docker.io that have a setting of their own go before those of `registries`. */
export function registryPolicy(settings: Settings): RegistryPolicy {
  const registries = Object.entries(settingOf(settings, "registries"));
  const mirrors = new Map(registries.map(([name, { mirrors = [] }]) => [name, [...mirrors]]));
  const ofHub = [...settingOf(settings, "registry-mirrors"), ...mirrors.get(DOCKER_HUB) ?? []];
  if (ofHub.length > 0) mirrors.set(DOCKER_HUB, ofHub);
  const named = (field: "insecure" | "blocked") =>
    registries.filter(([, registry]) => registry[field]).map(([name]) => name);
  return {
    mirrors,
    insecure: [...settingOf(settings, "insecure-registries"), ...named("insecure")],
    blocked: [...settingOf(settings, "blocked-registries"), ...named("blocked")],
  };
}
