import { describe, expect, test } from "bun:test";
import { cgroupValues, neededControllers, weightOfShares } from "./cgroup_values.ts";
import type { ResourceLimits } from "./resources.ts";

const MB = 1024 * 1024;

/** `file=value`, in the order they are written. */
const written = (limits: ResourceLimits) =>
  cgroupValues(limits, () => "8:0").map(({ file, value }) => `${file}=${value}`);

describe("memory", () => {
  test("alone allows as much swap", () => {
    expect(written({ memory: 64 * MB })).toEqual([
      `memory.swap.max=${64 * MB}`,
      `memory.max=${64 * MB}`,
    ]);
  });

  test("with the same number for both allows none", () => {
    expect(written({ memory: 64 * MB, memorySwap: 64 * MB })[0]).toBe("memory.swap.max=0");
  });

  test("with a number for both allows the difference", () => {
    const limits = { memory: 64 * MB, memorySwap: 96 * MB };
    expect(written(limits)[0]).toBe(`memory.swap.max=${32 * MB}`);
  });

  test("with -1 allows all there is", () => {
    expect(written({ memory: 64 * MB, memorySwap: -1 })[0]).toBe("memory.swap.max=max");
  });

  test("that the user asked to swap less must not be forgotten by a kernel that does not count it", () => {
    const optional = (limits: ResourceLimits) =>
      cgroupValues(limits, () => "")[0]?.optional === true;
    expect(optional({ memory: 64 * MB })).toBe(true);
    expect(optional({ memory: 64 * MB, memorySwap: 64 * MB })).toBe(false);
  });
});

describe("processors", () => {
  test("are a part of each period", () => {
    expect(written({ nanoCpus: 0.5e9 })).toEqual(["cpu.max=50000 100000"]);
    expect(written({ cpuQuota: 20_000, cpuPeriod: 50_000 })).toEqual(["cpu.max=20000 50000"]);
    expect(written({ cpuQuota: -1 })).toEqual(["cpu.max=max 100000"]);
    expect(written({ cpuPeriod: 50_000 })).toEqual(["cpu.max=max 50000"]);
  });

  test("are shared by weights as other runtimes have them", () => {
    // Docker's default, least, most, and what is outside.
    expect([1024, 2, 262144, 1, 9e9].map(weightOfShares)).toEqual([39, 1, 10000, 1, 10000]);
  });
});

test("0 and -1 are no limit of processes", () => {
  expect([5, 0, -1].flatMap((pidsLimit) => written({ pidsLimit }))).toEqual([
    "pids.max=5",
    "pids.max=max",
    "pids.max=max",
  ]);
});

test("rates are written for each device, by its number", () => {
  const limits = {
    deviceReadBps: [{ path: "/dev/sda", rate: 1000 }],
    deviceWriteIops: [{ path: "/dev/sda", rate: 5 }],
  };
  expect(written(limits)).toEqual(["io.max=8:0 rbps=1000", "io.max=8:0 wiops=5"]);
});

test("limits need the controllers that keep them, and none needs one", () => {
  expect(neededControllers({ memory: 64 * MB, pidsLimit: 3, cpusetCpus: "0" }).sort()).toEqual([
    "cpuset",
    "memory",
    "pids",
  ]);
  expect(neededControllers({})).toEqual([]);
});
