/** Runs a classic BPF program as the kernel's seccomp does, for tests: what would a filter say? */

/** The fields of struct seccomp_data that filters look at. */
export interface SeccompData {
  nr: number;
  arch: number;
  args?: readonly bigint[];
}

function bytesOf({ nr, arch, args = [] }: SeccompData): DataView {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint32(0, nr, true);
  view.setUint32(4, arch, true);
  args.forEach((arg, i) => view.setBigUint64(16 + i * 8, arg, true));
  return view;
}

/** The value the filter returns; throws where the kernel would refuse to load it. */
export function runFilter(filter: Uint8Array, input: SeccompData): number {
  const code = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const data = bytesOf(input);
  let accumulator = 0;
  for (let at = 0;; at += 8) {
    if (at + 8 > filter.length) throw new Error(`the filter runs past its end, at ${at / 8}`);
    const [op, yes, no] = [code.getUint16(at, true), code.getUint8(at + 2), code.getUint8(at + 3)];
    const k = code.getUint32(at + 4, true);
    if (op === 0x06) return k;
    if (op === 0x20) {
      if (k % 4 !== 0 || k >= 64) throw new Error(`the filter loads from ${k}`);
      accumulator = data.getUint32(k, true);
    } else if (op === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (op === 0x05) at += k * 8;
    else if (op === 0x15) at += (accumulator === k ? yes : no) * 8;
    else if (op === 0x25) at += (accumulator > k ? yes : no) * 8;
    else if (op === 0x35) at += (accumulator >= k ? yes : no) * 8;
    else if (op === 0x45) at += ((accumulator & k) !== 0 ? yes : no) * 8;
    else if (op === 0x1d) throw new Error("a comparison with X");
    else throw new Error(`unknown instruction 0x${op.toString(16)}`);
  }
}
