import type { CliIo } from "../io.ts";
import { printable } from "./printable.ts";

/** Prints what `--format` made: byte for byte into files and pipes, without control characters on a terminal. */
export function printFormatted(io: Pick<CliIo, "out" | "isTty">, text: string): void {
  io.out(io.isTty(1) ? printable(text) : text);
}
