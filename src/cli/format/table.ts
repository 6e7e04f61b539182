/** Blanks between columns, and the least width of one, as docker's tables have them. */
const GAP = 3;
const LEAST = 10;

/** Aligns lines whose cells are separated by tabs; the last cell of a line is never padded. @param least width of a column */
export function alignTable(lines: readonly string[], least: number = LEAST): string {
  const rows = lines.map((line) => line.split("\t"));
  const widths: number[] = [];
  for (const row of rows) {
    for (let i = 0; i < row.length - 1; i++) {
      widths[i] = Math.max(widths[i] ?? least, width(row[i] ?? "") + GAP);
    }
  }
  let text = "";
  for (const row of rows) {
    const last = row.length - 1;
    for (let i = 0; i < last; i++) text += padded(row[i] ?? "", widths[i] ?? least);
    text += `${row[last] ?? ""}\n`;
  }
  return text;
}

function padded(cell: string, wanted: number): string {
  return cell.padEnd(wanted + cell.length - width(cell));
}

/** In code points: what docker counts. */
function width(text: string): number {
  return /[\ud800-\udbff]/.test(text) ? [...text].length : text.length;
}

/** At most `width` characters, the last one an ellipsis where something was cut. */
export function shortened(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : characters.slice(0, width - 1).join("") + "…";
}
