import { expect, test } from "bun:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { decompressor } from "./decompress.ts";
import { TsboxError } from "../errors.ts";

/** Bytes of output after which garbage is collected where memory is measured. */
const COLLECT = 16 * 1024 * 1024;

/** Decompresses `bytes` given in pieces of `step`. */
async function expand(bytes: Uint8Array, step = bytes.length): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const stream = decompressor((piece) => pieces.push(Buffer.from(piece)));
  for (let at = 0; at < bytes.length; at += step) await stream.write(bytes.subarray(at, at + step));
  await stream.end();
  return Buffer.concat(pieces);
}

const outcome = (bytes: Uint8Array, step?: number): Promise<string> =>
  expand(bytes, step).then((out) => `${out.length} bytes`, (error) => error.code);

const FIRST = Buffer.from("hello ".repeat(200_000));
const SECOND = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 7) % 251));
const BOTH = Buffer.concat([FIRST, SECOND]);
const formats = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  zstd: (bytes: Uint8Array) => Bun.zstdCompressSync(bytes),
};

test("plain bytes pass through", async () => {
  expect(await expand(FIRST, 100_000)).toEqual(FIRST);
  for (const short of ["", "a", "abc", "abcd"]) {
    expect(String(await expand(Buffer.from(short), 1))).toBe(short);
  }
});

for (const [name, compress] of Object.entries(formats)) {
  const whole = compress(BOTH);
  const two = Buffer.concat([compress(FIRST), compress(SECOND)]);

  test(`${name} is decompressed whatever the pieces`, async () => {
    expect(await expand(whole)).toEqual(BOTH);
    expect(await expand(whole, 1000)).toEqual(BOTH);
    const small = compress(Buffer.from("small"));
    expect(String(await expand(small, 1))).toBe("small");
  });

  test(`concatenated ${name} is one stream`, async () => {
    expect(await expand(two)).toEqual(BOTH);
    expect(await expand(two, 777)).toEqual(BOTH);
  });

  test(`${name} that is cut is corrupt, wherever it is cut`, async () => {
    const first = compress(FIRST).length;
    for (const length of [5, 20, first - 1, first + 5, two.length - 9, two.length - 1]) {
      expect(await outcome(two.subarray(0, length))).toBe("corrupt");
      expect(await outcome(two.subarray(0, length), 1000)).toBe("corrupt");
    }
  });

  test(`${name} followed by something else is corrupt`, async () => {
    const more = Buffer.concat([whole, Buffer.from("something else")]);
    expect(await outcome(more)).toBe("corrupt");
    expect(await outcome(more, 999)).toBe("corrupt");
  });

  test(`${name} with a changed byte is corrupt`, async () => {
    const checked = name === "gzip" ? whole : zstdWithChecksum(BOTH);
    const damaged = Buffer.from(checked);
    damaged[checked.length - 2] = (damaged[checked.length - 2] ?? 0) ^ 1;
    expect(await outcome(checked)).toBe(`${BOTH.length} bytes`);
    expect(await outcome(damaged)).toBe("corrupt");
  });

  test(`what was written of ${name} was put out when it settled`, async () => {
    let total = 0;
    const stream = decompressor((piece) => total += piece.length);
    const flushed = name === "gzip" ? gzipFlushed(FIRST) : compress(FIRST);
    await stream.write(flushed);
    await stream.settle();
    expect(total).toBe(FIRST.length);
  });

  test(`an output that throws ends ${name} with what it threw`, async () => {
    const stop = new TsboxError("limit-exceeded", "enough");
    const stream = decompressor(() => {
      throw stop;
    });
    const writing = async () => {
      await stream.write(whole);
      await stream.end();
    };
    expect(await writing().then(() => undefined, (error) => error)).toBe(stop);
  });

  test(`a ${name} bomb is given out piece by piece`, async () => {
    const bomb = compress(Buffer.alloc(256 * 1024 * 1024));
    let largest = 0;
    let total = 0;
    const before = process.memoryUsage().rss;
    const stream = decompressor((piece) => {
      largest = Math.max(largest, piece.length);
      // On a busy machine the collector comes late: what is held is meant, not what is garbage.
      if (Math.floor(total / COLLECT) < Math.floor((total += piece.length) / COLLECT)) Bun.gc(true);
    });
    await stream.write(bomb);
    await stream.end();
    expect(total).toBe(256 * 1024 * 1024);
    expect(largest).toBeLessThanOrEqual(256 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });
}

test("zstd frames that are to be skipped are", async () => {
  const skip = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  const parts = [skip, formats.zstd(FIRST), skip, formats.zstd(SECOND), skip];
  expect(await expand(Buffer.concat(parts), 1001)).toEqual(BOTH);
});

/** All of the data, but not the end of the stream. */
function gzipFlushed(bytes: Uint8Array): Buffer {
  return gzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
}

function zstdWithChecksum(bytes: Uint8Array): Buffer {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}
