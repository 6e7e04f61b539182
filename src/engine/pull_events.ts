/** What a pull tells while it works: data for a progress display. Pure. */

/** One layer is named by its digest as received. */
export type PullEvent =
  /** What is pulled, once the registry has answered: docker's "TAG: Pulling from NAME", which has no registry. */
  | { kind: "resolved"; tag: string; name: string; defaultTag: boolean }
  | { kind: "layer"; digest: string; state: LayerState }
  /** The digest of what was asked for: of the index when there is one. */
  | { kind: "digest"; digest: string }
  /**
   * All is done; `newer` is false when the store had this very image under this name. Of a pull of all tags each is a
   * part, and in the end `reference` is the repository.
   */
  | { kind: "done"; reference: string; newer: boolean; tags?: "part" | "all" };

/** Bytes. */
export interface LayerProgress {
  current: number;
  total: number;
}

export type LayerState =
  | { state: "waiting" }
  /** Another layer or another tsbox has the lock. */
  | { state: "locked" }
  | { state: "exists" }
  | ({ state: "downloading" } & LayerProgress)
  | { state: "retrying"; reason: string; seconds: number }
  | { state: "downloaded" }
  | ({ state: "extracting" } & LayerProgress)
  | { state: "complete"; skippedDevices: number; ownersLost: boolean };

/** Docker's words for a layer's state, without numbers. */
export function layerStatus(state: LayerState): string {
  switch (state.state) {
    case "waiting":
      return "Pulling fs layer";
    case "locked":
      return "Waiting";
    case "exists":
      return "Already exists";
    case "downloading":
      return "Downloading";
    case "retrying":
      return `Retrying in ${state.seconds} second${state.seconds === 1 ? "" : "s"}`;
    case "downloaded":
      return "Download complete";
    case "extracting":
      return "Extracting";
    case "complete":
      return "Pull complete";
  }
}
