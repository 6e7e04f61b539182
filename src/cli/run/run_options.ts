import type { MountRequest, PortMapping, RunOptions, Ulimit } from "../../container/run_options.ts";
import { parseDetachKeys } from "../../container/detach_keys.ts";
import { DEFAULT_LOG, parseLog } from "../../container/log_options.ts";
import { parseDns, parseDnsOption, parseDnsSearch } from "../../container/name_servers.ts";
import { parseRestart } from "../../container/restart_policy.ts";
import { parseSignal } from "../../container/signals.ts";
import { parseSize } from "../../container/size.ts";
import { parseUlimit } from "../../container/ulimits.ts";
import type { Settings } from "../../engine/settings/table.ts";
import { exists } from "../../ffi/quick_files.ts";
import { TsboxError } from "../../errors.ts";
import type { ParsedLine } from "../parse.ts";
import { badValue } from "../usage_error.ts";
import { parseHealth } from "./health.ts";
import { makeEnvironment, readKeyValues, splitPair } from "./environment.ts";
import { runGrammar } from "./grammar.ts";
import { parseAddHost, parseHostname, parseName } from "./hosts.ts";
import { parseIpc, parseNetwork, parsePid, parsePull, parseUserns } from "./modes.ts";
import { parseMount } from "./mount_flag.ts";
import { parseTmpfs, parseVolume, parseVolumesFrom, refuseDuplicates } from "./mounts.ts";
import { absolutePath } from "./paths.ts";
import { parseExpose, parsePublish } from "./ports.ts";
import { parseCapability, parseDevice, parseSecurity } from "./privileges.ts";
import { parseResources } from "./resources.ts";
import { parseSysctls } from "./sysctls.ts";

/** Docker's default for /dev/shm. */
const SHM_SIZE = 64 * 1024 * 1024;

/** What the flags are read against. */
export interface Caller {
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  cwd: string;
}

/**
 * Fills docker's defaults in, or those of the settings, and checks every value.
 * Throws UsageError or TsboxError.
 */
export function makeRunOptions(
  line: ParsedLine,
  caller: Caller,
  settings: Settings = {},
): RunOptions {
  const { flags } = line;
  const network = parseNetwork(flags.all("network"));
  const ipc = parseIpc(flags.last("ipc"));
  return {
    ...image(line, caller),
    ...identity(line, caller),
    ...labelled(line),
    interactive: flags.on("interactive"),
    tty: flags.on("tty"),
    remove: flags.on("rm"),
    ...background(line),
    ...health(line),
    ...logging(line, settings),
    ...parseResources(line, runGrammar, () => navigator.hardwareConcurrency),
    ...makeEnvironment(flags.all("env-file"), checkedEnv(line), caller.env),
    mounts: mounts(line, caller),
    ...(flags.has("volumes-from") && { volumesFrom: each(line, "volumes-from", parseVolumesFrom) }),
    readOnly: flags.on("read-only"),
    network,
    publish: ports(line),
    ...exposed(line),
    ...parseSecurity(flags.all("security-opt"), caller.cwd),
    capAdd: each(line, "cap-add", (cap) => parseCapability(cap, "CapAdd")),
    capDrop: each(line, "cap-drop", (cap) => parseCapability(cap, "CapDrop")),
    init: flags.on("init"),
    ulimits: ulimits(line, settings),
    shmSize: shmSize(line, settings),
    userns: parseUserns(flags.last("userns")),
    pid: parsePid(flags.last("pid")),
    ipc,
    dns: givenOr(each(line, "dns", parseDns), settings["dns"]),
    dnsSearch: givenOr(each(line, "dns-search", parseDnsSearch), settings["dns-search"]),
    dnsOptions: givenOr(each(line, "dns-option", parseDnsOption), settings["dns-opts"]),
    addHosts: each(line, "add-host", parseAddHost),
    devices: each(line, "device", parseDevice),
    groupAdd: [...flags.all("group-add")],
    sysctls: parseSysctls(
      flags.all("sysctl"),
      { network: network === "host", ipc: ipc === "host" },
      (value, reason) => refuse("sysctl", value, reason),
    ),
    debugPlan: flags.on("debug-plan"),
    sigProxy: flags.on("sig-proxy", true),
  };
}

function refuse(name: string, value: string, reason: string): Error {
  const flag = runGrammar.flags.find((f) => f.name === name) ?? { name, help: "" };
  return badValue(runGrammar, flag, value, reason);
}

/** Every value of a flag through its parser; a refused one becomes docker's message. */
function each<T>(
  { flags }: ParsedLine,
  name: string,
  parse: (value: string, refuse: (reason: string) => Error) => T,
): T[] {
  const parsed: T[] = [];
  for (const value of flags.all(name)) {
    parsed.push(parse(value, (reason) => refuse(name, value, reason)));
  }
  return parsed;
}

function image({ flags, args }: ParsedLine, { cwd }: Caller) {
  const rootfs = flags.last("rootfs");
  const entrypoint = flags.last("entrypoint");
  const platform = flags.last("platform");
  const user = flags.last("user");
  return {
    image: rootfs === undefined ? args[0] ?? "" : "",
    command: rootfs === undefined ? args.slice(1) : args,
    pull: parsePull(flags.last("pull")),
    quiet: flags.on("quiet"),
    ...(rootfs !== undefined && { rootfs: absolutePath(cwd, rootfs) }),
    ...(entrypoint !== undefined && { entrypoint }),
    ...(platform && { platform }),
    ...(user && { user }),
    ...workdir(flags.last("workdir")),
  };
}

function background({ flags }: ParsedLine) {
  const [restart, keys] = [flags.last("restart"), flags.last("detach-keys")];
  const timeout = flags.last("stop-timeout");
  const policy = restart ? parseRestart(restart) : undefined;
  if (policy && policy.name !== "no" && flags.on("rm")) {
    throw new TsboxError(
      "invalid-argument",
      "conflicting options: cannot specify both --restart and --rm",
    );
  }
  if (keys) parseDetachKeys(keys);
  return {
    detach: flags.on("detach"),
    ...(policy && { restart: policy }),
    ...(keys && { detachKeys: keys }),
    ...(timeout !== undefined && { stopTimeout: stopTimeout(timeout) }),
  };
}

const HEALTH_FLAGS = [
  "health-cmd",
  "health-interval",
  "health-retries",
  "health-start-interval",
  "health-start-period",
  "health-timeout",
  "no-healthcheck",
] as const;

function health(line: ParsedLine): Pick<RunOptions, "healthcheck"> {
  for (const name of HEALTH_FLAGS) {
    if (!line.flags.has(name)) continue;
    const healthcheck = parseHealth(line, refuse);
    return healthcheck === undefined ? {} : { healthcheck };
  }
  return {};
}

/** Nothing where neither the flags nor the settings say anything. */
function logging({ flags }: ParsedLine, settings: Settings) {
  const [driver, words] = [flags.last("log-driver"), flags.all("log-opt")];
  const { "log-driver": setDriver, "log-opts": setOptions } = settings;
  if (!driver && words.length === 0 && !setDriver && !setOptions) return {};
  const byDefault = { driver: setDriver ?? DEFAULT_LOG.driver, options: setOptions ?? {} };
  return { log: parseLog(driver, words, byDefault) };
}

function stopTimeout(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw refuse("stop-timeout", text, `strconv.ParseInt: parsing "${text}": invalid syntax`);
}

function workdir(path: string | undefined): { workdir?: string } {
  if (!path) return {};
  if (path.startsWith("/")) return { workdir: path };
  throw new TsboxError(
    "invalid-argument",
    `the working directory '${path}' is invalid, it needs to be an absolute path`,
  );
}

function identity({ flags }: ParsedLine, { cwd }: Caller) {
  const name = flags.last("name");
  const hostname = flags.last("hostname");
  const stopSignal = flags.last("stop-signal");
  if (stopSignal) parseSignal(stopSignal);
  return {
    ...(name && { name: parseName(name) }),
    ...(hostname && { hostname: parseHostname(hostname) }),
    ...(stopSignal && { stopSignal }),
    ...cidfile(flags.last("cidfile"), cwd),
  };
}

function cidfile(given: string | undefined, cwd: string): { cidfile?: string } {
  if (!given) return {};
  const path = absolutePath(cwd, given);
  if (!exists(path)) return { cidfile: path };
  throw new TsboxError(
    "conflict",
    `container ID file found, make sure the other container isn't running or delete ${given}`,
  );
}

function labelled(line: ParsedLine): { labels: Record<string, string> } {
  const labels: Record<string, string> = {};
  for (const path of line.flags.all("label-file")) {
    for (const [name, value] of readKeyValues(path, "label")) labels[name] = value ?? "";
  }
  for (const spec of line.flags.all("label")) {
    const [name, value] = splitPair(spec);
    if (name === "") throw refuse("label", spec, `invalid label '${spec}': empty name`);
    if (/\s/.test(name)) throw refuse("label", spec, `label '${name}' contains whitespaces`);
    labels[name] = value ?? "";
  }
  return { labels };
}

function checkedEnv({ flags }: ParsedLine): readonly string[] {
  for (const spec of flags.all("env")) {
    const [name] = splitPair(spec);
    if (name === "") throw refuse("env", spec, `invalid environment variable: ${spec}`);
  }
  return flags.all("env");
}

function mounts(line: ParsedLine, { cwd }: Caller): MountRequest[] {
  const all = [
    ...each(line, "volume", (spec) => parseVolume(spec, cwd)),
    ...each(line, "mount", (spec, refused) => parseMount(spec, cwd, refused)),
    ...each(line, "tmpfs", parseTmpfs),
  ];
  refuseDuplicates(all);
  return all;
}

function ports(line: ParsedLine): PortMapping[] {
  const published: PortMapping[] = [];
  for (const some of each(line, "publish", parsePublish)) published.push(...some);
  return published;
}

function exposed(line: ParsedLine): { expose?: string[] } {
  if (!line.flags.has("expose")) return {};
  const expose: string[] = [];
  for (const some of each(line, "expose", parseExpose)) expose.push(...some);
  return { expose };
}

/** What the flags say; what the settings say when there were none. */
function givenOr(given: string[], setting: readonly string[] | undefined): string[] {
  return given.length > 0 || setting === undefined ? given : [...setting];
}

/** A flag takes the place of the setting's ulimit of that name. */
function ulimits(line: ParsedLine, settings: Settings): Ulimit[] {
  const given = each(line, "ulimit", parseUlimit);
  const defaults = settings["default-ulimits"];
  if (defaults === undefined) return given;
  const names = new Set(given.map(({ name }) => name));
  return [...Object.values(defaults).filter(({ name }) => !names.has(name)), ...given];
}

function shmSize(line: ParsedLine, settings: Settings): number {
  const [size] = each(line, "shm-size", (text, refused) => {
    const bytes = parseSize(text);
    if (bytes === undefined) throw refused(`invalid size: '${text}'`);
    return bytes;
  }).slice(-1);
  return size || settings["default-shm-size"] || SHM_SIZE;
}
