/** Which capabilities change what the default profile means. */
import { DEFAULT_PROFILE } from "./default_profile.ts";

/** Names of all capabilities that the default profile asks about, in its order. */
export function relevantCapabilities(): string[] {
  const names = DEFAULT_PROFILE.syscalls.flatMap(({ includes, excludes }) => [
    ...(includes?.caps ?? []),
    ...(excludes?.caps ?? []),
  ]);
  return [...new Set(names)];
}
