/** The keys that detach a terminal from its container: docker's `--detach-keys`. */
import { TsboxError } from "../errors.ts";

/** Docker's default: ctrl-p, ctrl-q. */
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** What `ctrl-` may stand in front of beside letters, with the byte it makes. */
const CONTROLS: Readonly<Record<string, number>> = {
  "@": 0,
  "[": 27,
  "\\": 28,
  "]": 29,
  "^": 30,
  "_": 31,
};

/**
 * The bytes of a comma separated list of keys: letters, or `ctrl-` and one of `a-z@^[,_\]`.
 * @throws TsboxError "invalid-argument" in docker's words
 */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from(
    text.split(",").map((key) => {
      const byte = keyByte(key);
      if (byte !== undefined) return byte;
      throw new TsboxError(
        "invalid-argument",
        `invalid detach keys provided: Unknown character: '${key}'`,
      );
    }),
  );
}

function keyByte(key: string): number | undefined {
  if (key.length === 1) return key.charCodeAt(0) < 128 ? key.charCodeAt(0) : undefined;
  if (!key.startsWith("ctrl-")) return undefined;
  const letter = key.slice(5);
  if (/^[a-z]$/.test(letter)) return letter.charCodeAt(0) - 96;
  return CONTROLS[letter];
}

/** Finds the sequence in typed bytes, also across pieces. */
export class DetachWatch {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What to pass on of the next bytes (earlier ones that were held back first), and whether the sequence is complete. */
  take(bytes: Uint8Array): { pass: Uint8Array; detached: boolean } {
    const pass: number[] = [];
    for (const byte of bytes) {
      if (byte !== this.#keys[this.#matched]) {
        pass.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
        if (byte !== this.#keys[0]) {
          pass.push(byte);
          continue;
        }
      }
      if (++this.#matched === this.#keys.length) {
        return { pass: Uint8Array.from(pass), detached: true };
      }
    }
    return { pass: Uint8Array.from(pass), detached: false };
  }
}
