/** Which things `prune` commands may take away. */
import { TsboxError } from "../errors.ts";
import { type Filters, hasLabels, lacksLabels, timeFilter } from "./filters.ts";

/** The filters of every prune. */
export const PRUNE_FILTERS = ["label", "label!", "until"];

/** What a filter looks at. */
export interface Prunable {
  /** RFC 3339; empty when it is not known: very old then. */
  created: string;
  labels: Readonly<Record<string, string>>;
}

/**
 * The filter as a function.
 * @param now milliseconds since the epoch
 * Throws TsboxError("invalid-argument") for a time that is none, and for two of them.
 */
export function pruneFilter(filters: Filters, now: number): (thing: Prunable) => boolean {
  const [until, ...more] = filters.get("until") ?? [];
  if (more.length > 0) {
    throw new TsboxError("invalid-argument", "more than one until filter specified");
  }
  const limit = until === undefined ? Infinity : timeFilter(until, now);
  return ({ created, labels }) =>
    (Date.parse(created) || 0) < limit && hasLabels(filters, labels) &&
    lacksLabels(filters, labels);
}

/**
 * The filters, looked at once.
 * Throws TsboxError as {@link pruneFilter}: before anything is deleted.
 */
export function checkPruneFilters(filters: Filters): Filters {
  pruneFilter(filters, Date.now());
  return filters;
}
