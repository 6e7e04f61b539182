/** A worker that unpacks a blob while it grows. */
import { isLayerRecord, type LayerRecord } from "../../storage/layers.ts";
import { TsboxError } from "../../errors.ts";
import type { RunningJob } from "../worker_process.ts";
import type { LayerEvents } from "./layer_events.ts";
import type { LayerWork, WantedLayer } from "./work.ts";

/** Milliseconds between two tries to tell a worker something while its pipe is full. */
const TELL_AGAIN = 5;

/** Bytes that a worker is not woken up for. */
const FEW = 512 * 1024;

export class Unpacking {
  readonly #giveUp = new AbortController();
  readonly #started: Promise<RunningJob>;
  readonly #result: Promise<unknown>;
  #job: RunningJob | undefined;
  #failure: unknown;
  #bytes = 0;
  #told = 0;

  /**
   * Begins when a worker is free; the blob grows meanwhile.
   * @param blob path of the blob, which exists @param target directory to be made
   */
  constructor(
    { diffID, isBase }: WantedLayer,
    { limits, userns, workers }: LayerWork,
    blob: string,
    target: string,
    events: LayerEvents,
  ) {
    const ids = userns().map.kind;
    this.#started = workers.start(
      { kind: "unpack", blob, target, diffID, isBase, ids, limits },
      this.#giveUp.signal,
      (line) => events.extracting(Number(line)),
    );
    this.#result = this.#started.then((job) => {
      this.#job = job;
      if (this.#giveUp.signal.aborted) job.stop();
      this.#tell();
      return job.result;
    });
    // Heard early, so that a download for nothing is not finished.
    this.#result.catch((error) => this.#failure = error);
  }

  /**
   * Says how much of the blob there is; a word that does not get through is replaced by the next.
   * @throws what the worker failed with
   */
  grow(bytes: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#bytes = bytes;
    if (bytes - this.#told >= FEW) this.#tell();
  }

  #tell(): void {
    if (this.#job?.tell(String(this.#bytes))) this.#told = this.#bytes;
  }

  /** Says that the blob is complete and its digest right; resolves when the layer is on the disk. */
  async finish(bytes: number): Promise<LayerRecord> {
    const job = await this.#started;
    while (!job.tell(`${bytes} end`)) await Bun.sleep(TELL_AGAIN);
    const record = await this.#result;
    if (isLayerRecord(record)) return record;
    throw new TsboxError("host", "The worker in the user namespace did not say what it unpacked");
  }

  /** Ends it, whatever it does; resolves when it is gone. */
  async abandon(): Promise<void> {
    this.#giveUp.abort();
    this.#job?.stop();
    await this.#result.catch(() => {});
  }
}
