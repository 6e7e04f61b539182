/** Whose word counts about the checks of a container. Pure; every start comes by. */
import type { Healthcheck } from "./healthcheck.ts";

/**
 * What is checked in a container: the user's word, and the image's where the user says nothing.
 * @returns undefined when nothing is
 */
export function effectiveHealthcheck(
  own: Healthcheck | undefined,
  image: Healthcheck | undefined,
): Healthcheck | undefined {
  const check = own === undefined ? image : merged(own, image);
  const [kind] = check?.Test ?? [];
  return kind === undefined || kind === "NONE" ? undefined : check;
}

function merged(own: Healthcheck, image: Healthcheck | undefined): Healthcheck {
  const result: Healthcheck = {
    ...image,
    Test: own.Test.length > 0 ? own.Test : image?.Test ?? [],
  };
  for (const name of ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"] as const) {
    const value = own[name];
    if (value) result[name] = value;
  }
  return result;
}
