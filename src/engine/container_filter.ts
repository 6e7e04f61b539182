/** Which containers `ps --filter` shows: docker's rules. */
import { TsboxError } from "../errors.ts";
import type { ListedContainer, ListedRecord } from "../storage/listed_record.ts";
import { findContainer } from "../storage/find_container.ts";
import { findImageIn, type ImageEntry, wholeImage } from "../storage/image_index.ts";
import { portSummaries } from "./container_ports.ts";
import { statusWord } from "./status_word.ts";
import { booleanFilter, type Filters, hasLabels, passes } from "./filters.ts";
import { healthOf } from "./health/health_of.ts";

/** The filters that are obeyed. */
export const CONTAINER_FILTERS = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];
/** One docker has besides, for Windows. */
export const DOCKER_CONTAINER_FILTERS = ["isolation"];

const STATUSES = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
const HEALTHS = ["starting", "healthy", "unhealthy", "none"];
const LAST_PORT = 65535;

/**
 * Whether a container is shown.
 * @param images those of the store @throws TsboxError for values that mean nothing
 */
export function containerFilter(
  dataRoot: string,
  images: () => readonly ImageEntry[],
  filters: Filters,
): (container: ListedContainer) => boolean {
  if (filters.size === 0) return () => true;
  checkWords(filters, "status", STATUSES);
  checkWords(filters, "health", HEALTHS);
  checkExited(filters);
  // Tasks are what swarms run.
  const asTasks = booleanFilter(filters, "is-task") === true;
  const madeAt = (text: string) => findContainer(dataRoot, text).record.created;
  const [before, since] = [filters.get("before")?.map(madeAt), filters.get("since")?.map(madeAt)];
  const ancestors = filters.has("ancestor") ? descent(dataRoot, images(), filters) : undefined;
  const ports = portFilter(filters);
  return ({ record, directory }) => {
    const { state, image } = record;
    return !asTasks && (!before || before.some((time) => record.created < time)) &&
      (!since || since.some((time) => record.created > time)) &&
      (!ancestors || ancestors(image.id)) &&
      passes(filters, "id", (text) => matches(record.id, text)) &&
      passes(filters, "name", (text) => matches(`/${record.name}`, text)) &&
      passes(filters, "network", (text) => record.options.network === text) &&
      passes(filters, "status", (text) => statusWord(state) === text) &&
      passes(
        filters,
        "exited",
        (text) => state.status === "exited" && state.exitCode === Number(text),
      ) &&
      passes(
        filters,
        "health",
        (text) => (healthOf(record, directory)?.Status ?? "none") === text,
      ) &&
      passes(filters, "volume", (text) => hasMount(record, text)) &&
      hasLabels(filters, record.labels) && ports(record);
  };
}

function checkWords(filters: Filters, key: string, known: readonly string[]): void {
  const bad = filters.get(key)?.find((word) => !known.includes(word));
  if (bad === undefined) return;
  throw new TsboxError("invalid-argument", `invalid filter '${key}=${bad}'`, {
    hint: `there are ${known.join(", ")}`,
  });
}

function checkExited(filters: Filters): void {
  const code = filters.get("exited")?.find((word) => !/^-?\d+$/.test(word));
  if (code === undefined) return;
  throw new TsboxError("invalid-argument", `invalid filter 'exited=${code}'`, {
    hint: "it is an exit code",
  });
}

/** Whether an image is one of those, or was made from one of them: it begins with all layers of that. */
function descent(
  dataRoot: string,
  images: readonly ImageEntry[],
  filters: Filters,
): (id: string) => boolean {
  const layersOf = (entry: ImageEntry) => wholeImage(dataRoot, entry)?.chainIDs ?? [];
  const ancestors = (filters.get("ancestor") ?? [])
    .flatMap((text) => findImageIn(images, text) ?? [])
    .map((entry) => ({ id: entry.id, top: layersOf(entry).at(-1) }));
  const known = new Map<string, boolean>();
  const descends = (id: string) => {
    if (ancestors.some((ancestor) => ancestor.id === id)) return true;
    const entry = images.find((image) => image.id === id);
    // The name of a layer says what is below it.
    const layers = entry === undefined ? [] : layersOf(entry);
    return ancestors.some(({ top }) => top !== undefined && layers.includes(top));
  };
  return (id) => {
    const answer = known.get(id) ?? descends(id);
    known.set(id, answer);
    return answer;
  };
}

/** `publish` and `expose`: with both, one that fits is enough. */
function portFilter(filters: Filters): (record: ListedRecord) => boolean {
  const [publish, expose] = [portSet(filters, "publish"), portSet(filters, "expose")];
  if (publish === undefined && expose === undefined) return () => true;
  return (record) =>
    portSummaries(record).some(({ PublicPort, PrivatePort, Type }) =>
      publish?.has(`${PublicPort}/${Type}`) || expose?.has(`${PrivatePort}/${Type}`)
    );
}

/** `80`, `80/udp`, `8000-8010/tcp`. @throws TsboxError */
function portSet(filters: Filters, key: string): Set<string> | undefined {
  const words = filters.get(key);
  if (words === undefined) return undefined;
  return new Set(words.flatMap((text) => {
    const [, first = "", last = first, type = "tcp"] =
      /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === "" || from > to || to > LAST_PORT) {
      throw new TsboxError("invalid-argument", `invalid filter '${key}=${text}'`, {
        hint: "it is PORT, PORT/PROTO or FIRST-LAST/PROTO",
      });
    }
    return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${type.toLowerCase()}`);
  }));
}

/** By the volume's name, or by the place of any mount; a final slash is no matter. */
function hasMount({ options }: ListedRecord, text: string): boolean {
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
