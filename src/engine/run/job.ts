/** What a `run` asks of a monitor. */
import type { RunOptions } from "../../container/run_options.ts";
import type { StoredImage } from "../../storage/image_index.ts";
import type { EngineContext } from "../context.ts";
import type { MonitorJob } from "../monitor/request.ts";
import type { RunHost } from "./host.ts";
import { imageFor } from "./image.ts";

/** The job, when the image is here: it is pulled where needed. @throws TsboxError as {@link imageFor} */
export async function runJob(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<MonitorJob> {
  return jobOf(options, await imageOfRun(options, context, host));
}

/** The image of a `run` that has one; it is pulled where needed. @throws TsboxError as {@link imageFor} */
export function imageOfRun(
  options: RunOptions,
  context: EngineContext,
  host: RunHost,
): Promise<StoredImage> | undefined {
  return options.rootfs === undefined ? imageFor(options, context, host) : undefined;
}

/** Pure. */
export function jobOf(options: RunOptions, image: StoredImage | undefined): MonitorJob {
  return { kind: "run", options, imageId: image?.id ?? "" };
}
