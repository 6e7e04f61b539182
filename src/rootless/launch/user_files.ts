/** The container's /etc/passwd and /etc/group, which tell who a user is: what is taken of them. */
import { TsboxError } from "../../errors.ts";

/** Bytes of passwd or group that are looked at. */
export const MAX_USER_FILE = 2 << 20;

/** For a file that has as many. */
export function tooLargeUserFile(name: string): TsboxError {
  return new TsboxError(
    "limit-exceeded",
    `Cannot use /etc/${name} of the image: it is larger than ${MAX_USER_FILE >> 20} MiB`,
  );
}
