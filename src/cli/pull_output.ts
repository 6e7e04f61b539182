/** Shows a pull in docker's words: a line a layer that is kept up to date on a terminal, else plain lines. */
import { type LayerState, layerStatus, type PullEvent } from "../engine/pull_events.ts";
import { humanSize } from "../engine/units.ts";
import { parseReference } from "../oci/reference.ts";

/** Where a pull is shown. */
export interface PullScreen {
  write(text: string): void;
  /** Lines can be written over. */
  terminal: boolean;
  /** Width of the terminal in characters. */
  columns(): number;
}

/** What is not told for its own sake, but in passing. */
type LayerEvent = Extract<PullEvent, { kind: "layer" }>;

/** A line is not written over more often than this, in milliseconds: the eye does not follow. */
const REPAINT = 50;

const BAR = 50;

/**
 * A receiver of pull events that prints them.
 * @param full also what only `pull` says: the default tag, and the image's full name at the end
 */
export function showPull(screen: PullScreen, full: boolean): (event: PullEvent) => void {
  const layers = screen.terminal ? new LayerLines(screen) : new LayerLog(screen);
  const losses = new Losses();
  return (event) => {
    switch (event.kind) {
      case "resolved":
        if (full && event.defaultTag) screen.write(`Using default tag: ${event.tag}\n`);
        return screen.write(`${event.tag}: Pulling from ${event.name}\n`);
      case "layer":
        losses.count(event.state);
        return layers.show(event);
      case "digest":
        return screen.write(`Digest: ${event.digest}\n`);
      case "done":
        return screen.write(losses.text() + statusLines(event, full));
    }
  };
}

function statusLines(event: Extract<PullEvent, { kind: "done" }>, full: boolean): string {
  const { familiar, canonical } = parseReference(event.reference);
  const what = event.newer ? "Downloaded newer image for" : "Image is up to date for";
  return `Status: ${what} ${familiar}\n` + (full ? `${canonical}\n` : "");
}

/** What could not be unpacked as it was packed, said once for the image. */
class Losses {
  #devices = 0;
  #owners = false;

  count(state: LayerState): void {
    if (state.state !== "complete") return;
    this.#devices += state.skippedDevices;
    this.#owners ||= state.ownersLost;
  }

  text(): string {
    const devices = this.#devices === 0
      ? ""
      : `Warning: ${this.#devices} device nodes were left out: making them takes privileges\n`;
    const owners = this.#owners
      ? "Warning: the owners of files are lost: only one user id is available\n"
      : "";
    return devices + owners;
  }
}

function shortDigest(digest: string): string {
  return digest.replace(/^[^:]*:/, "").slice(0, 12);
}

/** Plain lines: each state of a layer once, numbers never. */
class LayerLog {
  readonly #screen: PullScreen;
  readonly #said = new Map<string, string>();

  constructor(screen: PullScreen) {
    this.#screen = screen;
  }

  show({ digest, state }: LayerEvent): void {
    if (state.state === "downloading" || state.state === "extracting") return;
    const line = `${shortDigest(digest)}: ${layerStatus(state)}`;
    if (this.#said.get(digest) === line) return;
    this.#said.set(digest, line);
    this.#screen.write(`${line}\n`);
  }
}

/** A line for each layer, which is written over while the cursor rests below the last one. */
class LayerLines {
  readonly #screen: PullScreen;
  readonly #order: string[] = [];
  readonly #painted = new Map<string, { word: string; at: number }>();

  constructor(screen: PullScreen) {
    this.#screen = screen;
  }

  show({ digest, state }: LayerEvent): void {
    const [last, at] = [this.#painted.get(digest), performance.now()];
    const inBetween = last?.word === state.state && at - last.at < REPAINT;
    if (inBetween && "current" in state && state.current < state.total) return;
    this.#painted.set(digest, { word: state.state, at });
    if (last === undefined) this.#order.push(digest);
    const up = last === undefined ? 0 : this.#order.length - this.#order.indexOf(digest);
    this.#screen.write(overwritten(up, this.#line(digest, state)));
  }

  #line(digest: string, state: LayerState): string {
    const columns = this.#screen.columns();
    const head = `${shortDigest(digest)}: ${layerStatus(state)}`;
    const line = "current" in state ? `${head} ${progress(state, columns - head.length)}` : head;
    // A line that wraps would take two, and those above could not be found again.
    return line.slice(0, Math.max(columns - 1, 1));
  }
}

/** Control sequences (ECMA-48: CUU, EL, CUD) that put `line` `up` lines above the cursor, which stays. */
function overwritten(up: number, line: string): string {
  return up === 0 ? `${line}\n` : `\x1b[${up}A\r\x1b[2K${line}\r\x1b[${up}B`;
}

/** `[====>     ]  1.2MB/3.4MB`; the bar gives way where there is little room. */
function progress(state: { current: number; total: number }, room: number): string {
  const { current, total } = state;
  if (total <= 0) return humanSize(current, 4);
  const numbers = `${humanSize(current, 4).padStart(8)}/${humanSize(total, 4)}`;
  const width = Math.min(BAR, room - numbers.length - 6);
  if (width < 5) return numbers;
  const done = Math.min(Math.floor((current / total) * width), width);
  const head = done === width ? "=".repeat(width) : `${"=".repeat(done)}>`.padEnd(width);
  return `[${head.slice(0, width)}] ${numbers}`;
}
