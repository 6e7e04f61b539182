import { parseFilters } from "../../engine/filters.ts";
import { humanSize } from "../../engine/units.ts";
import { pruneVolumes, VOLUME_PRUNE_FILTERS } from "../../engine/volumes.ts";
import { sweepContainers } from "../../engine/sweep_containers.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";

const warning = (which: string) =>
  `WARNING! This will remove ${which} local volumes not used by at least one container.`;

/** `tsbox volume prune`. */
export const command: Command = {
  grammar: {
    path: "volume prune",
    aliases: ["volume prune"],
    summary: "Remove unused local volumes",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      { name: "all", short: "a", help: "Remove all unused volumes, not just anonymous ones" },
      { name: "filter", value: "filter", help: 'Provide filter values (e.g. "label=<label>")' },
      { name: "force", short: "f", help: "Do not prompt for confirmation" },
    ],
  },
  run: async ({ flags }, io, context) => {
    const all = flags.on("all");
    const filters = parseFilters(flags.all("filter"), VOLUME_PRUNE_FILTERS);
    if (all && filters.has("all")) {
      throw new TsboxError(
        "invalid-argument",
        "conflicting options: cannot specify both --all and --filter all=1",
      );
    }
    const which = all ? "all" : "anonymous";
    if (!flags.on("force") && !await confirm(io, warning(which))) return 0;
    // Containers of the dead must not keep their volumes in use.
    await sweepContainers(context, io.self);
    const wanted = all ? new Map([...filters, ["all", ["true"]]]) : filters;
    const { VolumesDeleted, SpaceReclaimed } = await pruneVolumes(context, io.self, wanted);
    if (VolumesDeleted.length > 0) io.out(`Deleted Volumes:\n${VolumesDeleted.join("\n")}\n\n`);
    io.out(`Total reclaimed space: ${humanSize(SpaceReclaimed, 4)}\n`);
    return 0;
  },
};
