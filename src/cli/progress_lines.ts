/** A line for each layer of a pull or push: kept up to date on a terminal, else written once a state. */
import { humanSize } from "../engine/units.ts";

/** Where progress is shown. */
export interface ProgressScreen {
  write(text: string): void;
  /** Lines can be written over. */
  terminal: boolean;
  /** Width of the terminal in characters. */
  columns(): number;
}

/** What one layer is at. */
export interface ProgressLine {
  /** What its line begins with; two layers never have the same. */
  id: string;
  /** In words, without numbers. */
  status: string;
  /** Bytes; these states are not written where lines stay. */
  progress?: { current: number; total: number };
}

/** A line is not written over more often than this, in milliseconds: the eye does not follow. */
const REPAINT = 50;

const BAR = 50;

/** Shows the lines as `screen` can. */
export function progressLines(screen: ProgressScreen): { show(line: ProgressLine): void } {
  return screen.terminal ? new LiveLines(screen) : new Log(screen);
}

/** The first twelve digits of a digest, as docker shows layers. */
export function shortDigest(digest: string): string {
  return digest.replace(/^[^:]*:/, "").slice(0, 12);
}

/** Plain lines: each state once, numbers never. */
class Log {
  readonly #screen: ProgressScreen;
  readonly #said = new Map<string, string>();

  constructor(screen: ProgressScreen) {
    this.#screen = screen;
  }

  show({ id, status, progress }: ProgressLine): void {
    if (progress !== undefined || this.#said.get(id) === status) return;
    this.#said.set(id, status);
    this.#screen.write(`${id}: ${status}\n`);
  }
}

/** Lines that are written over while the cursor rests below the last one. */
class LiveLines {
  readonly #screen: ProgressScreen;
  readonly #order: string[] = [];
  readonly #painted = new Map<string, { status: string; at: number }>();

  constructor(screen: ProgressScreen) {
    this.#screen = screen;
  }

  show(line: ProgressLine): void {
    const { id, status, progress } = line;
    const [last, at] = [this.#painted.get(id), performance.now()];
    const inBetween = last?.status === status && at - last.at < REPAINT;
    if (inBetween && progress !== undefined && progress.current < progress.total) return;
    this.#painted.set(id, { status, at });
    if (last === undefined) this.#order.push(id);
    const up = last === undefined ? 0 : this.#order.length - this.#order.indexOf(id);
    this.#screen.write(overwritten(up, this.#text(line)));
  }

  #text({ id, status, progress }: ProgressLine): string {
    const columns = this.#screen.columns();
    const head = `${id}: ${status}`;
    const text = progress === undefined ? head : `${head} ${bar(progress, columns - head.length)}`;
    // A line that wraps would take two, and those above could not be found again.
    return text.slice(0, Math.max(columns - 1, 1));
  }
}

/** Control sequences (ECMA-48: CUU, EL, CUD) that put `line` `up` lines above the cursor, which stays. */
function overwritten(up: number, line: string): string {
  return up === 0 ? `${line}\n` : `\x1b[${up}A\r\x1b[2K${line}\r\x1b[${up}B`;
}

/** `[====>     ]  1.2MB/3.4MB`; the bar gives way where there is little room. */
function bar({ current, total }: { current: number; total: number }, room: number): string {
  if (total <= 0) return humanSize(current, 4);
  const numbers = `${humanSize(current, 4).padStart(8)}/${humanSize(total, 4)}`;
  const width = Math.min(BAR, room - numbers.length - 6);
  if (width < 5) return numbers;
  const done = Math.min(Math.floor((current / total) * width), width);
  const head = done === width ? "=".repeat(width) : `${"=".repeat(done)}>`.padEnd(width);
  return `[${head.slice(0, width)}] ${numbers}`;
}
