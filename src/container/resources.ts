/** What a container may use of the host: docker's limits, and docker's rules for them. */
import { TsboxError } from "../errors.ts";

/** A rate of a block device, in bytes or operations a second. */
export interface DeviceRate {
  /** Absolute path of the device's node. */
  path: string;
  rate: number;
}

/** Limits as asked for; what is missing was not. Field names are those of docker's API, in our spelling. */
export interface ResourceLimits {
  /** Bytes. */
  memory?: number;
  /** Bytes of memory and swap together; -1 is unlimited swap. */
  memorySwap?: number;
  /** Bytes. */
  memoryReservation?: number;
  /** Billionths of a processor. */
  nanoCpus?: number;
  cpuShares?: number;
  /** Microseconds. */
  cpuPeriod?: number;
  /** Microseconds of each period; -1 is unlimited. */
  cpuQuota?: number;
  /** As `0-2,7`. */
  cpusetCpus?: string;
  cpusetMems?: string;
  /** 0 and -1 are unlimited. */
  pidsLimit?: number;
  /** 10 to 1000. */
  blkioWeight?: number;
  deviceReadBps?: DeviceRate[];
  deviceWriteBps?: DeviceRate[];
  deviceReadIops?: DeviceRate[];
  deviceWriteIops?: DeviceRate[];
}

const MINIMUM_MEMORY = 6 * 1024 * 1024;
/** Of the usual period the kernel gives at least a millisecond. */
const LEAST_CPUS = 0.01 * 1e9;
const CFS_MINIMUM = 1000;
const CFS_MAXIMUM = 1_000_000;

/**
 * Checks limits as docker's daemon does, in its words.
 * @param processors of the host
 * @throws TsboxError "invalid-argument"
 */
export function checkLimits(limits: ResourceLimits, processors: number): void {
  checkMemory(limits);
  checkProcessors(limits, processors);
  const { blkioWeight: weight = 0, cpusetCpus, cpusetMems } = limits;
  if (weight !== 0 && (weight < 10 || weight > 1000)) {
    throw bad("Range of blkio weight is from 10 to 1000");
  }
  checkSet(cpusetCpus, "cpuset cpus");
  checkSet(cpusetMems, "cpuset mems");
}

function checkMemory(
  { memory = 0, memorySwap = 0, memoryReservation = 0 }: ResourceLimits,
): void {
  if (memory !== 0 && memory < MINIMUM_MEMORY) throw bad("Minimum memory limit allowed is 6MB");
  if (memory > 0 && memorySwap > 0 && memorySwap < memory) {
    throw bad("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory === 0 && memorySwap > 0) {
    throw bad("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (memoryReservation !== 0 && memoryReservation < MINIMUM_MEMORY) {
    throw bad("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && memoryReservation > 0 && memory < memoryReservation) {
    throw bad("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function checkProcessors(limits: ResourceLimits, processors: number): void {
  const { nanoCpus = 0, cpuPeriod = 0, cpuQuota = 0, cpuShares = 0 } = limits;
  if (nanoCpus !== 0 && cpuPeriod !== 0) {
    throw bad("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (nanoCpus !== 0 && cpuQuota !== 0) {
    throw bad("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (nanoCpus !== 0 && (nanoCpus < LEAST_CPUS || nanoCpus > processors * 1e9)) {
    throw bad(
      `Range of CPUs is from 0.01 to ${processors}.00, ` +
        `as there are only ${processors} CPUs available`,
    );
  }
  if (cpuPeriod !== 0 && (cpuPeriod < CFS_MINIMUM || cpuPeriod > CFS_MAXIMUM)) {
    throw bad(
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    );
  }
  if (cpuQuota > 0 && cpuQuota < CFS_MINIMUM) {
    throw bad("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  if (cpuShares < 0) {
    throw bad(`invalid CPU shares (${cpuShares}): value must be a positive integer`);
  }
}

/** The kernel says which of them there are; here only that it is a list. */
function checkSet(text: string | undefined, what: string): void {
  if (text === undefined || text === "") return;
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) throw bad(`Invalid value ${text} for ${what}`);
}

/** `--oom-score-adj`. @throws TsboxError "invalid-argument" */
export function checkOomScore(score: number): void {
  if (score >= -1000 && score <= 1000) return;
  throw bad(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
}

/**
 * Limits of a running container with others over them, as `update` has it.
 * @throws TsboxError "invalid-argument" when they do not fit together, in docker's words
 */
export function changedLimits(
  now: ResourceLimits,
  change: ResourceLimits,
  processors: number,
): ResourceLimits {
  const next = { ...now, ...change };
  const { memory: wanted = 0 } = change;
  if (wanted > 0 && change.memorySwap === undefined) {
    const { memorySwap: swap = 0 } = now;
    if (swap > 0 && wanted > swap) {
      throw bad(
        "Memory limit should be smaller than already set memoryswap limit, " +
          "update the memoryswap at the same time",
      );
    }
  }
  // The two ways to say it exclude each other; the later one counts.
  if (change.nanoCpus !== undefined) {
    if (now.cpuPeriod || now.cpuQuota) {
      throw bad(
        "Conflicting options: Nano CPUs cannot be updated as CPU Period/Quota has already been set",
      );
    }
  } else if ((change.cpuPeriod !== undefined || change.cpuQuota !== undefined) && now.nanoCpus) {
    throw bad(
      "Conflicting options: CPU Period/Quota cannot be updated as NanoCPUs has already been set",
    );
  }
  checkLimits(next, processors);
  return next;
}

function bad(message: string): TsboxError {
  return new TsboxError("invalid-argument", message);
}
