import { type PrunedImages, pruneImages } from "../../engine/prune_images.ts";
import { humanSize } from "../../engine/units.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { interruptible } from "../interrupt.ts";
import { PRUNE_FLAGS, pruneFilters } from "./prune_flags.ts";

/** `tsbox image prune`. */
export const command: Command = {
  grammar: {
    path: "image prune",
    aliases: ["image prune"],
    summary: "Remove unused images",
    usage: "[OPTIONS]",
    args: { min: 0, max: 0 },
    flags: [
      { name: "all", short: "a", help: "Remove all unused images, not just dangling ones" },
      ...PRUNE_FLAGS,
    ],
  },
  run: async (line, io, context) => {
    const filters = pruneFilters(line);
    const all = line.flags.on("all");
    if (!line.flags.on("force") && !await confirm(io, warning(all))) return 0;
    const pruned = await interruptible((signal) =>
      pruneImages(context, io.self, { all, filters, signal })
    );
    io.out(prunedImagesText(pruned));
    io.out(`Total reclaimed space: ${humanSize(pruned.reclaimed, 4)}\n`);
    return 0;
  },
};

function warning(all: boolean): string {
  return all
    ? "WARNING! This will remove all images without at least one container associated to them."
    : "WARNING! This will remove all dangling images.";
}

/** Docker's list of what was deleted; empty for nothing. */
export function prunedImagesText({ removed }: PrunedImages): string {
  const lines = removed.flatMap(({ untagged, deleted }) => [
    ...untagged.map((text) => `untagged: ${text}\n`),
    ...deleted.map((text) => `deleted: ${text}\n`),
  ]);
  return lines.length === 0 ? "" : `Deleted Images:\n${lines.join("")}\n`;
}
