/** Blanks between columns, and the least width of one, as docker's tables have them. */
const GAP = 3;
const LEAST = 10;

/** Aligns lines whose cells are separated by tabs; the last cell of a line is never padded. */
export function alignTable(lines: readonly string[]): string {
  const rows = lines.map((line) => line.split("\t"));
  const widths: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? LEAST, width(cell) + GAP);
    });
  }
  return rows.map((row) => row.map((cell, i) => padded(cell, row, i, widths)).join("") + "\n")
    .join("");
}

function padded(cell: string, row: readonly string[], i: number, widths: readonly number[]) {
  if (i === row.length - 1) return cell;
  return cell + " ".repeat((widths[i] ?? LEAST) - width(cell));
}

/** In code points: what docker counts. */
function width(text: string): number {
  return [...text].length;
}
