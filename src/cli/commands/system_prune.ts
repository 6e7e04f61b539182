import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../../engine/context.ts";
import type { Filters } from "../../engine/filters.ts";
import { pruneContainers } from "../../engine/prune_containers.ts";
import { pruneImages } from "../../engine/prune_images.ts";
import { pruneVolumes } from "../../engine/volumes.ts";
import { humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import type { CliIo } from "../io.ts";
import { interruptible } from "../interrupt.ts";
import { prunedContainersText } from "./container_prune.ts";
import { prunedImagesText } from "./image_prune.ts";
import { PRUNE_FLAGS, pruneFilters } from "./prune_flags.ts";

/** `tsbox system prune`. */
export const command: Command = {
  grammar: {
    path: "system prune",
    aliases: ["system prune"],
    summary: "Remove unused data",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      { name: "all", short: "a", help: "Remove all unused images, not just dangling ones" },
      { name: "volumes", help: "Prune anonymous volumes" },
      ...PRUNE_FLAGS,
    ],
  },
  run: async (line, io, context) => {
    const { flags } = line;
    const filters = pruneFilters(line);
    const wanted = { all: flags.on("all"), volumes: flags.on("volumes"), filters };
    if (wanted.volumes && filters.has("until")) {
      throw new TsboxError(
        "invalid-argument",
        'The "until" filter is not supported with "--volumes"',
      );
    }
    if (!flags.on("force") && !await confirm(io, warning(wanted, flags.all("filter")))) return 0;
    return await interruptible((signal) => prune(io, context, wanted, signal));
  },
};

/** What is to be pruned. */
interface Wanted {
  /** Images that have names, too. */
  all: boolean;
  volumes: boolean;
  filters: Filters;
}

/** Containers first: volumes and images whose last container goes are unused then. */
async function prune(
  io: CliIo,
  context: EngineContext,
  { all, volumes, filters }: Wanted,
  signal: AbortSignal,
): Promise<number> {
  const containers = await pruneContainers(context, io.self, filters);
  io.out(prunedContainersText(containers));
  let reclaimed = containers.reclaimed;
  if (volumes) {
    const { VolumesDeleted, SpaceReclaimed } = await pruneVolumes(context, io.self, filters);
    if (VolumesDeleted.length > 0) io.out(`Deleted Volumes:\n${VolumesDeleted.join("\n")}\n\n`);
    reclaimed += SpaceReclaimed;
  }
  const images = await pruneImages(context, io.self, { all, filters, signal });
  io.out(prunedImagesText(images));
  io.out(`Total reclaimed space: ${humanSize(reclaimed + images.reclaimed, 4)}\n`);
  return 0;
}

function warning({ all, volumes }: Wanted, filters: readonly string[]): string {
  const kinds = [
    "all stopped containers",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
  ];
  const head = `WARNING! This will remove:\n${listed(kinds)}`;
  if (filters.length === 0) return head;
  return `${head}\n  Items to be pruned will be filtered with:\n${listed([...filters].sort())}`;
}

function listed(items: readonly string[]): string {
  return items.map((item) => `  - ${item}\n`).join("");
}
