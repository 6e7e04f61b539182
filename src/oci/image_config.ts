/** The image config (OCI image spec, config.md), decoded from untrusted bytes. */
import { TsboxError } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import { HEALTH_TIMES, type Healthcheck } from "./healthcheck.ts";
import { type JsonReader, readJson } from "./json_reader.ts";
import { MAX_CONFIG_SIZE } from "./manifest.ts";

/** What an image says about itself and about how it wants to be run. Plain data: may be kept as JSON. */
export interface ImageConfig {
  architecture: string;
  os: string;
  variant?: string;
  /** RFC 3339. */
  created?: string;
  author?: string;
  /** Of the docker that built it. */
  dockerVersion?: string;
  /** Digests of the uncompressed layers, from the bottom. */
  diffIds: Digest[];
  /** Undefined: none; docker tells that from an empty list only in what it prints. */
  entrypoint?: string[];
  cmd?: string[];
  /** `K=V`. */
  env: string[];
  /** Empty: root. */
  user: string;
  /** Empty: `/`. */
  workingDir: string;
  /** Paths; sorted. */
  volumes: string[];
  /** `80/tcp`; sorted. */
  exposedPorts: string[];
  stopSignal?: string;
  healthcheck?: Healthcheck;
  /** What a health check's line is given to; `/bin/sh -c` when it is missing. */
  shell?: string[];
  labels: Record<string, string>;
  history: HistoryEntry[];
}

/** How a layer came to be. */
export interface HistoryEntry {
  created?: string;
  createdBy?: string;
  comment?: string;
  emptyLayer: boolean;
}

/**
 * Decodes an image config.
 * @throws TsboxError("corrupt") when it is malformed, TsboxError("unsupported") when it is no Linux image,
 *   TsboxError("limit-exceeded") when it is too large
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const json = readJson(bytes, "image config", MAX_CONFIG_SIZE);
  const os = json.optionalString("os") ?? "linux";
  if (os !== "linux" && os !== "") {
    throw new TsboxError(
      "unsupported",
      `Cannot use the image: it is for ${os.replace(/[^\w.-]/g, "?").slice(0, 40)}, not for linux`,
    );
  }
  return {
    architecture: json.optionalString("architecture") ?? "",
    os: "linux",
    ...strings(json, {
      variant: "variant",
      created: "created",
      author: "author",
      dockerVersion: "docker_version",
    }),
    diffIds: readDiffIds(json.object("rootfs")),
    ...readProcess(json.optionalObject("config")),
    history: json.objects("history").map(readHistory),
  };
}

function readDiffIds(rootfs: JsonReader): Digest[] {
  return rootfs.strings("diff_ids").map((text) => {
    if (isDigest(text)) return text;
    throw new TsboxError("corrupt", "Cannot use the image config: a diff_id is not a digest");
  });
}

type ProcessPart = Pick<
  ImageConfig,
  | "entrypoint"
  | "cmd"
  | "env"
  | "user"
  | "workingDir"
  | "volumes"
  | "exposedPorts"
  | "stopSignal"
  | "healthcheck"
  | "shell"
  | "labels"
>;

function readProcess(config: JsonReader | undefined): ProcessPart {
  const entrypoint = config?.optionalStrings("Entrypoint");
  const cmd = config?.optionalStrings("Cmd");
  const shell = config?.optionalStrings("Shell");
  const healthcheck = readHealthcheck(config?.optionalObject("Healthcheck"));
  return {
    ...(entrypoint && { entrypoint }),
    ...(cmd && { cmd }),
    env: config?.optionalStrings("Env") ?? [],
    user: config?.optionalString("User") ?? "",
    workingDir: config?.optionalString("WorkingDir") ?? "",
    volumes: config?.optionalObject("Volumes")?.keys().sort() ?? [],
    exposedPorts: config?.optionalObject("ExposedPorts")?.keys().sort() ?? [],
    ...(config ? strings(config, { stopSignal: "StopSignal" }) : {}),
    ...(healthcheck && { healthcheck }),
    ...(healthcheck && shell?.length && { shell }),
    labels: config?.optionalObject("Labels")?.stringMap() ?? {},
  };
}

function readHealthcheck(json: JsonReader | undefined): Healthcheck | undefined {
  if (json === undefined) return undefined;
  const check: Healthcheck = { Test: json.optionalStrings("Test") ?? [] };
  for (const name of [...HEALTH_TIMES, "Retries"] as const) {
    if (json.has(name)) check[name] = json.size(name);
  }
  return check;
}

function readHistory(json: JsonReader): HistoryEntry {
  return {
    ...strings(json, { created: "created", createdBy: "created_by", comment: "comment" }),
    emptyLayer: json.boolean("empty_layer"),
  };
}

/** The named strings that are there and not empty. */
function strings<K extends string>(
  json: JsonReader,
  names: Record<K, string>,
): { [P in K]?: string } {
  const found: { [P in K]?: string } = {};
  for (const name in names) {
    const value = json.optionalString(names[name]);
    if (value) found[name] = value;
  }
  return found;
}

/** Fields of docker's `config` that only a build looks at. */
export interface BuildPart {
  OnBuild?: string[];
  Shell?: string[];
  ArgsEscaped?: boolean;
}

/**
 * What a build is told by an image whose config parseImageConfig() has accepted. Empty where it is malformed: who
 * only runs the image does not mind.
 */
export function parseBuildPart(bytes: Uint8Array): BuildPart {
  try {
    const config = readJson(bytes, "image config", MAX_CONFIG_SIZE).optionalObject("config");
    const onBuild = config?.optionalStrings("OnBuild") ?? [];
    const shell = config?.optionalStrings("Shell") ?? [];
    return {
      ...(onBuild.length > 0 && { OnBuild: onBuild }),
      ...(shell.length > 0 && { Shell: shell }),
      ...(config?.boolean("ArgsEscaped") && { ArgsEscaped: true }),
    };
  } catch {
    return {};
  }
}
