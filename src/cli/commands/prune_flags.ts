import { type Filters, parseFilters } from "../../engine/filters.ts";
import { checkPruneFilters, PRUNE_FILTERS } from "../../engine/prune_filters.ts";
import type { Flag } from "../flags.ts";
import type { ParsedLine } from "../parse.ts";

/** The flags every prune has. */
export const PRUNE_FLAGS: Flag[] = [
  {
    name: "filter",
    value: "filter",
    help: 'Provide filter values: "until=<timestamp>", "label=<key>[=<value>]", "label!=..."',
  },
  { name: "force", short: "f", help: "Do not prompt for confirmation" },
];

/**
 * `--filter` of a prune, checked before anybody is asked anything.
 * Throws TsboxError("invalid-argument").
 */
export function pruneFilters({ flags }: ParsedLine): Filters {
  // The key of `label!=a=b` ends at the first `=`, and is `label!`.
  return checkPruneFilters(parseFilters(flags.all("filter"), PRUNE_FILTERS));
}
