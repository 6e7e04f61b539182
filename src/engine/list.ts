/** `ps`: the containers of the store, filtered as docker does. */
import { TsboxError } from "../errors.ts";
import type { ContainerRecord } from "../storage/container_record.ts";
import { type ContainerScan, findContainer, isAbandoned } from "../storage/containers.ts";
import { findImageIn, type ImageEntry, listEntries } from "../storage/image_index.ts";
import type { ContainerSummary, PortSummary } from "./api_types.ts";
import type { EngineContext } from "./context.ts";
import { type Filters, hasLabels, passes } from "./filters.ts";
import { mountPoints } from "./mount_points.ts";
import { humanDuration } from "./units.ts";

/** The filters {@link containerSummaries} obeys. */
export const CONTAINER_FILTERS = [
  "ancestor",
  "before",
  "exited",
  "id",
  "label",
  "name",
  "network",
  "since",
  "status",
  "volume",
];
/** Those docker has besides. */
export const DOCKER_CONTAINER_FILTERS = [
  "expose",
  "health",
  "is-task",
  "isolation",
  "publish",
];

const STATUSES = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];

/** Which containers are wanted. */
export interface ListOptions {
  /** Also those that do not run. */
  all: boolean;
  /** Only the newest so many, whatever their state. */
  last?: number;
  filters: Filters;
}

/** The containers, newest first. Throws TsboxError for filter values that mean nothing. */
export function containerSummaries(
  context: EngineContext,
  scan: ContainerScan,
  { all, last, filters }: ListOptions,
): ContainerSummary[] {
  checkFilters(filters);
  const images = listEntries(context.dataRoot);
  const fits = makeFilter(context.dataRoot, images, filters);
  // Asking for a state or an exit code asks for containers that do not run.
  const every = all || last !== undefined || filters.has("status") || filters.has("exited");
  const found = scan.containers
    .filter((container) => !isAbandoned(container))
    .map(({ record }) => record)
    .filter((record) => every || isAlive(record))
    .filter(fits);
  const meaning = imageMeanings(images);
  return found.slice(0, last).map((record) => summary(record, meaning));
}

function checkFilters(filters: Filters): void {
  const bad = filters.get("status")?.find((word) => !STATUSES.includes(word));
  if (bad !== undefined) {
    throw new TsboxError("invalid-argument", `invalid filter 'status=${bad}'`, {
      hint: `there are ${STATUSES.join(", ")}`,
    });
  }
  const code = filters.get("exited")?.find((word) => !/^-?\d+$/.test(word));
  if (code !== undefined) {
    throw new TsboxError("invalid-argument", `invalid filter 'exited=${code}'`, {
      hint: "it is an exit code",
    });
  }
}

function makeFilter(
  dataRoot: string,
  images: readonly ImageEntry[],
  filters: Filters,
): (record: ContainerRecord) => boolean {
  const madeAt = (text: string) => findContainer(dataRoot, text).record.created;
  const [before, since] = [filters.get("before")?.map(madeAt), filters.get("since")?.map(madeAt)];
  const ancestors = filters.get("ancestor")?.map((text) => findImageIn(images, text)?.id);
  return (record) => {
    const { state } = record;
    return (!before || before.some((time) => record.created < time)) &&
      (!since || since.some((time) => record.created > time)) &&
      (!ancestors || ancestors.includes(record.image.id)) &&
      passes(filters, "id", (text) => matches(record.id, text)) &&
      passes(filters, "name", (text) => matches(`/${record.name}`, text)) &&
      passes(filters, "network", (text) => record.options.network === text) &&
      passes(filters, "status", (text) => state.status === text) &&
      passes(
        filters,
        "exited",
        (text) => state.status === "exited" && state.exitCode === Number(text),
      ) &&
      passes(filters, "volume", (text) => hasMount(record, text)) &&
      hasLabels(filters, record.labels);
  };
}

/** By the volume's name, or by the place of any mount; a final slash is no matter. */
function hasMount({ options }: ContainerRecord, text: string): boolean {
  const path = text.length > 1 ? text.replace(/\/+$/, "") : text;
  return options.mounts.some((mount) =>
    mount.target === path || (mount.type === "volume" && mount.name === text) ||
    (mount.type === "bind" && mount.source === path)
  );
}

/** Docker reads these values as regular expressions that may fit anywhere. */
function matches(text: string, pattern: string): boolean {
  try {
    const expression = new RegExp(pattern);
    return expression.test(text) || expression.test(text.replace(/^\//, ""));
  } catch {
    return text === pattern;
  }
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

function summary(record: ContainerRecord, meaning: Meaning): ContainerSummary {
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: imageShown(record, meaning),
    ImageID: record.image.id,
    Command: commandText(record.spec.args),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: record.state.status === "running" ? ports(record) : [],
    Labels: record.labels,
    State: record.state.status,
    Status: statusText(record, Date.now()),
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

/** `Up 5 minutes`, `Exited (0) 2 hours ago`, `Created`. @param now milliseconds since the epoch */
export function statusText({ state }: ContainerRecord, now: number): string {
  if (state.status === "created") return "Created";
  if (state.status === "restarting") {
    const since = humanDuration(now - Date.parse(state.finishedAt));
    return `Restarting (${state.exitCode}) ${since} ago`;
  }
  if (state.status === "running") return `Up ${humanDuration(now - Date.parse(state.startedAt))}`;
  return `Exited (${state.exitCode}) ${humanDuration(now - Date.parse(state.finishedAt))} ago`;
}

function ports({ options, ports = options.publish }: ContainerRecord): PortSummary[] {
  return ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
    IP: hostIp === "" ? "0.0.0.0" : hostIp,
    PrivatePort: containerPort,
    PublicPort: hostPort,
    Type: protocol,
  }));
}
