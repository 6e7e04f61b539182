/**
 * An archive that was taken apart into files of ours: a pipe cannot be read twice, and what says which member is
 * what may come last.
 *
 * Members never become files of their own names: each is a numbered file, and links are followed in a table.
 */
import { readFileSync } from "node:fs";
import { TsboxError } from "../../errors.ts";
import { O } from "../../ffi/constants.ts";
import { writeAll } from "../../ffi/file_content.ts";
import type { ByteString } from "../../ffi/files.ts";
import { closeFile, openFile } from "../../ffi/quick_files.ts";
import { type Digest, DigestHasher } from "../../oci/digest.ts";
import { corruptArchive, shown, type TarEntry, type TarSink } from "../../storage/tar/entry.ts";
import { pathOf, placeOf } from "../../storage/unpack/names.ts";

/** A member's content. */
export interface SpooledFile {
  /** Absolute. */
  path: string;
  /** Bytes. */
  size: number;
  /** Computed while it was written. */
  digest: Digest;
}

type Member = { kind: "file"; file: SpooledFile } | { kind: "link"; target: ByteString };

/** Members an archive of images may have: of the oldest format each layer has three. */
const MAX_MEMBERS = 20_000;
/** Bytes of a member's name: a digest and a few folders are much shorter. */
const MAX_NAME = 1024;
/** Links that lead to links. */
const MAX_HOPS = 8;

/** Receives the archive, then answers what is in it. */
export class ArchiveSpool implements TarSink {
  readonly #folder: string;
  readonly #members = new Map<ByteString, Member>();
  #count = 0;
  #current:
    | { name: ByteString; path: string; fd: number; size: number; hasher: DigestHasher }
    | undefined;

  /** @param folder absolute path of an empty directory */
  constructor(folder: string) {
    this.#folder = folder;
  }

  entry(entry: TarEntry): void {
    if (++this.#count > MAX_MEMBERS) {
      throw corruptArchive(`it has more than ${MAX_MEMBERS} members`);
    }
    if (Math.max(entry.name.length, entry.link.length) > MAX_NAME) {
      throw corruptArchive(`the name ${shown(entry.name)} is too long`);
    }
    const name = pathOf(placeOf(entry.name));
    if (entry.kind === "symlink") this.#add(name, linkMember(name, entry.link));
    else if (entry.kind === "hardlink") this.#add(name, linkMember("", entry.link));
    else if (entry.kind === "file") this.#begin(name, entry);
    else if (entry.kind !== "directory") throw corruptArchive(`${shown(name)} is no file`);
  }

  #begin(name: ByteString, { sparse }: TarEntry): void {
    if (sparse !== undefined) throw corruptArchive(`${shown(name)} is a sparse file`);
    const path = `${this.#folder}/${this.#count}`;
    const fd = openFile(path, O.WRONLY | O.CREAT | O.EXCL, 0o600);
    const hasher = new DigestHasher(name.startsWith("blobs/sha512/") ? "sha512" : "sha256");
    this.#current = { name, path, fd, size: 0, hasher };
  }

  data(bytes: Uint8Array): void {
    const current = this.#current;
    if (current === undefined) return;
    writeAll(current.fd, bytes, "keep a part of the archive");
    current.hasher.update(bytes);
    current.size += bytes.length;
  }

  endFile(): void {
    const current = this.#current;
    if (current === undefined) return;
    const { name, path, size, hasher } = current;
    this.close();
    this.#add(name, { kind: "file", file: { path, size, digest: hasher.digest() } });
  }

  /** Closes the file that is being written, if any. */
  close(): void {
    if (this.#current !== undefined) closeFile(this.#current.fd);
    this.#current = undefined;
  }

  /** What one reader takes for the first and another for the last of a name could be two things. */
  #add(name: ByteString, member: Member): void {
    const known = this.#members.get(name);
    if (known !== undefined && !isSame(known, member)) {
      throw corruptArchive(`it has two different members ${shown(name)}`);
    }
    if (known === undefined) this.#members.set(name, member);
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** The file that a name leads to, by links that do not leave the archive. */
  find(name: ByteString): SpooledFile | undefined {
    let at = name;
    for (let hops = 0; hops <= MAX_HOPS; hops++) {
      const member = this.#members.get(at);
      if (member === undefined) return undefined;
      if (member.kind === "file") return member.file;
      at = member.target;
    }
    throw corruptArchive(`the link ${shown(name)} leads nowhere`);
  }

  /**
   * The content of a small file.
   * @param limit bytes @throws TsboxError "limit-exceeded"
   */
  document(name: ByteString, limit: number): Uint8Array | undefined {
    const file = this.find(name);
    return file && readSpooled(file, name, limit);
  }
}

/** @throws TsboxError "limit-exceeded" when it has more bytes than `limit` */
export function readSpooled({ path, size }: SpooledFile, name: string, limit: number): Uint8Array {
  if (size <= limit) return readFileSync(path);
  throw new TsboxError(
    "limit-exceeded",
    `Cannot load the archive: ${shown(name)} has ${size} bytes, more than ${limit}`,
  );
}

/** @param from the symbolic link's own name; empty for a hard link, whose target counts from the top */
function linkMember(from: ByteString, target: ByteString): Member {
  if (from !== "" && target.startsWith("/")) {
    throw corruptArchive(`the link ${shown(from)} leads out of it`);
  }
  const folder = from.slice(0, from.lastIndexOf("/") + 1);
  return { kind: "link", target: pathOf(placeOf(`${folder}${target}`)) };
}

function isSame(a: Member, b: Member): boolean {
  if (a.kind === "file") return b.kind === "file" && a.file.digest === b.file.digest;
  return b.kind === "link" && a.target === b.target;
}
