/** Shows a pull in docker's words: a line a layer that is kept up to date on a terminal, else plain lines. */
import { type LayerState, layerStatus, type PullEvent } from "../engine/pull_events.ts";
import { parseReference } from "../oci/reference.ts";
import { progressLines, type ProgressScreen, shortDigest } from "./progress_lines.ts";

/** The same for the pulls of all tags, one after the other: each has its own lines. */
export function showPulls(screen: ProgressScreen): (event: PullEvent) => void {
  let show = showPull(screen, true);
  return (event) => {
    if (event.kind === "resolved") show = showPull(screen, true);
    // What was lost was said with the last tag.
    else if (event.kind === "done" && event.tags === "all") show = showPull(screen, true);
    show(event);
  };
}

/**
 * A receiver of pull events that prints them.
 * @param full also what only `pull` says: the default tag, and the image's full name at the end
 */
export function showPull(screen: ProgressScreen, full: boolean): (event: PullEvent) => void {
  const layers = progressLines(screen);
  const losses = new Losses();
  return (event) => {
    switch (event.kind) {
      case "resolved":
        if (full && event.defaultTag) screen.write(`Using default tag: ${event.tag}\n`);
        return screen.write(`${event.tag}: Pulling from ${event.name}\n`);
      case "layer":
        losses.count(event.state);
        return layers.show({
          id: shortDigest(event.digest),
          status: layerStatus(event.state),
          ...("current" in event.state && { progress: event.state }),
        });
      case "digest":
        return screen.write(`Digest: ${event.digest}\n`);
      case "done":
        return screen.write(losses.text() + statusLines(event, full));
    }
  };
}

function statusLines(event: Extract<PullEvent, { kind: "done" }>, full: boolean): string {
  if (event.tags === "part") return "";
  const { familiar, familiarName, canonical, name } = parseReference(event.reference);
  const [short, long] = event.tags === "all" ? [familiarName, name] : [familiar, canonical];
  const what = event.newer ? "Downloaded newer image for" : "Image is up to date for";
  return `Status: ${what} ${short}\n` + (full ? `${long}\n` : "");
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
