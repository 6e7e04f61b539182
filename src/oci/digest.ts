/** Content digests, `algorithm:hex`, by the "Digests" section of the OCI image spec's descriptor.md. */
import { TsboxError } from "../errors.ts";

export type DigestAlgorithm = "sha256" | "sha512";

/** A digest that was checked by this module: nothing else makes values of this type. */
export type Digest = `${DigestAlgorithm}:${string}`;

const HEX_LENGTH: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 };
const DIGEST_FORM = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** A loop, for every run checks its layers' digests: the first use of a pattern costs more than all of them. */
function isLowerHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    const isDigit = character >= "0" && character <= "9";
    if (!isDigit && !(character >= "a" && character <= "f")) return false;
  }
  return true;
}

/** Whether `text` is a digest that can be verified here; safe to be part of a file name then. */
export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, colon);
  if (algorithm !== "sha256" && algorithm !== "sha512") return false;
  const hex = text.slice(colon + 1);
  return hex.length === HEX_LENGTH[algorithm] && isLowerHex(hex);
}

/** Whether `text` has the form of a digest, of whatever algorithm. */
export function isDigestForm(text: string): boolean {
  return text.length <= 256 && DIGEST_FORM.test(text);
}

/**
 * Reads a digest.
 * @throws TsboxError("invalid-argument") for what is no digest, TsboxError("unsupported") for another algorithm
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  if (!isDigestForm(text)) {
    throw new TsboxError("invalid-argument", "invalid checksum digest format");
  }
  const algorithm = text.slice(0, text.indexOf(":"));
  if (algorithm === "sha256" || algorithm === "sha512") {
    throw new TsboxError("invalid-argument", "invalid checksum digest length");
  }
  throw new TsboxError("unsupported", `unsupported digest algorithm: ${algorithm}`);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512") ? "sha512" : "sha256";
}

/** The lower-case hex digits: with the algorithm as folder, the blob's file name in a store. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** What `digest` is compared with: feed it all bytes, then ask once. */
export class DigestHasher {
  readonly #algorithm: DigestAlgorithm;
  #hasher: Bun.CryptoHasher;

  constructor(algorithm: DigestAlgorithm = "sha256") {
    this.#algorithm = algorithm;
    this.#hasher = new Bun.CryptoHasher(algorithm);
  }

  /** Another one that was fed the same bytes. */
  copy(): DigestHasher {
    const copy = new DigestHasher(this.#algorithm);
    copy.#hasher = this.#hasher.copy();
    return copy;
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** Ends the hashing; may be called once. */
  digest(): Digest {
    return `${this.#algorithm}:${this.#hasher.digest("hex")}`;
  }
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  const hasher = new DigestHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

/**
 * The identity of a stack of layers (OCI image spec, config.md, "Layer ChainID").
 * @param diffIds the layers from the bottom, at least one
 */
export function chainIdOf(diffIds: readonly Digest[]): Digest {
  const [bottom, ...rest] = diffIds;
  if (bottom === undefined) throw new TsboxError("corrupt", "Cannot name a stack of no layers");
  const encoder = new TextEncoder();
  return rest.reduce((chain, diffId) => digestOf(encoder.encode(`${chain} ${diffId}`)), bottom);
}
