/** Docker's tree of images: names, then what they are made of, in columns that fit the terminal. */
import type { TreeImage } from "../../engine/image_tree.ts";
import { humanSize } from "../../engine/units.ts";

const GAP = "   ";
/** The least width that is left to names: other columns go before they do. */
const LEAST_NAMES = 12;
const LEAST_SCREEN = 20;

/** Escape sequences; all empty where nobody would see colours. */
interface Style {
  head: string;
  name: string;
  used: string;
  warning: string;
  end: string;
}

const PLAIN: Style = { head: "", name: "", used: "", warning: "", end: "" };
const COLOURED: Style = {
  head: "\x1b[39;1m",
  name: "\x1b[34;4;1m",
  used: "\x1b[32m",
  warning: "\x1b[93m",
  end: "\x1b[0m",
};

/** What a line says after the name. */
interface Details {
  id: string;
  diskUsage: number;
  contentSize: number;
  used: boolean;
}

interface Column {
  title: string;
  width: number;
  cell(details: Details, width: number, style: Style): string;
}

const COLUMNS: readonly Column[] = [
  { title: "ID", width: 12, cell: ({ id }) => id.replace(/^sha256:/, "").slice(0, 12) },
  { title: "DISK USAGE", width: 10, cell: ({ diskUsage }, w) => humanSize(diskUsage).padStart(w) },
  {
    title: "CONTENT SIZE",
    width: 12,
    cell: ({ contentSize }, w) => humanSize(contentSize).padStart(w),
  },
  {
    title: "USED",
    width: 4,
    cell: ({ used }, _w, { used: green, end }) => ` ${green}${used ? "✔" : " "}${end}  `,
  },
];

const WARNING =
  "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";

/** @param options the width of the screen in characters, and whether it shows colours */
export function imageTreeText(
  images: readonly TreeImage[],
  { width, colours }: { width: number; colours: boolean },
): string {
  const style = colours ? COLOURED : PLAIN;
  const { columns, names } = layOut(images, Math.max(width, LEAST_SCREEN));
  const titles = ["IMAGE".padEnd(names), ...columns.map((c) => c.title.padEnd(c.width))];
  const head = titles.map((title) => `${style.head}${title}${style.end}`).join(GAP);
  const blocks = images.map((image) => block(image, columns, names, style));
  return `${style.warning}${WARNING}${style.end}\n${head}\n${blocks.join("\n")}`;
}

/** The columns there is room for, and the width of the first one, the names. */
function layOut(images: readonly TreeImage[], screen: number) {
  const columns: Column[] = [];
  let rest = screen;
  for (const column of COLUMNS) {
    if (rest - column.width - GAP.length < LEAST_NAMES) break;
    rest -= column.width + GAP.length;
    columns.push(column);
  }
  const widest = Math.max("IMAGE".length, ...images.flatMap(firstCells).map((text) => text.length));
  return { columns, names: Math.min(rest, widest) };
}

function firstCells({ names, platform }: TreeImage): string[] {
  return [...(names.length > 0 ? names : ["<untagged>"]), `└─ ${platform}`];
}

/** The image's names, the last of them with its details, and a line for its platform. */
function block(
  image: TreeImage,
  columns: readonly Column[],
  width: number,
  style: Style,
): string {
  const cells = firstCells(image).map((text) => cut(text, width).padEnd(width));
  const child = cells.pop() ?? "";
  const titles = cells.map((text) => `${style.name}${text}${style.end}`).join("\n");
  const line = (details: Details) =>
    columns.map((c) => GAP + c.cell(details, c.width, style)).join("");
  return `${titles}${line(image)}\n${child}${line({ ...image, id: image.manifest })}\n`;
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 3)}...` : text;
}
