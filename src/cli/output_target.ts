/** Where a command that makes an archive writes it: `-o FILE`, or standard output unless that is a terminal. */
import { type ArchiveOutput, descriptorOutput, writeFileWhole } from "../engine/archive/output.ts";
import { UsageError } from "./usage_error.ts";
import type { CliIo } from "./io.ts";
import { OutputClosed } from "./writer.ts";

/** Has `action` write to `file`, which appears when it is whole, or to standard output. */
export async function toOutput<T>(
  io: CliIo,
  file: string | undefined,
  action: (output: ArchiveOutput) => Promise<T>,
): Promise<T> {
  if (file !== undefined && file !== "") return await writeFileWhole(file, io.cwd, action);
  if (io.isTty(1)) {
    const message = "cowardly refusing to save to a terminal. Use the -o flag or redirect";
    throw new UsageError(`tsbox: ${message}`, 1);
  }
  return await action(descriptorOutput(1, () => new OutputClosed("standard output is closed")));
}
