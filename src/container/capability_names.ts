/** Linux capabilities by number, without `CAP_` (include/uapi/linux/capability.h). */
const NAMES = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP " +
  "LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE " +
  "SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME " +
  "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG " +
  "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE";

let names: readonly string[] | undefined;

/** `CAP_CHOWN`, ... by number. */
export function capabilityNames(): readonly string[] {
  return names ??= `CAP_${NAMES.replaceAll(" ", " CAP_")}`.split(" ");
}

/** `ALL`, or `CAP_X` for `x`, `CAP_X`, ...; undefined for a name the kernel does not know. */
export function capabilityName(text: string): string | undefined {
  const name = text.toUpperCase().replace(/^CAP_/, "");
  if (name === "ALL") return text.toUpperCase() === "ALL" ? "ALL" : undefined;
  return NAMES.split(" ").includes(name) ? `CAP_${name}` : undefined;
}
