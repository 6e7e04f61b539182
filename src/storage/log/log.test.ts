/** Logs in files: what is written is what is read, over rotations, crashes and compression. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compressLogFiles } from "./compress_log.ts";
import { JsonEncoder, jsonFormat } from "./json_format.ts";
import { LineAssembler } from "./lines.ts";
import { LocalEncoder, localFormat } from "./local_format.ts";
import { listLogFiles } from "./log_files.ts";
import type { LogFormat } from "./piece.ts";
import { readLog } from "./read_log.ts";
import { RotatingLog, type RotatingLogOptions } from "./rotating_log.ts";
import { tailOf } from "./tail_log.ts";
import { nanoTime, readNanoTime } from "./time.ts";

let directory = "";
beforeEach(() => directory = join(mkdtempSync(join(tmpdir(), "tsbox-log-")), "log"));
afterEach(() => rmSync(join(directory, ".."), { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const TIME = 1_700_000_000_123_456_789n;
const forever = { maxSize: Infinity, maxFile: 1, compress: false };

/** Writes pieces, `2:` in front of those of stderr. */
class Writer {
  readonly log: RotatingLog;
  readonly #encoder: LocalEncoder | JsonEncoder;

  constructor(format: LogFormat, options: Partial<RotatingLogOptions> = {}) {
    this.log = new RotatingLog({ ...forever, directory, format, ...options });
    this.#encoder = format === localFormat
      ? new LocalEncoder()
      : new JsonEncoder(options.maxSize ?? Infinity);
  }

  write(...pieces: string[]): this {
    for (const piece of pieces) {
      const isError = piece.startsWith("2:");
      const stream = isError ? "stderr" : "stdout";
      const text = bytes(isError ? piece.slice(2) : piece);
      for (const entry of this.#encoder.encode(stream, text, TIME)) {
        expect(this.log.append(entry)).toBe(0);
      }
    }
    return this;
  }
}

async function read(format: LogFormat, start = { number: 0, offset: 0 }): Promise<string> {
  let text = "";
  for await (
    const pieces of readLog({ directory, format, start, missed: (what) => text += `(${what})` })
  ) for (const piece of pieces) text += new TextDecoder().decode(piece.bytes);
  return text;
}

/** The last lines, as `logs -n` shows them. */
async function tail(format: LogFormat, count: number): Promise<string> {
  let { skip, ...start } = await tailOf(directory, format, count);
  const assembler = new LineAssembler();
  let text = "";
  const take = (line: { bytes: Uint8Array }) => {
    if (skip > 0) skip--;
    else text += new TextDecoder().decode(line.bytes);
  };
  for await (const pieces of readLog({ directory, format, start, missed: () => {} })) {
    for (const piece of pieces) format.wholeMessages ? take(piece) : assembler.push(piece, take);
  }
  assembler.flush(take);
  return text;
}

describe.each([["local", localFormat], ["json-file", jsonFormat]] as const)("%s", (_, format) => {
  test("gives back what was written, in order", async () => {
    new Writer(format).write("one\ntwo\n", "2:error\n", "thr", "ee\n").log.close();
    expect(await read(format)).toBe("one\ntwo\nerror\nthree\n");
  });

  test("keeps so many files of that size, and reads over their bounds", async () => {
    const writer = new Writer(format, { maxSize: 400, maxFile: 3 });
    for (let i = 0; i < 40; i++) writer.write(`line ${i}\n`);
    writer.log.close();
    expect(listLogFiles(directory, format.extension)).toHaveLength(3);
    const text = await read(format);
    expect(text).toEndWith("line 38\nline 39\n");
    expect(text.split("\n").length).toBeGreaterThan(8);
  });

  test("goes on after a killed writer without what it left half written", async () => {
    new Writer(format).write("first\n", "second\n").log.close();
    const path = join(directory, `1${format.extension}`);
    truncateSync(path, readFileSync(path).length - 3);
    expect(await read(format)).toBe("first\n");
    new Writer(format).write("third\n").log.close();
    expect(await read(format)).toBe("first\nthird\n");
  });

  test.each([0, 1, 2, 3, 7, 8, 100])("finds the last %p lines", async (count) => {
    const writer = new Writer(format, { maxSize: 70, maxFile: 9 });
    writer.write("a\nb\n", "c\n", "d\ne\nf\n", "g\n", "h\n").log.close();
    expect(listLogFiles(directory, format.extension).length).toBeGreaterThan(1);
    const lines = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const wanted = count === 0 ? "" : lines.slice(-count).map((line) => `${line}\n`).join("");
    expect(await tail(format, count)).toBe(wanted);
  });

  test("is read and searched when its old files are compressed", async () => {
    const writer = new Writer(format, { maxSize: 300, maxFile: 100 });
    const all = Array.from({ length: 50 }, (_, i) => `line ${i}\n`);
    writer.write(...all).log.close();
    await compressLogFiles(directory, format.extension, new AbortController().signal);
    expect(readdirSync(directory).filter((name) => name.endsWith(".gz")).length).toBeGreaterThan(3);
    expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(await read(format)).toBe(all.join(""));
    expect(await tail(format, 30)).toBe(all.slice(-30).join(""));
  });

  test("is followed over rotations, by whoever waits at its end", async () => {
    const writer = new Writer(format, { maxSize: 200, maxFile: 4 });
    let written = 0;
    let text = "";
    const more = () => {
      if (written === 60) return Promise.resolve(false);
      writer.write(`line ${written++}\n`);
      return Promise.resolve(true);
    };
    const start = { number: 0, offset: 0 };
    for await (const pieces of readLog({ directory, format, start, more, missed: () => {} })) {
      for (const piece of pieces) text += new TextDecoder().decode(piece.bytes);
    }
    writer.log.close();
    expect(text).toBe(Array.from({ length: 60 }, (_, i) => `line ${i}\n`).join(""));
  });

  test("says what a slow reader missed", async () => {
    const writer = new Writer(format, { maxSize: 100, maxFile: 2 });
    writer.write("first\n");
    let text = "";
    let missed = "";
    let calls = 0;
    const more = () => {
      if (calls++ === 0) { for (let i = 0; i < 20; i++) writer.write(`line ${i}\n`); }
      return Promise.resolve(calls < 3);
    };
    const reading = { directory, format, start: { number: 1, offset: 0 }, more };
    for await (const pieces of readLog({ ...reading, missed: (what) => missed = what })) {
      for (const piece of pieces) text += new TextDecoder().decode(piece.bytes);
    }
    writer.log.close();
    expect(missed).toContain("deleted before it was read");
    expect(text).toStartWith("first\n");
    expect(text).toEndWith("line 19\n");
  });
});

describe("local", () => {
  test("a line of one stream counts from its beginning, whatever the other wrote meanwhile", async () => {
    new Writer(localFormat).write("out begins", "2:e1\n2:", "2:e2\n", " out ends\n").log.close();
    expect(await tail(localFormat, 1)).toBe("out begins out ends\n");
    expect(await tail(localFormat, 2)).toContain("e2\n");
  });

  test("a rest without a newline is a line", async () => {
    new Writer(localFormat).write("one\ntwo\nrest").log.close();
    expect(await tail(localFormat, 2)).toBe("two\nrest");
  });

  test("damage is said, and what is behind it in other files is read", async () => {
    const writer = new Writer(localFormat, { maxSize: 60, maxFile: 9 });
    writer.write("one\n", "two\n", "three\n").log.close();
    appendFileSync(join(directory, "1.log"), "damaged by somebody ............");
    expect(await read(localFormat)).toBe("one\ntwo\n(a part of the log is damaged)three\n");
  });
});

describe("json-file", () => {
  test("is docker's, line for line", () => {
    const encoder = new JsonEncoder(Infinity);
    encoder.attributes = { tag: "a<b" };
    const entries = encoder.encode("stderr", bytes("<&>\n\u2028 \x01\nrest"), TIME);
    expect(Buffer.concat(entries).toString()).toBe(
      '{"log":"\\u003c\\u0026\\u003e\\n","stream":"stderr","attrs":{"tag":"a\\u003cb"},' +
        '"time":"2023-11-14T22:13:20.123456789Z"}\n' +
        '{"log":"\\u2028 \\u0001\\n","stream":"stderr","attrs":{"tag":"a\\u003cb"},' +
        '"time":"2023-11-14T22:13:20.123456789Z"}\n',
    );
    expect(Buffer.from(encoder.end(TIME)).toString()).toStartWith('{"log":"rest","stream"');
  });

  test("is the same whether lines come one by one or thousands at once", () => {
    const odd = [
      "\\",
      "n",
      "\\n",
      '","',
      '"',
      "<",
      "&",
      "\u2028",
      "\r",
      "é",
      "😀",
      "\ufeff",
      "$&",
      "",
      " x",
    ];
    const random = (() => {
      let state = 42;
      return (below: number) => (state = (state * 1103515245 + 12345) % 2 ** 31) % below;
    })();
    for (let round = 0; round < 100; round++) {
      const lines = Array.from({ length: random(40) }, () => {
        const words = Array.from({ length: random(6) }, () => odd[random(odd.length)]).join("");
        const line = Buffer.from(random(200) === 0 ? words + "z".repeat(20_000) : `${words}\n`);
        // Sometimes a sign that is none, or the one that the encoder uses itself.
        if (random(15) === 0 && line.length > 3) {
          line[random(line.length - 1)] = [0xff, 1, 0xe2][random(3)]!;
        }
        return line;
      });
      const [each, all] = [new JsonEncoder(Infinity), new JsonEncoder(Infinity)];
      each.attributes = all.attributes = { tag: "$&$1" };
      const apart = lines.flatMap((line) => each.encode("stdout", line, TIME));
      const together = all.encode("stdout", Buffer.concat(lines), TIME);
      const text = (entries: Uint8Array[], encoder: JsonEncoder) =>
        Buffer.concat([...entries, encoder.end(TIME)]).toString();
      expect(text(together, all)).toBe(text(apart, each));
    }
  });

  test("cuts long lines at 16 KiB, between characters", () => {
    const text = `${"x".repeat(16383)}é${"y".repeat(20000)}\n`;
    const entry = Buffer.concat(new JsonEncoder(Infinity).encode("stdout", bytes(text), TIME));
    const logs = entry.toString().trim().split("\n").map((line) => JSON.parse(line).log);
    expect(logs.map((log: string) => log.length)).toEqual([16383, 16384 - 1, 20000 - 16382 + 1]);
    expect(logs.join("")).toBe(text);
  });

  test("a link beside it leads to the newest file", () => {
    const link = join(directory, "../x-json.log");
    const writer = new Writer(jsonFormat, { maxSize: 100, maxFile: 2, link });
    writer.write("first\n", "second\n").log.close();
    expect(readFileSync(link, "utf8")).toContain("second");
  });

  test("lines that are no messages are passed over", async () => {
    new Writer(jsonFormat).write("one\n").log.close();
    appendFileSync(join(directory, "1.json"), 'nonsense\n5\n{"log":"two\\n"}\n');
    expect(await read(jsonFormat)).toBe("one\ntwo\n");
  });
});

test("what has no space is left out as a whole", () => {
  const fd = new Writer(localFormat).write("kept\n").log;
  fd.close();
  // A closed file refuses every byte, as a full disk does.
  expect(fd.append(bytes("lost"))).not.toBe(0);
  expect(readFileSync(join(directory, "1.log")).length).toBe(25);
});

test("times have nanoseconds, as Go prints and reads them", () => {
  expect(nanoTime(1_500_000_000n, "short")).toBe("1970-01-01T00:00:01.5Z");
  expect(nanoTime(1_000_000_000n, "short")).toBe("1970-01-01T00:00:01Z");
  expect(nanoTime(1_000_000_001n, "fixed")).toBe("1970-01-01T00:00:01.000000001Z");
  expect(readNanoTime("1970-01-01T01:00:01.000000001+01:00")).toBe(1_000_000_001n);
  expect(readNanoTime("yesterday")).toBeUndefined();
});
