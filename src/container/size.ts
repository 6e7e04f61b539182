const UNITS = "bkmgtp";

/** Bytes of docker's `64m`, `1.5 GiB`, `1024`; units are powers of 1024. Undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([bkmgtp])?(?:i?b)?$/i.exec(text);
  if (!match) return undefined;
  const power = UNITS.indexOf((match[2] ?? "b").toLowerCase());
  return Math.floor(Number(match[1]) * 1024 ** power);
}
