/** A worker that unpacks a blob while it grows. */
import { isLayerRecord, type LayerRecord } from "../../storage/layers.ts";
import { TsboxError } from "../../errors.ts";
import { type RunningJob, startJob } from "../worker.ts";
import type { LayerEvents } from "./layer_events.ts";
import type { PullWork, WantedLayer } from "./work.ts";

/** Milliseconds between two tries to tell a worker something while its pipe is full. */
const TELL_AGAIN = 5;

/** Bytes that a worker is not woken up for. */
const FEW = 512 * 1024;

export class Unpacking {
  readonly #job: RunningJob;
  #failure: unknown;
  #told = 0;

  /** @param blob path of the blob, which exists @param target directory to be made */
  constructor(
    layer: WantedLayer,
    work: PullWork,
    blob: string,
    target: string,
    events: LayerEvents,
  ) {
    const { diffID, isBase } = layer;
    const { limits, self } = work;
    const userns = work.userns();
    const ids = userns.map.kind;
    this.#job = startJob(
      { kind: "unpack", blob, target, diffID, isBase, ids, limits },
      userns,
      self,
      (line) => events.extracting(Number(line)),
    );
    // Heard early, so that a download for nothing is not finished.
    this.#job.result.catch((error) => this.#failure = error);
  }

  /**
   * Says how much of the blob there is; a word that does not get through is replaced by the next.
   * @throws what the worker failed with
   */
  grow(bytes: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (bytes - this.#told >= FEW && this.#job.tell(String(bytes))) this.#told = bytes;
  }

  /** Says that the blob is complete and its digest right; resolves when the layer is on the disk. */
  async finish(bytes: number): Promise<LayerRecord> {
    while (!this.#job.tell(`${bytes} end`)) await Bun.sleep(TELL_AGAIN);
    const record = await this.#job.result;
    if (isLayerRecord(record)) return record;
    throw new TsboxError("host", "The worker in the user namespace did not say what it unpacked");
  }

  /** Ends it, whatever it does; resolves when it is gone. */
  async abandon(): Promise<void> {
    this.#job.stop();
    await this.#job.result.catch(() => {});
  }
}
