/** `events`: what happened, and what happens from now on. */
import { type Filters, hasLabels, passes } from "./filters.ts";
import type { EngineContext } from "./context.ts";
import { EventReader, type LoggedEvent } from "../storage/event_reader.ts";
import { TsboxError } from "../errors.ts";

/** The filters that are obeyed. */
export const EVENT_FILTERS = [
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "scope",
  "type",
  "volume",
];
/** Those docker has besides, of swarms and plugins. */
export const DOCKER_EVENT_FILTERS = ["config", "node", "plugin", "secret", "service"];

const TYPES = ["container", "image", "volume", "network", "daemon", "builder"];

/** Which events are wanted. */
export interface EventOptions {
  /** Milliseconds since 1970; undefined: only what happens from now on. */
  since?: number | undefined;
  /** Undefined: without end. */
  until?: number | undefined;
  filters: Filters;
  /** Ends it. */
  signal: AbortSignal;
}

/** Checks what the filters say. @throws TsboxError "invalid-argument" */
export function checkEventFilters(filters: Filters): void {
  const bad = filters.get("type")?.find((word) => !TYPES.includes(word));
  if (bad === undefined) return;
  throw new TsboxError("invalid-argument", `invalid filter 'type=${bad}'`, {
    hint: `there are ${TYPES.join(", ")}`,
  });
}

/** Tells of the events in their order; returns when `until` has come, or the signal. */
export async function followEvents(
  { dataRoot }: EngineContext,
  { since = Date.now(), until = Infinity, filters, signal }: EventOptions,
  tell: (event: LoggedEvent) => void,
): Promise<void> {
  const reader = new EventReader(dataRoot);
  const ended = Promise.withResolvers<void>();
  const look = () => {
    try {
      for (const event of reader.read()) {
        const time = event.time / 1000;
        if (time >= since && time <= until && isWanted(event, filters)) tell(event);
      }
    } catch (error) {
      ended.reject(error);
    }
  };
  const stopTimer = at(until, ended.resolve);
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  try {
    if (until > Date.now()) reader.watch(look);
    look();
    if (until > Date.now() && !signal.aborted) await ended.promise;
    look();
  } finally {
    stopTimer();
    reader.close();
  }
}

/** Timers reach 24 days. */
const LONGEST = 0x7fffffff;

function at(time: number, action: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    const left = time - Date.now();
    if (left <= 0) action();
    else timer = setTimeout(wait, Math.min(left, LONGEST));
  };
  if (time !== Infinity) wait();
  return () => clearTimeout(timer);
}

/** Docker's rules: a name or id may be a beginning, an action may go on behind a colon. */
export function isWanted({ type, action, id, attributes }: LoggedEvent, filters: Filters): boolean {
  const { name = "", image = "" } = attributes;
  const isOne = (kind: string) => (text: string) =>
    type === kind && text !== "" && (id.startsWith(text) || name.startsWith(text));
  return passes(filters, "type", (text) => type === text) &&
    passes(filters, "event", (text) => action === text || action.startsWith(`${text}:`)) &&
    passes(filters, "container", isOne("container")) &&
    passes(filters, "volume", isOne("volume")) &&
    passes(filters, "network", isOne("network")) &&
    passes(filters, "scope", (text) => text === "local") &&
    passes(filters, "daemon", () => false) &&
    passes(
      filters,
      "image",
      (text) => type === "image" ? isImage(text, id, name) : isImage(text, image, image),
    ) &&
    hasLabels(filters, attributes);
}

function isImage(wanted: string, id: string, name: string): boolean {
  return [id, name].some((text) => text === wanted || text.replace(/:[^:/]*$/, "") === wanted);
}
