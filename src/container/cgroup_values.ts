/** Docker's limits as the files of cgroup v2 have them. */
import type { DeviceRate, ResourceLimits } from "./resources.ts";

export type Controller = "cpu" | "cpuset" | "io" | "memory" | "pids";

/** A value of a control file. */
export interface CgroupValue {
  controller: Controller;
  /** Name of the file. */
  file: string;
  value: string;
  /** A kernel may be without the file, and nothing is lost then. */
  optional?: true;
  /** Tried when there is no such file. */
  instead?: { file: string; value: string };
}

/** What is to be written for limits, and in which order. @param deviceNumber of a node, as `major:minor` */
export function cgroupValues(
  limits: ResourceLimits,
  deviceNumber: (path: string) => string,
): CgroupValue[] {
  return [
    ...memoryValues(limits),
    ...cpuValues(limits),
    ...cpusetValues(limits),
    ...pidsValues(limits),
    ...ioValues(limits, deviceNumber),
  ];
}

const MAX = "max";
/** What docker's API calls one processor's share, and the range of both scales. */
const SHARES = { least: 2, most: 262144 } as const;
const PERIOD = 100_000;

/** Swap alone has its own file here; docker's number is of both together, and twice the memory by default. */
function memoryValues({ memory, memorySwap, memoryReservation }: ResourceLimits): CgroupValue[] {
  const values: CgroupValue[] = [];
  const add = (file: string, value: string, optional: boolean) =>
    values.push({ controller: "memory", file, value, ...(optional && { optional }) });
  const limited = memory !== undefined && memory > 0;
  if (memorySwap !== undefined && memorySwap !== 0) {
    const swap = memorySwap < 0 ? MAX : String(memorySwap - (memory ?? 0));
    add("memory.swap.max", swap, memorySwap < 0);
  } else if (limited) add("memory.swap.max", String(memory), true);
  if (memory !== undefined) add("memory.max", limited ? String(memory) : MAX, false);
  if (memoryReservation !== undefined) add("memory.low", String(memoryReservation), false);
  return values;
}

function cpuValues(limits: ResourceLimits): CgroupValue[] {
  const { cpuShares = 0, nanoCpus, cpuQuota, cpuPeriod } = limits;
  const values: CgroupValue[] = [];
  if (cpuShares > 0) {
    values.push({
      controller: "cpu",
      file: "cpu.weight",
      value: String(weightOfShares(cpuShares)),
    });
  }
  if (nanoCpus === undefined && cpuQuota === undefined && cpuPeriod === undefined) return values;
  const period = cpuPeriod || PERIOD;
  const quota = nanoCpus ? Math.floor((nanoCpus * period) / 1e9) : cpuQuota ?? 0;
  const value = `${quota > 0 ? quota : MAX} ${period}`;
  return [...values, { controller: "cpu", file: "cpu.max", value }];
}

/** The range 2 to 262144 onto 1 to 10000, as runc and crun do it. */
export function weightOfShares(shares: number): number {
  const { least, most } = SHARES;
  const inside = Math.min(Math.max(shares, least), most);
  return 1 + Math.floor(((inside - least) * 9999) / (most - least));
}

function cpusetValues({ cpusetCpus, cpusetMems }: ResourceLimits): CgroupValue[] {
  const sets = [["cpuset.cpus", cpusetCpus], ["cpuset.mems", cpusetMems]] as const;
  return sets.flatMap(([file, value]) => value ? [{ controller: "cpuset", file, value }] : []);
}

function pidsValues({ pidsLimit }: ResourceLimits): CgroupValue[] {
  if (pidsLimit === undefined) return [];
  const value = pidsLimit > 0 ? String(pidsLimit) : MAX;
  return [{ controller: "pids", file: "pids.max", value }];
}

function ioValues(limits: ResourceLimits, deviceNumber: (path: string) => string): CgroupValue[] {
  const rates = [
    ["rbps", limits.deviceReadBps],
    ["wbps", limits.deviceWriteBps],
    ["riops", limits.deviceReadIops],
    ["wiops", limits.deviceWriteIops],
  ] as const;
  const values: CgroupValue[] = [];
  const { blkioWeight = 0 } = limits;
  if (blkioWeight > 0) {
    // BFQ has docker's scale; the cost model of other schedulers has 1 to 10000.
    const value = String(1 + Math.floor(((blkioWeight - 10) * 9999) / 990));
    values.push({
      controller: "io",
      file: "io.bfq.weight",
      value: String(blkioWeight),
      instead: { file: "io.weight", value },
    });
  }
  for (const [key, list = []] of rates) {
    for (const { path, rate } of list as readonly DeviceRate[]) {
      const limit = rate > 0 ? rate : MAX;
      const value = `${deviceNumber(path)} ${key}=${limit}`;
      values.push({ controller: "io", file: "io.max", value });
    }
  }
  return values;
}

/** The controllers that limits need. */
export function neededControllers(limits: ResourceLimits): Controller[] {
  const values = cgroupValues(limits, () => "0:0");
  return [...new Set(values.map(({ controller }) => controller))];
}
