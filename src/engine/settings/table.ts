/**
 * Every setting there is: a key of config.json, an environment variable, a global flag.
 *
 * To add one: its type here, its row below, its variable in names.ts, its line in docs/configuration.md;
 * settings.test.ts compares them. Then obey it: `settingOf(context.settings, key)`.
 */
import { formatPlatform, parsePlatform } from "../../oci/platform.ts";
import type { LogDriver } from "../../container/log_options.ts";
import type { Ulimit } from "../../container/run_options.ts";
import {
  DOMAINS,
  LOG_OPTIONS,
  NAME_SERVERS,
  RESOLVER_OPTIONS,
  SIZES,
  ULIMITS,
} from "./container_kinds.ts";
import { count, type Kind, oneOf, text } from "./kinds.ts";
import {
  HOSTS,
  INSECURE,
  MIRRORS,
  REGISTRIES,
  type RegistrySettings,
  SEARCHED,
} from "./registry_kinds.ts";

/** How a container's root filesystem is put together. */
export type StorageDriver = "overlay" | "fuse-overlayfs" | "copy";

/** The type of every setting. */
export interface SettingTypes {
  "blocked-registries": readonly string[];
  "data-root": string;
  "default-platform": string;
  "default-shm-size": number;
  "default-ulimits": Readonly<Record<string, Ulimit>>;
  "dns": readonly string[];
  "dns-opts": readonly string[];
  "dns-search": readonly string[];
  "insecure-registries": readonly string[];
  "log-driver": LogDriver;
  "log-opts": Readonly<Record<string, string>>;
  "max-concurrent-downloads": number;
  "max-concurrent-uploads": number;
  "max-download-attempts": number;
  "max-layer-bytes": number;
  "max-layer-files": number;
  "registries": Readonly<Record<string, RegistrySettings>>;
  "registry-mirrors": readonly string[];
  "search-registries": readonly string[];
  "storage-driver": StorageDriver;
}

/** The name of a setting. */
export type SettingKey = keyof SettingTypes;

/** Without a default: found out when they are needed. */
type FoundOut = "data-root" | "default-platform" | "storage-driver";

type Default<K extends SettingKey> = K extends FoundOut ? undefined : SettingTypes[K];

/** Those that were given; the others have their default. */
export type Settings = { readonly [K in SettingKey]?: SettingTypes[K] };

/** One row of the table. */
export interface Setting<T, D> {
  kind: Kind<T>;
  /** Without dashes. Docker's daemon has the same where there is one. */
  flag: string;
  byDefault: D;
  /** Of what the flag does, in help. */
  help: string;
}

const path = text(
  "absolute path",
  "an absolute path",
  (value) => value.startsWith("/") && !value.includes("\0") ? value : undefined,
);

const platform = text("`os/arch[/variant]`", "a platform such as linux/arm64", (value) => {
  try {
    return formatPlatform(parsePlatform(value));
  } catch {
    return undefined;
  }
});

/** The table, by key in the order of the alphabet. */
export const SETTINGS: { readonly [K in SettingKey]: Setting<SettingTypes[K], Default<K>> } = {
  "blocked-registries": {
    kind: HOSTS,
    flag: "blocked-registry",
    byDefault: [],
    help: "Never speak to this registry",
  },
  "data-root": {
    kind: path,
    flag: "data-root",
    byDefault: undefined,
    help: "Directory of images and containers",
  },
  "default-platform": {
    kind: platform,
    flag: "default-platform",
    byDefault: undefined,
    help: "Platform of images when a command does not say",
  },
  "default-shm-size": {
    kind: SIZES,
    flag: "default-shm-size",
    byDefault: 64 * 1024 ** 2,
    help: "Default shm size for containers",
  },
  "default-ulimits": {
    kind: ULIMITS,
    flag: "default-ulimit",
    byDefault: {},
    help: "Default ulimits for containers",
  },
  "dns": {
    kind: NAME_SERVERS,
    flag: "dns",
    byDefault: [],
    help: "DNS server to use",
  },
  "dns-opts": {
    kind: RESOLVER_OPTIONS,
    flag: "dns-opt",
    byDefault: [],
    help: "DNS options to use",
  },
  "dns-search": {
    kind: DOMAINS,
    flag: "dns-search",
    byDefault: [],
    help: "DNS search domains to use",
  },
  "insecure-registries": {
    kind: INSECURE,
    flag: "insecure-registry",
    byDefault: [],
    help: "Allow plain HTTP and unverified TLS to this registry",
  },
  "log-driver": {
    kind: oneOf<LogDriver>(["local", "json-file", "journald", "none"]),
    flag: "log-driver",
    byDefault: "local",
    help: "Default driver for container logs",
  },
  "log-opts": {
    kind: LOG_OPTIONS,
    flag: "log-opt",
    byDefault: {},
    help: "Default log driver options for containers",
  },
  "max-concurrent-downloads": {
    kind: count(1, 64),
    flag: "max-concurrent-downloads",
    byDefault: 3,
    help: "Set the max concurrent downloads",
  },
  "max-concurrent-uploads": {
    kind: count(1, 64),
    flag: "max-concurrent-uploads",
    byDefault: 5,
    help: "Set the max concurrent uploads",
  },
  "max-download-attempts": {
    kind: count(1, 60),
    flag: "max-download-attempts",
    byDefault: 6,
    help: "Set the max download attempts without progress",
  },
  "max-layer-bytes": {
    kind: count(1, Number.MAX_SAFE_INTEGER),
    flag: "max-layer-bytes",
    byDefault: 64 * 1024 ** 3,
    help: "Refuse layers that unpack to more bytes",
  },
  "max-layer-files": {
    kind: count(1, Number.MAX_SAFE_INTEGER),
    flag: "max-layer-files",
    byDefault: 4_000_000,
    help: "Refuse layers of more files",
  },
  "registries": {
    kind: REGISTRIES,
    flag: "registries",
    byDefault: {},
    help: "Mirrors, insecure and blocked by registry",
  },
  "registry-mirrors": {
    kind: MIRRORS,
    flag: "registry-mirror",
    byDefault: [],
    help: "Preferred registry mirror of docker.io",
  },
  "search-registries": {
    kind: SEARCHED,
    flag: "search-registry",
    byDefault: ["docker.io"],
    help: "Registry where images without a registry in their name are looked for",
  },
  "storage-driver": {
    kind: oneOf<StorageDriver>(["overlay", "fuse-overlayfs", "copy"]),
    flag: "storage-driver",
    byDefault: undefined,
    help: 'How root filesystems are made ("overlay", "fuse-overlayfs", "copy")',
  },
};

/** Whether a word is the name of a setting. */
export function isSettingKey(word: string): word is SettingKey {
  return Object.hasOwn(SETTINGS, word);
}

/** All names, in the order of the table. */
export function settingKeys(): SettingKey[] {
  return Object.keys(SETTINGS).filter(isSettingKey);
}

/** What is in force: what was given, else the default. */
export function settingOf<K extends SettingKey>(
  settings: Settings,
  key: K,
): SettingTypes[K] | Default<K> {
  return settings[key] ?? SETTINGS[key].byDefault;
}
