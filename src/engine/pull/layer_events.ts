/** What is told about one layer, not more often than eyes can follow. */
import type { LayerDescriptor } from "../../oci/manifest.ts";
import type { LayerRecord } from "../../storage/layers.ts";
import type { LayerState } from "../pull_events.ts";

/** Milliseconds between two numbers of one layer. */
const EVERY = 80;

export class LayerEvents {
  readonly #layer: LayerDescriptor;
  readonly #tell: (digest: string, state: LayerState) => void;
  #last = -Infinity;
  #downloaded = false;

  constructor(layer: LayerDescriptor, tell: (digest: string, state: LayerState) => void) {
    this.#layer = layer;
    this.#tell = tell;
  }

  locked(): void {
    this.#say({ state: "locked" });
  }

  exists(): void {
    this.#say({ state: "exists" });
  }

  downloading(current: number): void {
    this.#number({ state: "downloading", current, total: this.#layer.size });
  }

  retrying(reason: string, delay: number): void {
    this.#say({ state: "retrying", reason, seconds: Math.max(1, Math.round(delay / 1000)) });
  }

  downloaded(): void {
    this.#downloaded = true;
    this.#say({ state: "downloaded" });
  }

  /** Unpacking begins with the download; it is what is waited for only after it. */
  extracting(current: number): void {
    if (this.#downloaded) this.#number({ state: "extracting", current, total: this.#layer.size });
  }

  complete({ skippedDevices, ownersLost }: LayerRecord): void {
    this.#say({ state: "complete", skippedDevices, ownersLost });
  }

  #number(state: LayerState): void {
    const now = performance.now();
    if (now - this.#last < EVERY) return;
    this.#last = now;
    this.#say(state);
  }

  #say(state: LayerState): void {
    this.#tell(this.#layer.digest, state);
  }
}
