/** An archive of files as a plain file of ours: whatever it was compressed by, the same layer comes of it. */
import { TsboxError } from "../../errors.ts";
import { O } from "../../ffi/constants.ts";
import { writeAll } from "../../ffi/file_content.ts";
import { closeFile, openFile } from "../../ffi/quick_files.ts";
import { DigestHasher } from "../../oci/digest.ts";
import { decompressor } from "../../storage/decompress.ts";
import type { ArchiveInput } from "./input.ts";
import type { SpooledFile } from "./spool.ts";

/**
 * Writes what is in `input`, decompressed, to a new file.
 * @param maxBytes of the file
 * @throws TsboxError "corrupt", "limit-exceeded", "unsupported", "no-space", and as the input
 */
export async function copyPlain(
  input: ArchiveInput,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<SpooledFile> {
  const fd = openFile(path, O.WRONLY | O.CREAT | O.EXCL, 0o600);
  const hasher = new DigestHasher();
  let size = 0;
  try {
    const stream = decompressor((bytes) => {
      size += bytes.length;
      if (size > maxBytes) throw tooLarge(input.name, maxBytes);
      hasher.update(bytes);
      writeAll(fd, bytes, "keep the archive");
    });
    for await (const piece of input.pieces(signal, () => stream.settle())) {
      await stream.write(piece);
    }
    await stream.end();
  } finally {
    closeFile(fd);
  }
  if (size > 0) return { path, size, digest: hasher.digest() };
  throw new TsboxError("corrupt", `Cannot import ${input.name}: it is empty`);
}

function tooLarge(name: string, maxBytes: number): TsboxError {
  return new TsboxError(
    "limit-exceeded",
    `Cannot import ${name}: it decompresses to more than ${maxBytes} bytes`,
    { hint: "raise TSBOX_MAX_LAYER_BYTES if you trust the archive" },
  );
}
