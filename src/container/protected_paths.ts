/** Paths of the kernel's own file systems that say too much about the host, or could change it. */

const MASKED: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** Docker's masked paths; interrupt counts and throttling are side channels into other tenants. */
export function maskedPaths(thermalThrottle: readonly string[]): string[] {
  return [...MASKED, ...thermalThrottle];
}

/** Docker's read-only paths. */
export const READ_ONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];
