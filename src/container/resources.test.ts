import { describe, expect, test } from "bun:test";
import { changedLimits, checkLimits, checkOomScore, type ResourceLimits } from "./resources.ts";

const MB = 1024 * 1024;

/** What is wrong with limits on a host with four processors; "" when nothing is. */
function complaint(limits: ResourceLimits): string {
  try {
    checkLimits(limits, 4);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("limits are refused in docker's words", () => {
  const cases: [ResourceLimits, string][] = [
    [{ memory: 6 * MB - 1 }, "Minimum memory limit allowed is 6MB"],
    [{ memory: 6 * MB }, ""],
    [
      { memory: 64 * MB, memorySwap: 32 * MB },
      "Minimum memoryswap limit should be larger than memory limit, see usage",
    ],
    [{ memory: 64 * MB, memorySwap: 64 * MB }, ""],
    [{ memory: 64 * MB, memorySwap: -1 }, ""],
    [
      { memorySwap: 64 * MB },
      "You should always set the Memory limit when using Memoryswap limit, see usage",
    ],
    [{ memoryReservation: MB }, "Minimum memory reservation allowed is 6MB"],
    [
      { memory: 32 * MB, memoryReservation: 64 * MB },
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    ],
    [
      { nanoCpus: 1, cpuPeriod: 1000 },
      "Conflicting options: Nano CPUs and CPU Period cannot both be set",
    ],
    [
      { nanoCpus: 1, cpuQuota: 1000 },
      "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
    ],
    [
      { nanoCpus: 4e9 + 1 },
      "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available",
    ],
    [{ nanoCpus: 4e9 }, ""],
    [
      { nanoCpus: 0.01 * 1e9 - 1 },
      "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available",
    ],
    [{ nanoCpus: 0.01 * 1e9 }, ""],
    [
      { nanoCpus: -1 },
      "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available",
    ],
    [
      { cpuPeriod: 999 },
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ],
    [{ cpuQuota: 999 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    [{ cpuQuota: -1 }, ""],
    [{ blkioWeight: 9 }, "Range of blkio weight is from 10 to 1000"],
    [{ blkioWeight: 1001 }, "Range of blkio weight is from 10 to 1000"],
    [{ cpusetCpus: "0-2,7" }, ""],
    [{ cpusetCpus: "0-" }, "Invalid value 0- for cpuset cpus"],
    [{ cpusetMems: "all" }, "Invalid value all for cpuset mems"],
  ];
  for (const [limits, message] of cases) {
    test(`${JSON.stringify(limits)}: ${message || "taken"}`, () => {
      expect(complaint(limits)).toBe(message);
    });
  }
});

test("a score for running out of memory has docker's range", () => {
  checkOomScore(1000);
  checkOomScore(-1000);
  expect(() => checkOomScore(1001)).toThrow(
    "Invalid value 1001, range for oom score adj is [-1000, 1000]",
  );
});

describe("changed limits", () => {
  test("keep what is not changed", () => {
    const next = changedLimits({ memory: 64 * MB, pidsLimit: 5 }, { pidsLimit: 7 }, 4);
    expect(next).toEqual({ memory: 64 * MB, pidsLimit: 7 });
  });

  test("must fit the swap that is there", () => {
    const now = { memory: 64 * MB, memorySwap: 96 * MB };
    expect(() => changedLimits(now, { memory: 128 * MB }, 4)).toThrow(
      "Memory limit should be smaller than already set memoryswap limit, " +
        "update the memoryswap at the same time",
    );
    const both = { memory: 128 * MB, memorySwap: 128 * MB };
    expect(changedLimits(now, both, 4)).toEqual(both);
  });

  test("say processors in one way only", () => {
    expect(() => changedLimits({ cpuQuota: 50_000 }, { nanoCpus: 1e9 }, 4)).toThrow("Nano CPUs");
    expect(() => changedLimits({ nanoCpus: 1e9 }, { cpuQuota: 50_000 }, 4)).toThrow("NanoCPUs");
  });
});
