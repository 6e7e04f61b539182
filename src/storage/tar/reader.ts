/**
 * A streaming reader of tar archives: ustar, pax with global headers, GNU long names, sparse files.
 *
 * Bytes are pushed in as they come, in pieces of any size; what they hold goes to a {@link TarSink}.
 * Memory is bounded whatever the archive says: only headers and extensions are kept.
 */
import {
  corruptArchive,
  oversizedArchive,
  type SparseRegion,
  type TarEntry,
  type TarSink,
} from "./entry.ts";
import { BLOCK, type Header, isZeroBlock, numberField, readHeader } from "./header.ts";
import { makeMember, type Member, withRegions } from "./member.ts";
import { MAX_EXTENSION, type PaxRecord, PaxValues, readPaxRecords } from "./pax.ts";
import { DataMapReader, OLD_EXTENSION, OLD_HEADER, oldRegions, tooManyRegions } from "./sparse.ts";

/** What the next bytes are. */
type State =
  | { at: "header" }
  | { at: "extension"; type: string; body: Buffer; filled: number }
  | { at: "old map"; entry: TarEntry; regions: SparseRegion[] }
  | { at: "data map"; entry: TarEntry; reader: DataMapReader; used: number }
  | { at: "data"; left: number }
  | { at: "end" };

export class TarReader {
  readonly #sink: TarSink;
  readonly #block = Buffer.allocUnsafeSlow(BLOCK);
  #filled = 0;
  #state: State = { at: "header" };
  /** Bytes up to the next block boundary, after data. */
  #padding = 0;
  #globals: PaxRecord[] = [];
  #records: PaxRecord[] = [];
  #long: { longName?: string; longLink?: string } = {};
  #zeroBlocks = 0;
  /** Regions of the entry whose data come, and how much of the first of them is done. */
  #regions: SparseRegion[] = [];
  #region = 0;
  #regionDone = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes. @throws TsboxError "corrupt", "limit-exceeded", "unsupported", or the sink's own */
  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && this.#state.at !== "end";) {
      const rest = chunk.subarray(at);
      if (this.#state.at === "data") at += this.#takeData(rest, this.#state);
      else if (this.#padding > 0) at += this.#skip(rest);
      else if (this.#state.at === "extension") at += this.#takeExtension(rest, this.#state);
      else at += this.#takeBlock(rest);
    }
  }

  /** Says that there are no more bytes. @throws TsboxError "corrupt" when the archive is cut */
  end(): void {
    const { at } = this.#state;
    // GNU tar and Go accept archives without the two zero blocks; a whole block must have been read.
    const whole = at === "end" ||
      (at === "header" && this.#filled === 0 && this.#padding === 0 && !this.#hasExtensions());
    if (!whole) throw corruptArchive("the archive ends in the middle of an entry");
  }

  #hasExtensions(): boolean {
    return this.#records.length > 0 || Object.keys(this.#long).length > 0;
  }

  #skip(rest: Uint8Array): number {
    const count = Math.min(rest.length, this.#padding);
    this.#padding -= count;
    return count;
  }

  #takeBlock(rest: Uint8Array): number {
    const count = Math.min(BLOCK - this.#filled, rest.length);
    this.#block.set(rest.subarray(0, count), this.#filled);
    this.#filled += count;
    if (this.#filled === BLOCK) {
      this.#filled = 0;
      this.#wholeBlock(this.#block);
    }
    return count;
  }

  #wholeBlock(block: Buffer): void {
    const state = this.#state;
    if (state.at === "header") this.#header(block);
    else if (state.at === "old map") this.#oldMap(block, state.entry, state.regions);
    else if (state.at === "data map") this.#dataMap(block, state.entry, state.reader, state.used);
  }

  #header(block: Buffer): void {
    if (isZeroBlock(block)) {
      if (++this.#zeroBlocks === 2) this.#state = { at: "end" };
      return;
    }
    this.#zeroBlocks = 0;
    const header = readHeader(block);
    if ("xgXLK".includes(header.type)) return this.#beginExtension(header);
    if (header.type === "V") return this.#beginData(header.size); // a volume's label
    const member = makeMember(header, {
      pax: new PaxValues([...this.#globals, ...this.#records]),
      ...this.#long,
    });
    this.#records = [];
    this.#long = {};
    this.#beginMember(block, header, member);
  }

  #beginExtension({ type, size }: Header): void {
    if (size < 0) throw corruptArchive("the size of an extended header is negative");
    if (size > MAX_EXTENSION) {
      throw oversizedArchive(`an extended header is larger than ${MAX_EXTENSION} bytes`);
    }
    this.#state = { at: "extension", type, body: Buffer.alloc(size), filled: 0 };
    if (size === 0) this.#endExtension(type, Buffer.alloc(0));
  }

  #takeExtension(rest: Uint8Array, state: State & { at: "extension" }): number {
    const count = Math.min(rest.length, state.body.length - state.filled);
    state.body.set(rest.subarray(0, count), state.filled);
    state.filled += count;
    if (state.filled === state.body.length) this.#endExtension(state.type, state.body);
    return count;
  }

  #endExtension(type: string, body: Buffer): void {
    this.#state = { at: "header" };
    this.#padding = paddingOf(body.length);
    if (type === "L") this.#long.longName = untilNul(body);
    else if (type === "K") this.#long.longLink = untilNul(body);
    else if (type === "g") this.#globals = mergeGlobals(this.#globals, readPaxRecords(body));
    else this.#records = readPaxRecords(body);
  }

  #beginMember(block: Buffer, header: Header, { entry, mapInData }: Member): void {
    if (mapInData) {
      this.#state = { at: "data map", entry, reader: new DataMapReader(), used: 0 };
    } else if (header.type === "S") {
      const size = numberField(block, OLD_HEADER.size, 12);
      const regions = oldRegions(block, OLD_HEADER.at, OLD_HEADER.count);
      this.#oldMapRead({ ...entry, size }, regions, block[OLD_HEADER.more] !== 0);
    } else {
      this.#beginEntry(entry);
    }
  }

  #oldMap(block: Buffer, entry: TarEntry, regions: SparseRegion[]): void {
    if (regions.length > MAX_EXTENSION / 24) throw tooManyRegions();
    regions.push(...oldRegions(block, OLD_EXTENSION.at, OLD_EXTENSION.count));
    this.#oldMapRead(entry, regions, block[OLD_EXTENSION.more] !== 0);
  }

  #oldMapRead(entry: TarEntry, regions: SparseRegion[], more: boolean): void {
    if (more) this.#state = { at: "old map", entry, regions };
    else this.#beginEntry(withRegions(entry, regions));
  }

  #dataMap(block: Buffer, entry: TarEntry, reader: DataMapReader, used: number): void {
    const regions = reader.add(block);
    const size = used + BLOCK;
    if (size > entry.stored) throw corruptArchive("a sparse file's map is longer than its data");
    if (regions === undefined) this.#state = { at: "data map", entry, reader, used: size };
    else this.#beginEntry(withRegions({ ...entry, stored: entry.stored - size }, regions));
  }

  #beginEntry(entry: TarEntry): void {
    this.#sink.entry(entry);
    this.#regions = entry.sparse ?? [{ offset: 0, length: entry.stored }];
    this.#region = 0;
    this.#regionDone = 0;
    this.#state = { at: "header" };
    if (entry.kind !== "file") return;
    if (entry.stored === 0) this.#sink.endFile();
    else this.#beginData(entry.stored, true);
  }

  #beginData(size: number, wanted = false): void {
    if (size < 0) throw corruptArchive("the size of an entry is negative");
    if (!wanted) this.#regions = [];
    this.#padding = paddingOf(size);
    if (size > 0) this.#state = { at: "data", left: size };
  }

  #takeData(rest: Uint8Array, state: State & { at: "data" }): number {
    const region = this.#regions[this.#region];
    const room = region === undefined ? state.left : region.length - this.#regionDone;
    const count = Math.min(rest.length, state.left, room);
    if (region !== undefined) {
      if (count > 0) this.#sink.data(rest.subarray(0, count), region.offset + this.#regionDone);
      this.#regionDone += count;
      if (this.#regionDone === region.length) this.#nextRegion();
    }
    state.left -= count;
    if (state.left === 0) this.#endData();
    return count;
  }

  #nextRegion(): void {
    this.#region++;
    this.#regionDone = 0;
  }

  #endData(): void {
    this.#state = { at: "header" };
    if (this.#regions.length > 0) this.#sink.endFile();
  }
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0);
  return body.toString("latin1", 0, end < 0 ? body.length : end);
}

/**
 * Global records stay in force to the end of the archive and are looked through for every entry: of an
 * untrusted archive only those are kept that mean something for all entries, one of each.
 */
const GLOBAL_KEYS = new Set(["path", "linkpath", "size", "uid", "gid", "mtime"]);

function mergeGlobals(old: readonly PaxRecord[], added: readonly PaxRecord[]): PaxRecord[] {
  const wanted = added.filter(({ key }) => GLOBAL_KEYS.has(key));
  return [...new Map([...old, ...wanted].map((record) => [record.key, record])).values()];
}
