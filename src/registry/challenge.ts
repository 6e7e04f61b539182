/** Reads `WWW-Authenticate` (RFC 9110, 11.6.1; several challenges may share one header). */

export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  scheme: string;
  parameters: Map<string, string>;
}

/** Longer ones are cut: nothing a registry has to say needs it. */
const MAX_LENGTH = 8192;

const PART = /[\s,]*([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/y;

export function parseChallenges(header: string | null): Challenge[] {
  const text = (header ?? "").slice(0, MAX_LENGTH);
  const challenges: Challenge[] = [];
  const pattern = new RegExp(PART);
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, name = "", quoted, plain] = match;
    const value = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
  }
  return challenges;
}
