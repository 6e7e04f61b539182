import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { datagramSocket, unixAddress } from "../../ffi/datagram.ts";
import { address, raw } from "../../ffi/libc.ts";
import { closeFile } from "../../ffi/quick_files.ts";
import { isReadable } from "../../ffi/readiness.ts";
import { receive } from "../../ffi/socket.ts";
import type { ContainerRecord } from "../../storage/container_record.ts";
import { DEFAULT_OPTIONS } from "../../../tests/support/run_options.ts";
import { entryOf } from "../logs/journal.ts";
import { openJournal } from "./journal.ts";

let folder = "";
let listening = -1;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbox-journal-"));
  listening = datagramSocket();
  expect(raw("bind", listening, address(unixAddress(`${folder}/socket`)), 110)).toBe(0);
});
afterEach(() => {
  closeFile(listening);
  rmSync(folder, { recursive: true });
});

const RECORD: ContainerRecord = {
  id: "0123456789abcdef".repeat(4),
  name: "web",
  created: "2024-01-01T00:00:00Z",
  image: { reference: "box", id: `sha256:${"1".repeat(64)}` },
  options: DEFAULT_OPTIONS,
  spec: { args: ["sh"], env: ["KEY=value"], cwd: "/", hostname: "h", mounts: [] },
  labels: { "my.label": "two\nlines" },
  driver: "overlay",
  ownersLost: false,
  state: { status: "created" },
};

const bytes = (text: string) => new TextEncoder().encode(text);
const next = () => Buffer.from(receive(listening, 1 << 17).bytes).toString("latin1");

test("a line is a message with docker's fields, binary where it has lines itself", async () => {
  const options = { labels: "my.label", env: "KEY", tag: "{{.Name}}/{{.ImageName}}" };
  const journal = openJournal({ driver: "journald", options }, `${folder}/socket`);
  journal.begin(RECORD);
  await journal.write("stdout", bytes("hello\nwor"));
  const first = next();
  for (
    const field of [
      `CONTAINER_ID=${RECORD.id.slice(0, 12)}\n`,
      `CONTAINER_ID_FULL=${RECORD.id}\n`,
      "CONTAINER_NAME=web\n",
      "CONTAINER_TAG=web/box\n",
      "SYSLOG_IDENTIFIER=web/box\n",
      "IMAGE_NAME=box\n",
      "KEY=value\n",
      "MY_LABEL\n\x09\0\0\0\0\0\0\0two\nlines\n",
      "PRIORITY=6\n",
      "MESSAGE=hello\n",
    ]
  ) expect(first).toContain(field);
  expect(first).not.toContain("PARTIAL");
  await journal.write("stdout", bytes("ld\n"));
  expect(next()).toContain("MESSAGE=world\n");
  await journal.write("stderr", bytes(`${"x".repeat(20_000)}`));
  const part = next();
  expect(part).toContain("PRIORITY=3\n");
  expect(part).toContain("CONTAINER_PARTIAL_MESSAGE=true\n");
  journal.end();
  expect(next()).toContain(`MESSAGE=${"x".repeat(20_000 - 16_384)}\n`);
  journal.close();
});

test("labels of an image take the place of no field of ours", async () => {
  const labels = {
    message: "forged",
    "-": "no name",
    "1": "digit",
    container_id: "x",
    good: "yes",
  };
  const options = { "labels-regex": "." };
  const journal = openJournal({ driver: "journald", options }, `${folder}/socket`);
  journal.begin({ ...RECORD, labels });
  await journal.write("stdout", bytes("true\n"));
  const fields = next().trimEnd().split("\n");
  expect(fields.filter((field) => field.startsWith("MESSAGE"))).toEqual(["MESSAGE=true"]);
  expect(fields).toContain(`CONTAINER_ID=${RECORD.id.slice(0, 12)}`);
  expect(fields).toContain("GOOD=yes");
  expect(fields.filter((field) => !/^[A-Z]\w*=/.test(field))).toEqual([]);
  journal.close();
});

test("it waits for a journal that has no room, and goes on without one that is gone", async () => {
  const journal = openJournal({ driver: "journald", options: {} }, `${folder}/socket`);
  journal.begin(RECORD);
  // More than the queue of a datagram socket takes.
  let written = false;
  const writing = Promise.resolve(journal.write("stdout", bytes("line\n".repeat(2000))));
  void writing.then(() => written = true);
  await Bun.sleep(50);
  expect(written).toBe(false);
  let count = 0;
  for (; count < 2000; count++) {
    while (!isReadable(listening)) await Bun.sleep(2);
    expect(next()).toContain("MESSAGE=line\n");
  }
  await writing;
  rmSync(`${folder}/socket`);
  await journal.write("stdout", bytes("nobody\n"));
  journal.close();
});

test("without a journal that is said", () => {
  expect(() => openJournal({ driver: "journald", options: {} }, `${folder}/none`)).toThrow(
    "Cannot log to the journal",
  );
});

test("what journalctl prints becomes pieces again", () => {
  const line = (fields: object) =>
    entryOf(JSON.stringify({ __REALTIME_TIMESTAMP: "1700000000123456", ...fields }));
  const text = (fields: object) => new TextDecoder().decode(line(fields)?.bytes);
  expect(line({ MESSAGE: "a", PRIORITY: "3" })).toMatchObject({
    stream: "stderr",
    time: 1_700_000_000_123_456_000n,
  });
  expect(line({ MESSAGE: "a", _SOURCE_REALTIME_TIMESTAMP: "1700000000000001" })?.time)
    .toBe(1_700_000_000_000_001_000n);
  expect(line({ MESSAGE: "a", CONTAINER_TAG: "t", _UID: "1", SYSLOG_IDENTIFIER: "t", TEAM: "red" }))
    .toMatchObject({ attributes: { TEAM: "red" } });
  expect(line({ MESSAGE: "a", _UID: "1" })?.attributes).toEqual({});
  expect(text({ MESSAGE: "a", PRIORITY: "6" })).toBe("a\n");
  expect(text({ MESSAGE: "a", CONTAINER_PARTIAL_MESSAGE: "true" })).toBe("a");
  expect(text({ MESSAGE: [104, 105] })).toBe("hi\n");
  expect(entryOf("-- no entries --")).toBeUndefined();
});
