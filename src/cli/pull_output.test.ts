import { expect, test } from "bun:test";
import type { LayerState, PullEvent } from "../engine/pull_events.ts";
import { showPull } from "./pull_output.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;
const COMPLETE = { state: "complete", skippedDevices: 0, ownersLost: false } as const;

function layer(digest: string, state: LayerState): PullEvent {
  return { kind: "layer", digest, state };
}

function shown(
  events: PullEvent[],
  { terminal = false, columns = 80, full = true }: {
    terminal?: boolean;
    columns?: number;
    full?: boolean;
  } = {},
): string {
  let text = "";
  const show = showPull({ write: (more) => text += more, terminal, columns: () => columns }, full);
  events.forEach(show);
  return text;
}

/** What a terminal would show in the end: only the sequences the display uses. */
function screen(text: string): string[] {
  const lines: string[] = [""];
  let [row, column] = [0, 0];
  for (const [part] of text.replaceAll("\x1b[", "␛").matchAll(/␛\d+[ABK]|[\r\n]|[^␛\r\n]+/g)) {
    const count = Number(/\d+/.exec(part)?.[0]);
    if (part === "\n") [row, column] = [row + 1, 0];
    else if (part === "\r") column = 0;
    else if (part.endsWith("A") && part.startsWith("␛")) row -= count;
    else if (part.endsWith("B") && part.startsWith("␛")) row += count;
    else if (part === "␛2K") lines[row] = "";
    else {
      const line = (lines[row] ?? "").padEnd(column);
      lines[row] = line.slice(0, column) + part + line.slice(column + part.length);
      column += part.length;
    }
    lines[row] ??= "";
  }
  return lines;
}

const RESOLVED: PullEvent = {
  kind: "resolved",
  tag: "latest",
  name: "library/busybox",
  defaultTag: true,
};
const DONE: PullEvent = { kind: "done", reference: "busybox:latest", newer: true };

test("without a terminal a pull is docker's plain lines, without numbers", () => {
  const text = shown([
    RESOLVED,
    layer(A, { state: "waiting" }),
    layer(B, { state: "exists" }),
    layer(A, { state: "downloading", current: 1, total: 2 }),
    layer(A, { state: "downloaded" }),
    layer(A, { state: "extracting", current: 1, total: 2 }),
    layer(A, COMPLETE),
    { kind: "digest", digest: A },
    DONE,
  ]);
  expect(text).toBe(
    "Using default tag: latest\n" +
      "latest: Pulling from library/busybox\n" +
      "aaaaaaaaaaaa: Pulling fs layer\n" +
      "bbbbbbbbbbbb: Already exists\n" +
      "aaaaaaaaaaaa: Download complete\n" +
      "aaaaaaaaaaaa: Pull complete\n" +
      `Digest: ${A}\n` +
      "Status: Downloaded newer image for busybox:latest\n" +
      "docker.io/library/busybox:latest\n",
  );
});

test("the pull of a run leaves out what only pull says", () => {
  expect(shown([RESOLVED, { ...DONE, newer: false }], { full: false })).toBe(
    "latest: Pulling from library/busybox\nStatus: Image is up to date for busybox:latest\n",
  );
});

test("a state that is told twice is printed once", () => {
  expect(shown([layer(A, { state: "locked" }), layer(A, { state: "locked" })])).toBe(
    "aaaaaaaaaaaa: Waiting\n",
  );
});

test("a retry says how long it waits", () => {
  expect(shown([layer(A, { state: "retrying", reason: "x", seconds: 1 })])).toBe(
    "aaaaaaaaaaaa: Retrying in 1 second\n",
  );
});

test("on a terminal every layer has one line, which is kept up to date", () => {
  const text = shown([
    RESOLVED,
    layer(A, { state: "waiting" }),
    layer(B, { state: "waiting" }),
    layer(A, { state: "downloading", current: 5_000_000, total: 10_000_000 }),
    layer(B, COMPLETE),
    DONE,
  ], { terminal: true });
  expect(screen(text)).toEqual([
    "Using default tag: latest",
    "latest: Pulling from library/busybox",
    `aaaaaaaaaaaa: Downloading [${"=".repeat(18)}>${" ".repeat(17)}]      5MB/10MB`,
    "bbbbbbbbbbbb: Pull complete",
    "Status: Downloaded newer image for busybox:latest",
    "docker.io/library/busybox:latest",
    "",
  ]);
});

test("no line is wider than the terminal, and the bar gives way first", () => {
  for (const columns of [10, 30, 45, 60, 200]) {
    const events = [layer(A, { state: "extracting", current: 123_456_789, total: 987_654_321 })];
    const [line = ""] = screen(shown(events, { terminal: true, columns }));
    expect(line.length).toBeLessThan(columns);
    if (columns === 45) expect(line).toBe("aaaaaaaaaaaa: Extracting  123.5MB/987.7MB");
    if (columns === 200) expect(line).toContain(`[======>${" ".repeat(43)}]`);
  }
});

test("progress is painted seldom, but its end always", () => {
  const events = Array.from(
    { length: 1000 },
    (_, i) => layer(A, { state: "downloading", current: i + 1, total: 1000 }),
  );
  const text = shown(events, { terminal: true });
  expect(text.split("Downloading").length).toBeLessThan(20);
  expect(screen(text)[0]).toContain("1kB/1kB");
});

test("what could not be unpacked faithfully is said once", () => {
  const lossy = { state: "complete", skippedDevices: 2, ownersLost: true } as const;
  const text = shown([layer(A, lossy), layer(B, lossy), DONE]);
  expect(text.match(/Warning.*/g)).toEqual([
    "Warning: 4 device nodes were left out: making them takes privileges",
    "Warning: the owners of files are lost: only one user id is available",
  ]);
});
