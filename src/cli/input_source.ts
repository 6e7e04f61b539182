/** Where a command that reads an archive gets it: a file, or standard input. */
import { type ArchiveInput, descriptorInput, withFileInput } from "../engine/archive/input.ts";
import type { CliIo } from "./io.ts";

/** Has `action` read `file`, or standard input when it is undefined. */
export async function fromInput<T>(
  io: CliIo,
  file: string | undefined,
  action: (input: ArchiveInput) => Promise<T>,
): Promise<T> {
  if (file === undefined) return await action(descriptorInput(0, "standard input"));
  return await withFileInput(file, io.cwd, action);
}
