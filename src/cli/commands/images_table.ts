/** The table that `images` prints when it is asked for nothing else; most of a long one is kept for the next time. */
import type { EngineContext } from "../../engine/context.ts";
import { listedImages } from "../../engine/images.ts";
import { ago, humanSize } from "../../engine/units.ts";
import { type ImageLines, indexMark, keepLines, readLines } from "../../storage/image_lines.ts";
import { alignColumns, columnWidth } from "../format/table.ts";
import { shownId } from "./list_flags.ts";
import { type NamedImage, namedImages } from "./named_images.ts";

interface Titles {
  Repository: string;
  Tag: string;
  ID: string;
  CreatedSince: string;
  Size: string;
}

/** Undefined when there is something in it that only the general way can show. */
export function plainTable(context: EngineContext, titles: Titles): string | undefined {
  const { dataRoot } = context;
  const mark = indexMark(dataRoot);
  const kept = mark && readLines(dataRoot, mark);
  if (kept !== undefined) return textOf(kept, titles);
  const images = namedImages(listedImages(context, new Map()), false);
  const lines = linesOf(images, titles);
  if (lines === undefined) return undefined;
  if (mark !== undefined) keepLines(dataRoot, mark, lines);
  return textOf(lines, titles);
}

function linesOf(images: readonly NamedImage[], titles: Titles): ImageLines | undefined {
  const [repositories, tags, ids] = [[titles.Repository], [titles.Tag], [titles.ID]];
  const [blank, right, created] = [[""], [titles.Size], [] as number[]];
  for (const { image, repository, tag } of images) {
    repositories.push(repository);
    tags.push(tag);
    ids.push(shownId(image.Id, false));
    blank.push("");
    created.push(image.Created);
    right.push(humanSize(image.Size));
  }
  const left = alignColumns([repositories, tags, ids, blank])?.split("\n");
  return left && { left, created, right };
}

function textOf({ left, created, right }: ImageLines, { CreatedSince: title }: Titles): string {
  const runs = sameTimes(created, Date.now());
  const width = columnWidth([title, ...runs.map(({ text }) => text)]);
  const parts = [left[0] ?? "", title.padEnd(width), right[0] ?? ""];
  let line = 1;
  for (const { text, end } of runs) {
    const cell = text.padEnd(width);
    for (; line <= end; line++) parts.push("\n", left[line] ?? "", cell, right[line] ?? "");
  }
  parts.push("\n");
  return parts.join("");
}

/** Neighbours that were made so long ago; `end` is the index behind the last one. */
interface SameTime {
  text: string;
  end: number;
}

/** How long ago, for times in descending order: of a thousand few are looked at. */
function sameTimes(created: readonly number[], now: number): SameTime[] {
  const runs: SameTime[] = [];
  const textAt = (index: number) => ago(created[index] ?? 0, now);
  for (let start = 0; start < created.length;) {
    const text = textAt(start);
    let end = start + 1;
    for (let step = 1; step > 0;) {
      if (end - 1 + step < created.length && textAt(end - 1 + step) === text) {
        end += step;
        step *= 2;
      } else {
        step = Math.floor(step / 2);
      }
    }
    runs.push({ text, end });
    start = end;
  }
  return runs;
}
