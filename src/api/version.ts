import { API_VERSION, MIN_API_VERSION } from "../engine/api_version.ts";
import { TsboxError } from "../errors.ts";

export { API_VERSION, MIN_API_VERSION };

const PREFIX = /^\/v([0-9.]+)(?=\/)/;

/** `/images/json` of `/v1.47/images/json`: both mean the same. */
export function withoutVersion(path: string): string {
  return path.replace(PREFIX, "");
}

/**
 * Checks the version that a path begins with, if any.
 * Throws TsboxError("invalid-argument") in docker's words for one that cannot be spoken.
 */
export function checkVersion(path: string): void {
  const asked = PREFIX.exec(path)?.[1];
  if (asked === undefined) return;
  if (order(asked, MIN_API_VERSION) < 0) {
    throw new TsboxError(
      "invalid-argument",
      `client version ${asked} is too old. Minimum supported API version is ${MIN_API_VERSION}, ` +
        "please upgrade your client to a newer version",
    );
  }
  if (order(asked, API_VERSION) > 0) {
    throw new TsboxError(
      "invalid-argument",
      `client version ${asked} is too new. Maximum supported API version is ${API_VERSION}`,
    );
  }
}

/** Negative when `a` is older than `b`; part by part, since 1.9 is older than 1.24. */
function order(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
