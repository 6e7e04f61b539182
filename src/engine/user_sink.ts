/** The user's standard output and error, as places to deliver to. */
import { fstatSync } from "node:fs";
import type { Sink } from "./deliver.ts";

/** Bytes of one write to a file. */
const FILE_PIECE = 1 << 20;

export function userSink(fd: 1 | 2): Sink {
  return { fd, open: true, ...(fstatSync(fd).isFile() ? { piece: FILE_PIECE } : {}) };
}
