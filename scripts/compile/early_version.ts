/**
 * The code that starts `--version` without a compiler, as bytes, assembled from early_version_x64.s;
 * early_version.test.ts assembles the source and compares. Other processors do without.
 */

const X64 =
  "48833f027546488b47106681382d767506807802007417488d0d2f0000008a113a10752848ffc148ffc084d275f04989" +
  "f0488d3d1f000000488d352700000031d24883ec0841ffd04883c408c32d2d76657273696f6e0042554e5f4a53435f75" +
  "73654a4954003000";

/** Position-independent machine code of `void begin(long *start, int (*setenv)(...), int (*fork)(void))` for x86-64. */
export function earlyVersionCode(): Uint8Array {
  return Uint8Array.fromHex(X64);
}
