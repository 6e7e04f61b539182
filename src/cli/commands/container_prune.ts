import { pruneContainers, type PrunedContainers } from "../../engine/prune_containers.ts";
import { humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { PRUNE_FLAGS, pruneFilters } from "./prune_flags.ts";

/** `tsbox container prune`. */
export const command: Command = {
  grammar: {
    path: "container prune",
    aliases: ["container prune"],
    summary: "Remove all stopped containers",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: PRUNE_FLAGS,
  },
  run: async (line, io, context) => {
    const filters = pruneFilters(line);
    const warning = "WARNING! This will remove all stopped containers.";
    if (!line.flags.on("force") && !await confirm(io, warning)) return 0;
    const pruned = await pruneContainers(context, io.self, filters);
    io.out(prunedContainersText(pruned));
    io.out(`Total reclaimed space: ${humanSize(pruned.reclaimed, 4)}\n`);
    return 0;
  },
};

/** Docker's list of what was deleted; empty for nothing. */
export function prunedContainersText({ ids }: PrunedContainers): string {
  return ids.length === 0 ? "" : `Deleted Containers:\n${ids.join("\n")}\n\n`;
}
