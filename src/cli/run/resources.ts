/** The flags that limit a container, as values. */
import {
  checkLimits,
  checkOomScore,
  type DeviceRate,
  type ResourceLimits,
} from "../../container/resources.ts";
import type { RunOptions } from "../../container/run_options.ts";
import { parseSize } from "../../container/size.ts";
import { TsboxError } from "../../errors.ts";
import type { CommandGrammar } from "../flags.ts";
import type { ParsedLine } from "../parse.ts";
import { badValue } from "../usage_error.ts";
import { RESOURCE_FLAGS } from "./resource_flags.ts";

/**
 * What a new container is told about its resources; nothing when no flag is about them.
 * @throws UsageError, or TsboxError "invalid-argument" in docker's words
 */
export function parseResources(
  line: ParsedLine,
  grammar: CommandGrammar,
  processors: () => number,
): Pick<RunOptions, "resources" | "oomScoreAdj" | "cgroupParent" | "cgroupns"> {
  const { flags } = line;
  let isAny = false;
  for (const { name } of RESOURCE_FLAGS) isAny ||= flags.has(name);
  if (!isAny) return {};
  const reader = new FlagReader(line, grammar);
  const limits = { ...readLimits(reader), ...readRates(reader) };
  checkLimits(limits, processors());
  const score = reader.integer("oom-score-adj");
  if (score !== undefined) checkOomScore(score);
  const parent = flags.last("cgroup-parent");
  return {
    ...(Object.keys(limits).length > 0 && { resources: limits }),
    ...(score !== undefined && { oomScoreAdj: score }),
    ...(parent && { cgroupParent: parent }),
    ...cgroupNamespace(flags.last("cgroupns")),
  };
}

/** The limits that `update` takes. @throws UsageError */
export function parseLimits(line: ParsedLine, grammar: CommandGrammar): ResourceLimits {
  return readLimits(new FlagReader(line, grammar));
}

function readLimits(flags: FlagReader): ResourceLimits {
  const read = {
    memory: flags.bytes("memory", false),
    memorySwap: flags.bytes("memory-swap", true),
    memoryReservation: flags.bytes("memory-reservation", false),
    nanoCpus: flags.nanoCpus(),
    cpuShares: flags.integer("cpu-shares"),
    cpuPeriod: flags.integer("cpu-period"),
    cpuQuota: flags.integer("cpu-quota"),
    cpusetCpus: flags.text("cpuset-cpus"),
    cpusetMems: flags.text("cpuset-mems"),
    pidsLimit: flags.integer("pids-limit"),
    blkioWeight: flags.weight(),
  };
  return withoutUndefined(read);
}

function readRates(flags: FlagReader): ResourceLimits {
  return withoutUndefined({
    deviceReadBps: flags.rates("device-read-bps", true),
    deviceWriteBps: flags.rates("device-write-bps", true),
    deviceReadIops: flags.rates("device-read-iops", false),
    deviceWriteIops: flags.rates("device-write-iops", false),
  });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends Record<string, unknown>>(values: T): Defined<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}

function cgroupNamespace(text: string | undefined): Pick<RunOptions, "cgroupns"> {
  if (!text) return {};
  if (text === "private" || text === "host") return { cgroupns: text };
  throw new TsboxError("invalid-argument", `invalid cgroup namespace mode: ${text}`, {
    hint: "use private or host",
  });
}

class FlagReader {
  readonly #line: ParsedLine;
  readonly #grammar: CommandGrammar;

  constructor(line: ParsedLine, grammar: CommandGrammar) {
    this.#line = line;
    this.#grammar = grammar;
  }

  #refuse(name: string, value: string, reason: string): Error {
    const flag = this.#grammar.flags.find((f) => f.name === name) ?? { name, help: "" };
    return badValue(this.#grammar, flag, value, reason);
  }

  /** Empty counts as not given. */
  text(name: string): string | undefined {
    return this.#line.flags.last(name) || undefined;
  }

  integer(name: string): number | undefined {
    const text = this.#line.flags.last(name);
    if (text === undefined) return undefined;
    if (/^[-+]?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
    throw this.#refuse(name, text, `strconv.ParseInt: parsing "${text}": invalid syntax`);
  }

  /** @param unlimited whether -1 has a meaning */
  bytes(name: string, unlimited: boolean): number | undefined {
    const text = this.#line.flags.last(name);
    if (text === undefined) return undefined;
    if (unlimited && text === "-1") return -1;
    const bytes = parseSize(text);
    if (bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
    throw this.#refuse(name, text, `invalid size: '${text}'`);
  }

  nanoCpus(): number | undefined {
    const text = this.#line.flags.last("cpus");
    if (text === undefined) return undefined;
    if (!/^[-+]?(\d+(\.\d*)?|\.\d+)$/.test(text)) {
      throw this.#refuse("cpus", text, `failed to parse ${text} as a rational number`);
    }
    const nano = Number(text) * 1e9;
    // Sums of binary fractions: nearer than this is the same number.
    if (Math.abs(nano - Math.round(nano)) < 1e-3) return Math.round(nano);
    throw this.#refuse("cpus", text, "value is too precise");
  }

  weight(): number | undefined {
    const weight = this.integer("blkio-weight");
    if (weight === undefined || (weight >= 0 && weight <= 65535)) return weight;
    const text = String(weight);
    const reason = `strconv.ParseUint: parsing "${text}": value out of range`;
    throw this.#refuse("blkio-weight", text, reason);
  }

  /** `PATH:RATE`, again and again. @param units whether the rate is in bytes, with docker's units */
  rates(name: string, units: boolean): DeviceRate[] | undefined {
    const { flags } = this.#line;
    if (!flags.has(name)) return undefined;
    return flags.all(name).map((spec) => {
      const [path = "", rate, ...more] = spec.split(":");
      if (!path || !rate || more.length > 0) {
        throw this.#refuse(name, spec, `bad format: ${spec}`);
      }
      if (!path.startsWith("/dev/")) {
        throw this.#refuse(name, spec, `bad format for device path: ${spec}`);
      }
      const number = units ? parseSize(rate) : /^\d+$/.test(rate) ? Number(rate) : undefined;
      if (number !== undefined && Number.isSafeInteger(number)) return { path, rate: number };
      const unit = units ? "[<unit>]" : "";
      const reason = `invalid rate for device: ${spec}. The correct format is ` +
        `<device-path>:<number>${unit}. Number must be a positive integer` +
        (units ? ". Unit is optional and can be kb, mb, or gb" : "");
      throw this.#refuse(name, spec, reason);
    });
  }
}
