/** What a push tells while it works: data for a progress display. Pure. */

export type PushEvent =
  /** Where to, in full: docker's "The push refers to repository [NAME]". */
  | { kind: "repository"; name: string }
  /** A layer is named by the digest of its tar, as docker does. */
  | { kind: "layer"; diffID: string; state: PushState }
  /** Of the index the image came from, only this manifest is pushed: the store lacks the others. */
  | { kind: "single-platform"; index: string; manifest: string }
  /** A tag is there. `size` is that of its manifest or index in bytes. */
  | { kind: "pushed"; tag: string; digest: string; size: number };

export type PushState =
  | { state: "preparing" }
  | { state: "compressing"; current: number; total: number }
  | { state: "waiting" }
  | { state: "pushing"; current: number; total: number }
  | { state: "retrying"; reason: string; seconds: number }
  | { state: "pushed" }
  | { state: "exists" }
  /** The registry took it over from another repository. */
  | { state: "mounted"; from: string };

/** Docker's words for a layer's state, without numbers. */
export function pushStatus(state: PushState): string {
  switch (state.state) {
    case "preparing":
      return "Preparing";
    case "compressing":
      return "Compressing";
    case "waiting":
      return "Waiting";
    case "pushing":
      return "Pushing";
    case "retrying":
      return `Retrying in ${state.seconds} second${state.seconds === 1 ? "" : "s"}`;
    case "pushed":
      return "Pushed";
    case "exists":
      return "Layer already exists";
    case "mounted":
      return `Mounted from ${state.from}`;
  }
}
