import { pruneContainers } from "../../engine/prune_containers.ts";
import { pruneImages } from "../../engine/prune_images.ts";
import { humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
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
      { name: "volumes", help: "", unsupported: true },
      ...PRUNE_FLAGS,
    ],
  },
  run: async (line, io, context) => {
    const { flags } = line;
    const filters = pruneFilters(line);
    const all = flags.on("all");
    if (!flags.on("force") && !await confirm(io, warning(all, flags.all("filter")))) return 0;
    return await interruptible(async (signal) => {
      // Containers first: an image whose last container goes is unused then.
      const containers = await pruneContainers(context, io.self, filters);
      io.out(prunedContainersText(containers));
      const images = await pruneImages(context, io.self, { all, filters, signal });
      io.out(prunedImagesText(images));
      const reclaimed = containers.reclaimed + images.reclaimed;
      io.out(`Total reclaimed space: ${humanSize(reclaimed, 4)}\n`);
      return 0;
    });
  },
};

function warning(all: boolean, filters: readonly string[]): string {
  const images = all
    ? "all images without at least one container associated to them"
    : "all dangling images";
  const head = `WARNING! This will remove:\n  - all stopped containers\n  - ${images}\n`;
  if (filters.length === 0) return head;
  const items = [...filters].sort().map((filter) => `  - ${filter}\n`).join("");
  return `${head}\n  Items to be pruned will be filtered with:\n${items}`;
}
