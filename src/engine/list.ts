/** `ps`: the containers of the store, filtered as docker does. */
import type { Health } from "../container/health_state.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import type { ContainerRecord } from "../storage/container_record.ts";
import {
  type ContainerScan,
  isAbandoned,
  scanContainers,
  scanLivingContainers,
  type StoredContainer,
} from "../storage/containers.ts";
import { findImageIn, type ImageEntry, listEntries } from "../storage/image_index.ts";
import type { ContainerSummary } from "./api_types.ts";
import { containerFilter } from "./container_filter.ts";
import { portSummaries } from "./container_ports.ts";
import type { EngineContext } from "./context.ts";
import type { Filters } from "./filters.ts";
import { healthOf } from "./health/health_of.ts";
import { statusWord } from "./status_word.ts";
import { mountPoints } from "./mount_points.ts";
import { humanDuration } from "./units.ts";

/** Which containers are wanted. */
export interface ListOptions {
  /** Also those that do not run. */
  all: boolean;
  /** Only the newest so many, whatever their state. */
  last?: number;
  filters: Filters;
}

/** Looks at the containers that can be in such a list. */
export function scanFor(dataRoot: string, options: ListOptions): ContainerScan {
  return wantsResting(options) ? scanContainers(dataRoot) : scanLivingContainers(dataRoot);
}

/** Asking for a state or an exit code asks for containers that do not run. */
function wantsResting({ all, last, filters }: ListOptions): boolean {
  return all || last !== undefined || filters.has("status") || filters.has("exited");
}

/** The containers, newest first. Throws TsboxError for filter values that mean nothing. */
export function containerSummaries(
  context: EngineContext,
  scan: ContainerScan,
  options: ListOptions,
): ContainerSummary[] {
  const { last, filters } = options;
  const images = listEntries(context.dataRoot);
  const fits = containerFilter(context.dataRoot, images, filters);
  const every = wantsResting(options);
  const found = scan.containers
    .filter((container) => !isAbandoned(container))
    .filter(({ record }) => every || isAlive(record))
    .filter(fits);
  const meaning = imageMeanings(images);
  return found.slice(0, last).map((container) => summary(container, meaning));
}

/** What image a reference means now. Many containers share a few references, so each is looked up once. */
function imageMeanings(images: readonly ImageEntry[]): (reference: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (reference) => {
    if (!known.has(reference)) known.set(reference, findImageIn(images, reference)?.id);
    return known.get(reference);
  };
}

type Meaning = ReturnType<typeof imageMeanings>;

function summary({ record, directory }: StoredContainer, meaning: Meaning): ContainerSummary {
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: imageShown(record, meaning),
    ImageID: record.image.id,
    Command: commandText(record.spec.args),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: isAlive(record) ? portSummaries(record) : [],
    Labels: record.labels,
    State: statusWord(record.state),
    Status: statusText(record, Date.now(), healthOf(record, directory)),
    HostConfig: { NetworkMode: record.options.network },
    Mounts: mountPoints(record.options.mounts),
  };
}

/** As docker counts: one that is about to be started again is shown without `-a`, too. */
function isAlive({ state }: ContainerRecord): boolean {
  return state.status === "running" || state.status === "restarting";
}

/** What the user typed, as long as it still means that image; its id afterwards. */
function imageShown({ image, options }: ContainerRecord, meaning: Meaning): string {
  if (image.id === "") return options.rootfs ?? "";
  return meaning(image.reference) === image.id ? image.reference : image.id;
}

/** Arguments with blanks are shown in single quotes. */
function commandText(args: readonly string[]): string {
  return args.map((arg, i) => i > 0 && arg.includes(" ") ? `'${arg}'` : arg).join(" ");
}

/** `Up 5 minutes (healthy)`, `Exited (0) 2 hours ago`, `Created`. @param now milliseconds since the epoch */
export function statusText({ state }: ContainerRecord, now: number, health?: Health): string {
  if (state.status === "created") return "Created";
  if (state.status === "restarting") {
    const since = humanDuration(now - Date.parse(state.finishedAt));
    return `Restarting (${state.exitCode}) ${since} ago`;
  }
  if (state.status === "running") {
    const up = `Up ${humanDuration(now - Date.parse(state.startedAt))}`;
    return state.paused ? `${up} (Paused)` : `${up}${healthText(health)}`;
  }
  return `Exited (${state.exitCode}) ${humanDuration(now - Date.parse(state.finishedAt))} ago`;
}

function healthText(health: Health | undefined): string {
  if (health === undefined) return "";
  return health.Status === "starting" ? " (health: starting)" : ` (${health.Status})`;
}

/** Adds what each has written, and that together with its image. @throws TsboxError */
export async function withSizes(
  context: EngineContext,
  self: SelfCommand,
  containers: readonly ContainerSummary[],
): Promise<ContainerSummary[]> {
  const { containerTotals } = await import("./container_sizes.ts");
  const totals = await containerTotals(context, self, containers.map(({ Id }) => Id));
  return containers.map((container) => ({ ...container, ...totals.get(container.Id) }));
}
