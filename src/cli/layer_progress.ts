/** One line that says what happens to the layers of an image, and afterwards what could not be kept of them. */
import { type LayerState } from "../engine/pull_events.ts";
import { humanSize } from "../engine/units.ts";
import type { CliIo } from "./io.ts";

/** A line is not written over more often than this, in milliseconds: the eye does not follow. */
const REPAINT = 50;

export class LayerProgress {
  readonly #io: Pick<CliIo, "err" | "columns">;
  readonly #shown: boolean;
  #painted = -Infinity;
  #devices = 0;
  #ownersLost = false;

  /** @param shown there is a terminal for the line, on standard error */
  constructor(io: Pick<CliIo, "err" | "columns">, shown: boolean) {
    this.#io = io;
    this.#shown = shown;
  }

  show(digest: string, state: LayerState): void {
    if (state.state === "complete") {
      this.#devices += state.skippedDevices;
      this.#ownersLost ||= state.ownersLost;
    }
    const now = performance.now();
    if (!this.#shown || state.state !== "extracting" || now - this.#painted < REPAINT) return;
    this.#painted = now;
    const sizes = `${humanSize(state.current, 4)}/${humanSize(state.total, 4)}`;
    const line = `${digest.replace(/^[^:]*:/, "").slice(0, 12)}: Loading layer ${sizes}`;
    this.#io.err(`\r\x1b[2K${line.slice(0, Math.max(this.#io.columns() - 1, 1))}`);
  }

  /** Takes the line away; returns warnings, a line each. */
  end(): string {
    if (this.#painted > -Infinity) this.#io.err("\r\x1b[2K");
    const devices = this.#devices === 0
      ? ""
      : `Warning: ${this.#devices} device nodes were left out: making them takes privileges\n`;
    const owners = this.#ownersLost
      ? "Warning: the owners of files are lost: only one user id is available\n"
      : "";
    return devices + owners;
  }
}
