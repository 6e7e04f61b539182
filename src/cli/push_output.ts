/** Shows a push in docker's words. */
import { type PushEvent, pushStatus } from "../engine/push_events.ts";
import { progressLines, type ProgressScreen, shortDigest } from "./progress_lines.ts";

/** A receiver of push events that prints them. */
export function showPush(screen: ProgressScreen): (event: PushEvent) => void {
  let layers = progressLines(screen);
  return (event) => {
    switch (event.kind) {
      case "repository":
        return screen.write(`The push refers to repository [${event.name}]\n`);
      case "layer":
        return layers.show({
          id: shortDigest(event.diffID),
          status: pushStatus(event.state),
          ...("current" in event.state && { progress: event.state }),
        });
      case "pushed":
        // The lines of the next tag stand below this one.
        layers = progressLines(screen);
        return screen.write(`${event.tag}: digest: ${event.digest} size: ${event.size}\n`);
      case "single-platform":
        return screen.write(
          "Info -> Not all multiplatform-content is present and only the available single-platform " +
            `image was pushed\n        ${event.index} -> ${event.manifest}\n`,
        );
    }
  };
}
