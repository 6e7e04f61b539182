/** Where an image may come from: the mirrors of its registry in order, then the registry. */
import { messageOf, TsboxError } from "../errors.ts";
import type { Reference } from "../oci/reference.ts";
import { registryUrl } from "./hosts.ts";
import { refuseBlocked, type RegistryPolicy } from "./policy.ts";
import type { Timing } from "./retry.ts";

/** One place to ask. */
export interface Source {
  /** What to ask for; of a mirror it names the mirror, so that credentials are the mirror's own. */
  reference: Reference;
  /** The `/v2/` of a mirror; that of a registry is still to be found. */
  base?: URL;
}

export class Sources {
  readonly #policy: RegistryPolicy;
  /** Mirrors that are not asked again, by host and repository. */
  readonly #left = new Set<string>();

  constructor(policy: RegistryPolicy) {
    this.#policy = policy;
  }

  /** @throws TsboxError("unavailable") when the registry is blocked: its mirrors do not count then */
  of(reference: Reference): Source[] {
    const { registry } = reference;
    refuseBlocked(this.#policy, registryUrl(registry), `Cannot pull ${reference.familiar}`);
    return [...this.#mirrorsOf(reference), { reference }];
  }

  #mirrorsOf(reference: Reference): Source[] {
    const urls = this.#policy.mirrors.get(reference.registry.toLowerCase()) ?? [];
    const mirrors = urls.map((url) => {
      const base = new URL("/v2/", url);
      return { base, reference: { ...reference, registry: base.host } };
    });
    return mirrors.filter((mirror) => !this.#left.has(keyOf(mirror)));
  }

  /** Whether a mirror would be asked. */
  isMirrored(reference: Reference): boolean {
    return this.#mirrorsOf(reference).length > 0;
  }

  /** Asks no mirror for this repository any more. */
  leaveMirrors(reference: Reference): void {
    for (const mirror of this.#mirrorsOf(reference)) this.leave(mirror);
  }

  /** Asks this mirror for this repository no more. */
  leave(mirror: Source): void {
    this.#left.add(keyOf(mirror));
  }
}

function keyOf({ base, reference }: Source): string {
  return `${base?.origin} ${reference.repository}`;
}

/** A mirror is tried once: what stands behind it is the better second try. */
export function timingFor({ base }: Source, timing: Timing): Timing {
  return base === undefined ? timing : { ...timing, attempts: 1 };
}

/** Whether the next source may be asked after `error`; not when the user has interrupted. */
export function passesOn({ base }: Source, error: unknown): boolean {
  return base !== undefined && !(error instanceof TsboxError && error.code === "cancelled");
}

/** The registry's failure, with what its mirrors had to say: one of them may be the one to mend. */
export function withMirrorFailures(
  error: unknown,
  failures: readonly { source: Source; error: unknown }[],
): unknown {
  if (!(error instanceof TsboxError) || error.code === "cancelled" || failures.length === 0) {
    return error;
  }
  const mirrors = failures.map(({ source, error }) =>
    `the mirror ${source.base?.host} failed too: ${messageOf(error)}`
  );
  const { code, message, stage } = error;
  const hint = [...(error.hint === undefined ? [] : [error.hint]), ...mirrors].join("; ");
  return new TsboxError(code, message, { cause: error, hint, ...(stage && { stage }) });
}
