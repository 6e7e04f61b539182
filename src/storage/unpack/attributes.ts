/** Which extended attributes an image may set. */
import type { ByteString } from "../../ffi/files.ts";

/** POSIX access lists and file capabilities; the kernel translates the ids in both. */
const ALLOWED = new Set<ByteString>([
  "security.capability",
  "system.posix_acl_access",
  "system.posix_acl_default",
]);

/**
 * `user.overlay.*` would let a layer tell overlayfs what is opaque, redirected or merely metadata: an image
 * could show files of other layers. `trusted.*` and the labels of security modules are the host's.
 */
export function isAllowedAttribute(name: ByteString): boolean {
  return ALLOWED.has(name) || (name.startsWith("user.") && !name.startsWith("user.overlay."));
}
