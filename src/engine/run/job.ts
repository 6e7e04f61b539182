/** What a `run` asks of a monitor. */
import type { RunOptions } from "../../container/run_options.ts";
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
  const image = options.rootfs === undefined ? await imageFor(options, context, host) : undefined;
  return { kind: "run", options, imageId: image?.id ?? "" };
}
