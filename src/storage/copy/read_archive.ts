/** Reads an archive of `cp` and says what is wrong with it in its words. */
import { TsboxError } from "../../errors.ts";
import type { TarSink } from "../tar/entry.ts";
import { TarReader } from "../tar/reader.ts";

/** A reader of tar archives whose errors speak of an archive, not of a layer. */
export class CopyReader {
  readonly #reader: TarReader;

  constructor(sink: TarSink) {
    this.#reader = new TarReader(sink);
  }

  /** As TarReader. */
  write(bytes: Uint8Array): void {
    inOwnWords(() => this.#reader.write(bytes));
  }

  /** As TarReader. */
  end(): void {
    inOwnWords(() => this.#reader.end());
  }
}

function inOwnWords(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof TsboxError) || !error.message.startsWith(LAYER)) throw error;
    const message = `Cannot read the archive${error.message.slice(LAYER.length)}`;
    throw new TsboxError(error.code, message, { cause: error });
  }
}

const LAYER = "Cannot unpack the layer";
