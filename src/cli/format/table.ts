/** Blanks between columns, and the least width of one, as docker's tables have them. */
const GAP = 3;
const LEAST = 10;

/** Aligns lines whose cells are separated by tabs; the last cell of a line is never padded. @param least width of a column */
export function alignTable(lines: readonly string[], least: number = LEAST): string {
  const rows: string[][] = [];
  for (const line of lines) rows.push(line.split("\t"));
  // Asked once and not of each cell, of which a long list has thousands.
  const width = /[\ud800-\udbff]/.test(lines.join("")) ? codePoints : undefined;
  const widths: number[] = [];
  for (const row of rows) {
    for (let i = 0; i < row.length - 1; i++) {
      const cell = row[i] ?? "";
      const wanted = (width === undefined ? cell.length : width(cell)) + GAP;
      if (wanted > (widths[i] ?? least)) widths[i] = wanted;
    }
  }
  let text = "";
  for (const row of rows) {
    const last = row.length - 1;
    for (let i = 0; i < last; i++) {
      const cell = row[i] ?? "";
      const wanted = widths[i] ?? least;
      text += cell.padEnd(width === undefined ? wanted : wanted + cell.length - width(cell));
    }
    text += `${row[last] ?? ""}\n`;
  }
  return text;
}

/**
 * The same for cells that are there already, column by column, the titles first; undefined when one of them holds
 * a tab or a character of two units, which alignTable() knows how to treat.
 */
export function alignColumns(columns: readonly string[][]): string | undefined {
  if (columns.some((cells) => /[\t\ud800-\udbff]/.test(cells.join("")))) return undefined;
  const widths = columns.map(columnWidth);
  const last = columns.length - 1;
  const blanks: string[] = [];
  const parts: string[] = [];
  for (let row = 0; row < (columns[0]?.length ?? 0); row++) {
    for (let i = 0; i < last; i++) {
      const cell = columns[i]?.[row] ?? "";
      const gap = (widths[i] ?? LEAST) - cell.length;
      parts.push(cell, blanks[gap] ??= " ".repeat(gap));
    }
    parts.push(columns[last]?.[row] ?? "", "\n");
  }
  return parts.join("");
}

/** Of a column with these cells, the gap behind it included. */
export function columnWidth(cells: readonly string[]): number {
  let width = LEAST - GAP;
  for (const cell of cells) if (cell.length > width) width = cell.length;
  return width + GAP;
}

/** What docker counts. */
function codePoints(text: string): number {
  return [...text].length;
}

/** At most `width` characters, the last one an ellipsis where something was cut. */
export function shortened(text: string, width: number): string {
  // No more units, no more characters: nearly always, and without taking the text apart.
  if (text.length <= width) return text;
  const characters = [...text];
  return characters.length <= width ? text : characters.slice(0, width - 1).join("") + "…";
}
