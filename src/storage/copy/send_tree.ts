/** Writes what was located to an archive: the sending side of `cp`, on the host and in a container. */
import type { ByteString } from "../../ffi/files.ts";
import { TsboxError } from "../../errors.ts";
import { TreeArchiver } from "../export_tree.ts";
import { ArchiveClosed, ArchiveFile } from "../tar/archive_file.ts";
import { ARCHIVE_END } from "../tar/writer.ts";
import type { Located } from "./located.ts";

/** Docker copies file capabilities and no other attributes. */
const CAPABILITY = "security.capability";

/** What was copied. */
export interface CopySummary {
  entries: number;
  /** Nodes and sockets, which are left out. */
  left: number;
  /** Nobody read the archive to its end. */
  closed: boolean;
}

/** How it is to be called. */
export interface SentName {
  /** In the archive. */
  as: ByteString;
  /** In messages. */
  what: string;
}

/**
 * Writes an archive of it to `output`.
 * @throws SyscallError, TsboxError "unsupported" when all there is has no place in an archive of ours
 */
export function sendTree(
  { parent, leaf }: Located,
  { as, what }: SentName,
  output: number,
): CopySummary & { bytes: number } {
  const out = new ArchiveFile(output);
  const wanted = (name: ByteString) => name === CAPABILITY;
  const archiver = new TreeArchiver(out, { fuse: false, wanted, wholeSeconds: true });
  const summary = () => ({ ...archiver.summary, bytes: out.bytes });
  try {
    archiver.one(parent, leaf, as);
    if (archiver.summary.left > 0 && archiver.summary.entries === 0) {
      const message = `Cannot copy "${what}": it is a device or a socket`;
      throw new TsboxError("unsupported", message);
    }
    out.write(ARCHIVE_END);
    out.flush();
    return { ...summary(), closed: false };
  } catch (error) {
    if (error instanceof ArchiveClosed) return { ...summary(), closed: true };
    throw error;
  }
}
