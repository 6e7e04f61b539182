/** `ps`: the containers of the store, filtered as docker does. */
import type { Health } from "../container/health_state.ts";
import type { SelfCommand } from "../rootless/worker.ts";
import { type ContainerScan, isAbandoned } from "../storage/containers.ts";
import { scanForList } from "../storage/list_containers.ts";
import type { ListedContainer, ListedRecord } from "../storage/listed_record.ts";
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

/** What a list is made of. */
export type ListScan = ContainerScan<ListedContainer>;

/** Which containers are wanted. */
export interface ListOptions {
  /** Also those that do not run. */
  all: boolean;
  /** Only the newest so many, whatever their state. */
  last?: number;
  filters: Filters;
}

/** Looks at the containers that can be in such a list. */
export function scanFor(dataRoot: string, options: ListOptions): ListScan {
  return scanForList(dataRoot, { resting: wantsResting(options) });
}

/** Asking for a state or an exit code asks for containers that do not run. */
function wantsResting({ all, last, filters }: ListOptions): boolean {
  return all || last !== undefined || filters.has("status") || filters.has("exited");
}

/** The containers, newest first. Throws TsboxError for filter values that mean nothing. */
export function containerSummaries(
  context: EngineContext,
  scan: ListScan,
  options: ListOptions,
): ContainerSummary[] {
  const { last, filters } = options;
  // Where nothing runs, nobody asks for them.
  let entries: readonly ImageEntry[] | undefined;
  const images = () => entries ??= listEntries(context.dataRoot);
  const fits = containerFilter(context.dataRoot, images, filters);
  const every = wantsResting(options);
  const meaning = imageMeanings(images);
  const found: ContainerSummary[] = [];
  for (const container of scan.containers) {
    if (found.length === last) break;
    if (isAbandoned(container) || !(every || isAlive(container.record))) continue;
    if (fits(container)) found.push(summary(container, meaning, Date.now()));
  }
  return found;
}

/** What image a reference means now. Many containers share a few references, so each is looked up once. */
function imageMeanings(
  images: () => readonly ImageEntry[],
): (reference: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (reference) => {
    if (!known.has(reference)) known.set(reference, findImageIn(images(), reference)?.id);
    return known.get(reference);
  };
}

type Meaning = ReturnType<typeof imageMeanings>;

function summary(
  { record, directory }: ListedContainer,
  meaning: Meaning,
  now: number,
): ContainerSummary {
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
    Status: statusText(record, now, isAlive(record) ? healthOf(record, directory) : undefined),
    HostConfig: { NetworkMode: record.options.network },
    Mounts: mountPoints(record.options.mounts),
  };
}

/** As docker counts: one that is about to be started again is shown without `-a`, too. */
function isAlive({ state }: ListedRecord): boolean {
  return state.status === "running" || state.status === "restarting";
}

/** What the user typed, as long as it still means that image; its id afterwards. */
function imageShown({ image, options }: ListedRecord, meaning: Meaning): string {
  if (image.id === "") return options.rootfs ?? "";
  return meaning(image.reference) === image.id ? image.reference : image.id;
}

/** Arguments with blanks are shown in single quotes. */
function commandText(args: readonly string[]): string {
  if (args.length === 1) return args[0] ?? "";
  return args.map((arg, i) => i > 0 && arg.includes(" ") ? `'${arg}'` : arg).join(" ");
}

/** `Up 5 minutes (healthy)`, `Exited (0) 2 hours ago`, `Created`. @param now milliseconds since the epoch */
export function statusText({ state }: ListedRecord, now: number, health?: Health): string {
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
