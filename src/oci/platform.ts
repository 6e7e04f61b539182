/** Platforms as `os/architecture[/variant]`, normalized the way containerd does, and which fits which. */
import { TsboxError } from "../errors.ts";

export interface Platform {
  os: string;
  /** GOARCH words: `amd64`, `arm64`, `arm`, `386`, ... */
  architecture: string;
  /** `v7` of `arm/v7`; undefined is the architecture's baseline. */
  variant?: string;
}

const COMPONENT = /^[A-Za-z0-9_.-]{1,64}$/;

const ARCHITECTURES = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(
    " ",
  ),
);
const SYSTEMS = new Set(
  "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows"
    .split(" "),
);

/** What other projects call the same architecture. */
const ALIASES: Record<string, [architecture: string, variant?: string]> = {
  "i386": ["386"],
  "x86_64": ["amd64"],
  "x86-64": ["amd64"],
  "aarch64": ["arm64"],
  "armhf": ["arm", "v7"],
  "armel": ["arm", "v6"],
};

/** The variant that a bare architecture means; never written out, except for arm. */
const BASELINE: Record<string, string> = { amd64: "v1", arm64: "v8", arm: "v7" };

/**
 * Reads docker's `--platform`: `linux/arm/v7`, `linux/amd64`, `arm64`, `linux`.
 * @throws TsboxError("invalid-argument") for what is no platform, TsboxError("unsupported") for one that is not Linux
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const bad = parts.find((part) => !COMPONENT.test(part));
  if (bad !== undefined || parts.length > 3) {
    throw new TsboxError("invalid-argument", `"${text}" is not a platform`, {
      hint: "write os/architecture or os/architecture/variant, such as linux/arm64",
    });
  }
  const [first = "", second, variant] = parts.map((part) => part.toLowerCase());
  const platform = second === undefined
    ? oneWord(first, text)
    : normalizePlatform({ os: first, architecture: second, ...(variant && { variant }) });
  if (platform.os !== "linux") {
    throw new TsboxError(
      "unsupported",
      `Cannot run images for "${text}": tsbox runs Linux containers only`,
    );
  }
  return platform;
}

/** A single word may be either: docker guesses in this order. */
function oneWord(word: string, text: string): Platform {
  const host = hostPlatform();
  if (SYSTEMS.has(word)) return { ...host, os: word };
  const platform = normalizePlatform({ os: "linux", architecture: word });
  if (ARCHITECTURES.has(platform.architecture)) return platform;
  throw new TsboxError("invalid-argument", `"${text}": unknown operating system or architecture`);
}

/** One spelling for each platform, so that equal ones compare equal; for untrusted input too. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const given = platform.architecture.toLowerCase();
  const [architecture, impliedVariant] = Object.hasOwn(ALIASES, given)
    ? ALIASES[given] ?? [given]
    : [given];
  const variant = variantOf(architecture, platform.variant?.toLowerCase() ?? impliedVariant);
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

function variantOf(architecture: string, given: string | undefined): string | undefined {
  const variant = given !== undefined && /^[0-9]+$/.test(given) ? `v${given}` : given || undefined;
  if (architecture === "arm") return variant ?? BASELINE["arm"];
  return variant === BASELINE[architecture] ? undefined : variant;
}

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
}

/** The platform this executable was compiled for. */
export function hostPlatform(): Platform {
  return { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
}

/**
 * What a machine of `platform` can run, best first: itself, lower variants, then its 32-bit mode.
 */
export function platformsRunBy(platform: Platform): Platform[] {
  const wanted = normalizePlatform(platform);
  const { os, architecture } = wanted;
  const same = variantsUpTo(wanted).map((variant) =>
    normalizePlatform({ os, architecture, ...(variant && { variant }) })
  );
  if (architecture === "amd64") return [...same, { os, architecture: "386" }];
  if (architecture !== "arm64") return same;
  const arm = ["v8", "v7", "v6", "v5"].map((variant) => ({ os, architecture: "arm", variant }));
  return [...same, ...arm];
}

function variantsUpTo(platform: Platform): string[] {
  const top = platform.variant ?? BASELINE[platform.architecture] ?? "";
  const number = /^v([1-9])$/.exec(top)?.[1];
  const lowest = { amd64: 1, arm64: 8, arm: 5 }[platform.architecture];
  if (number === undefined || lowest === undefined) return [top];
  const count = Math.max(Number(number) - lowest + 1, 1);
  return Array.from({ length: count }, (_, index) => `v${Number(number) - index}`);
}

export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
}

/** Whether an image for `image` may be run on `machine`. */
export function platformFits(image: Platform, machine: Platform): boolean {
  return platformsRunBy(machine).some((platform) => samePlatform(platform, image));
}
