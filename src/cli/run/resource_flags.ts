import type { Flag } from "../flags.ts";

/** Limits that `run` and `create` take, and `update` changes. */
export const LIMIT_FLAGS: readonly Flag[] = [
  {
    name: "blkio-weight",
    value: "uint16",
    help: "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
  },
  {
    name: "cpu-period",
    value: "int",
    help: "Limit CPU CFS (Completely Fair Scheduler) period",
  },
  { name: "cpu-quota", value: "int", help: "Limit CPU CFS (Completely Fair Scheduler) quota" },
  { name: "cpu-shares", short: "c", value: "int", help: "CPU shares (relative weight)" },
  { name: "cpus", value: "decimal", help: "Number of CPUs" },
  { name: "cpuset-cpus", value: "string", help: "CPUs in which to allow execution (0-3, 0,1)" },
  { name: "cpuset-mems", value: "string", help: "MEMs in which to allow execution (0-3, 0,1)" },
  { name: "memory", short: "m", value: "bytes", help: "Memory limit" },
  { name: "memory-reservation", value: "bytes", help: "Memory soft limit" },
  {
    name: "memory-swap",
    value: "bytes",
    help: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
  },
  { name: "pids-limit", value: "int", help: "Tune container pids limit (set -1 for unlimited)" },
];

/** Those that only a new container takes. */
export const RESOURCE_FLAGS: readonly Flag[] = [
  ...LIMIT_FLAGS,
  { name: "cgroup-parent", value: "string", help: "Optional parent cgroup for the container" },
  { name: "cgroupns", value: "string", help: "Cgroup namespace to use (host|private)" },
  {
    name: "device-read-bps",
    value: "list",
    help: "Limit read rate (bytes per second) from a device",
  },
  {
    name: "device-read-iops",
    value: "list",
    help: "Limit read rate (IO per second) from a device",
  },
  {
    name: "device-write-bps",
    value: "list",
    help: "Limit write rate (bytes per second) to a device",
  },
  {
    name: "device-write-iops",
    value: "list",
    help: "Limit write rate (IO per second) to a device",
  },
  {
    name: "memory-swappiness",
    value: "int",
    help: "Tune container memory swappiness (0 to 100): no effect with cgroup v2",
  },
  { name: "oom-kill-disable", help: "Disable OOM Killer: no effect with cgroup v2" },
  { name: "oom-score-adj", value: "int", help: "Tune host's OOM preferences (-1000 to 1000)" },
];
