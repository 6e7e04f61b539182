import { TsboxError } from "../errors.ts";
import type { SpecCapabilities } from "../oci/runtime_spec.ts";
import { capabilityName, capabilityNames } from "./capability_names.ts";

/** What docker leaves a container, in its order. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/**
 * Docker's `--cap-add` and `--cap-drop`: adding ALL beats dropping ALL, and single names dropped
 * count against an added ALL only.
 * @throws TsboxError("invalid-argument") for an unknown name
 */
export function chooseCapabilities(add: readonly string[], drop: readonly string[]): string[] {
  // Nearly every start; the code below would cost it a tenth of a millisecond.
  if (add.length === 0 && drop.length === 0) return [...DEFAULT_CAPABILITIES];
  const added = add.map(known);
  const dropped = new Set(drop.map(known));
  const base = added.includes("ALL") ? capabilityNames() : DEFAULT_CAPABILITIES;
  const kept = dropped.has("ALL") && !added.includes("ALL")
    ? []
    : base.filter((name) => !dropped.has(name));
  return [...new Set([...kept, ...(added.includes("ALL") ? [] : added)])];
}

function known(text: string): string {
  const name = capabilityName(text);
  if (name !== undefined) return name;
  throw new TsboxError("invalid-argument", `unknown capability: "${text}"`);
}

/**
 * The five sets for a process of this user. Only root starts with what the bounding set allows;
 * anybody else may gain it by a setuid file. Inheritable is empty (CVE-2022-24769) and so is ambient.
 */
export function capabilitySets(names: readonly string[], uid: number): SpecCapabilities {
  const held = uid === 0 ? [...names] : [];
  return {
    bounding: [...names],
    effective: held,
    permitted: [...held],
    inheritable: [],
    ambient: [],
  };
}

/**
 * Bits of capset(2) and prctl(2) for names as `CAP_CHOWN`: word 0 holds 0 to 31, word 1 the rest.
 * @throws TsboxError("invalid-argument") for an unknown name
 */
export function capabilityBits(names: readonly string[]): [number, number] {
  const numbers = capabilityNames();
  const bits: [number, number] = [0, 0];
  for (const name of names) {
    const number = numbers.indexOf(name);
    if (number < 0) throw new TsboxError("invalid-argument", `unknown capability: "${name}"`);
    if (number < 32) bits[0] = (bits[0] | (1 << number)) >>> 0;
    else bits[1] = (bits[1] | (1 << (number - 32))) >>> 0;
  }
  return bits;
}
