/** Against a bus that is played here, since what it says must not matter: no bus of a build machine lies. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { decodeMessage, MESSAGE, messageLength, WireWriter } from "./dbus_wire.ts";
import { openSessionBus } from "./session_bus.ts";
import { sessionBusPath } from "./session_bus_path.ts";
import { startScope } from "./systemd_scope.ts";

const folder = mkdtempSync(`${tmpdir()}/tsbox-bus-`);
let stop = () => {};
afterEach(() => stop());

interface Played {
  /** Answers a line of the authentication. */
  login?: string;
  /** Bytes to answer a call with. */
  answer(call: { member: string; serial: number; body: Uint8Array }): Uint8Array[];
}

/** A bus that says what it is told to; returns its socket. */
function play({ login = "OK 1234\r\n", answer }: Played): string {
  const path = `${folder}/bus-${Math.random().toString(36).slice(2)}`;
  const inputs = new WeakMap<object, { bytes: Uint8Array; open: boolean }>();
  const server = Bun.listen({
    unix: path,
    socket: {
      open: (socket) => void inputs.set(socket, { bytes: new Uint8Array(0), open: false }),
      data(socket, more) {
        const input = inputs.get(socket);
        if (input === undefined) return;
        input.bytes = Uint8Array.from([...input.bytes, ...more]);
        if (!input.open) {
          const end = new TextDecoder().decode(input.bytes).lastIndexOf("\r\n") + 2;
          if (end < 2) return;
          const lines = new TextDecoder().decode(input.bytes.subarray(0, end));
          if (lines.includes("AUTH")) socket.write(login);
          input.open = lines.includes("BEGIN");
          const begun = lines.indexOf("BEGIN\r\n");
          input.bytes = begun < 0 ? new Uint8Array(0) : input.bytes.subarray(begun + 7);
        }
        while (input.open) {
          const length = messageLength(input.bytes);
          if (length === undefined || length > input.bytes.length) return;
          const bytes = input.bytes.subarray(0, length);
          const serial = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
          const { member } = decodeMessage(bytes);
          for (const part of answer({ member, serial, body: bytes })) socket.write(part);
          input.bytes = input.bytes.subarray(length);
        }
      },
    },
  });
  stop = () => server.stop(true);
  return path;
}

/** A message as a bus sends it. */
function message(kind: number, fields: [number, string, string | number][], fill?: {
  signature: string;
  body(writer: WireWriter): void;
}): Uint8Array {
  const body = new WireWriter();
  fill?.body(body);
  const writer = new WireWriter();
  for (const byte of [108, kind, 0, 1]) writer.byte(byte);
  writer.word(body.length);
  writer.word(1);
  const all = fill === undefined ? fields : [...fields, [8, "g", fill.signature] as const];
  writer.array(8, () => {
    for (const [field, type, value] of all) {
      writer.align(8);
      writer.byte(field);
      writer.signature(type);
      if (typeof value === "number") writer.word(value);
      else if (type === "g") writer.signature(value);
      else writer.text(value);
    }
  });
  writer.align(8);
  return Uint8Array.from([...writer.bytes(), ...body.bytes()]);
}

const done = (serial: number) => message(MESSAGE.answer, [[5, "u", serial]]);
const text = (serial: number, value: string) =>
  message(MESSAGE.answer, [[5, "u", serial]], { signature: "s", body: (w) => w.text(value) });
const failed = (serial: number, value: string) =>
  message(MESSAGE.error, [[5, "u", serial], [4, "s", "org.example.Error"]], {
    signature: "s",
    body: (w) => w.text(value),
  });

const MANAGER: [number, string, string][] = [
  [1, "o", "/org/freedesktop/systemd1"],
  [2, "s", "org.freedesktop.systemd1.Manager"],
  [3, "s", "JobRemoved"],
];

const ended = (job: string, unit: string, result: string) =>
  message(MESSAGE.signal, MANAGER, {
    signature: "uoss",
    body: (writer) => {
      writer.word(7);
      for (const part of [job, unit, result]) writer.text(part);
    },
  });

const scope = (bus: string) =>
  startScope({ bus, uid: 1000, name: "a.scope", description: "a", pid: 1 });

describe("a scope", () => {
  test("is there when systemd says that its job is done, whatever comes before", async () => {
    let asked = "";
    const bus = play({
      answer({ member, serial, body }) {
        if (member !== "StartTransientUnit") return [done(serial)];
        asked = new TextDecoder().decode(body);
        // The end of the job is heard before its name; other jobs end too.
        return [
          ended("/job/1", "other.scope", "done"),
          ended("/job/2", "a.scope", "done"),
          text(serial, "/job/2"),
        ];
      },
    });
    await scope(bus);
    for (const word of ["a.scope", "Delegate", "PIDs", "fail"]) expect(asked).toContain(word);
  });

  test("that could not be started is an error with systemd's word for it", async () => {
    const bus = play({
      answer: ({ member, serial }) =>
        member === "StartTransientUnit"
          ? [text(serial, "/job/2"), ended("/job/2", "a.scope", "failed")]
          : [done(serial)],
    });
    await expect(scope(bus)).rejects.toThrow("systemd could not start a.scope: failed");
  });

  test("that is refused is an error with the reason", async () => {
    const bus = play({
      answer: (
        { member, serial },
      ) => [member === "StartTransientUnit" ? failed(serial, "Unit exists") : done(serial)],
    });
    await expect(scope(bus)).rejects.toThrow("systemd refused: Unit exists");
  });

  test("whose job never ends is an error when the connection is closed", async () => {
    const bus = play({
      answer({ member, serial }) {
        if (member !== "StartTransientUnit") return [done(serial)];
        setTimeout(() => stop(), 20);
        return [text(serial, "/job/2")];
      },
    });
    await expect(scope(bus)).rejects.toThrow("it closed the connection");
  });
});

describe("a bus", () => {
  const open = (path: string, patience = 5000) => openSessionBus(path, 1000, patience);

  test("that does not let us in is an error", async () => {
    await expect(open(play({ login: "REJECTED EXTERNAL\r\n", answer: () => [] }))).rejects.toThrow(
      "it does not let us in",
    );
  });

  test("that says nothing is given up", async () => {
    await expect(open(play({ answer: () => [] }), 50)).rejects.toThrow("it does not answer");
  });

  test("that sends nonsense, or too much, is left", async () => {
    const nonsense = play({ answer: () => [new Uint8Array(64).fill(255)] });
    await expect(open(nonsense)).rejects.toThrow("malformed");
    stop();
    const huge = Uint8Array.from([108, 2, 0, 1, 255, 255, 255, 127, 1, 0, 0, 0, 0, 0, 0, 0]);
    await expect(open(play({ answer: () => [huge] }))).rejects.toThrow("too long");
    stop();
    // A text that says it is longer than the message.
    const liar = message(MESSAGE.error, [[5, "u", 1]], {
      signature: "s",
      body: (writer) => writer.word(1 << 20),
    });
    await expect(open(play({ answer: () => [liar] }))).rejects.toThrow("malformed");
  });

  test("that is not there is an error", async () => {
    await expect(open(`${folder}/nowhere`)).rejects.toThrow("nobody listens there");
  });
});

test("any beginning of a message is waited for, and any cut of it is refused", () => {
  const whole = ended("/job/2", "a.scope", "done");
  const length = messageLength(whole);
  expect(length).toBe(whole.length);
  for (let i = 16; i < whole.length; i++) {
    expect(messageLength(whole.subarray(0, i))).toBe(whole.length);
    expect(() => {
      const { body } = decodeMessage(whole.subarray(0, i));
      body.word();
      for (let part = 0; part < 3; part++) body.text();
    }).toThrow("malformed");
  }
});

test("the bus is where the environment says, if something is there", () => {
  const path = `${folder}/a bus`;
  writeFileSync(path, "");
  const address = `unix:path=${encodeURI(path)},guid=1`;
  expect(sessionBusPath({ DBUS_SESSION_BUS_ADDRESS: address })).toBe(path);
  expect(sessionBusPath({ DBUS_SESSION_BUS_ADDRESS: "tcp:host=example" })).toBe(undefined);
  expect(sessionBusPath({ XDG_RUNTIME_DIR: folder })).toBe(undefined);
  writeFileSync(`${folder}/bus`, "");
  expect(sessionBusPath({ XDG_RUNTIME_DIR: folder })).toBe(`${folder}/bus`);
  rmSync(folder, { recursive: true });
});
