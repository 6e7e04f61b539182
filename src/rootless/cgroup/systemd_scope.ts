/** Scopes of the user's systemd: control groups that are ours to divide, and outlive the session that made them. */
import { TsboxError } from "../../errors.ts";
import type { Message, Typed, WireWriter } from "./dbus_wire.ts";
import { addMatch, openSessionBus, type SessionBus } from "./session_bus.ts";

const MANAGER = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
} as const;
const JOB_REMOVED = "type='signal',sender='org.freedesktop.systemd1'," +
  "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
/** Milliseconds: a machine that is just booting is slow. */
const PATIENCE = 25_000;
const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/** What a scope is made from. */
export interface ScopeRequest {
  /** Path of the bus's socket. */
  bus: string;
  uid: number;
  /** With `.scope`. */
  name: string;
  description: string;
  /** With `.slice`; undefined is systemd's choice. */
  slice?: string | undefined;
  /** The process that is moved into it. */
  pid: number;
}

/**
 * Has systemd make a scope that is delegated to us, with a process in it.
 * @throws TsboxError "unavailable" when there is no systemd there, or it refuses
 */
export async function startScope(request: ScopeRequest): Promise<void> {
  const bus = await openSessionBus(request.bus, request.uid, PATIENCE);
  try {
    await makeScope(bus, request);
  } finally {
    bus.close();
  }
}

async function makeScope(bus: SessionBus, request: ScopeRequest): Promise<void> {
  // The job may be over before we have read what it is called.
  const results = new Map<string, string>();
  let wake = () => {};
  bus.listen((message) => {
    const job = endedJob(message);
    if (job?.unit !== request.name) return;
    results.set(job.path, job.result);
    wake();
  });
  await Promise.all([
    bus.call(addMatch(JOB_REMOVED)),
    bus.call({ ...MANAGER, member: "Subscribe" }),
  ]);
  const { body } = await bus.call(startCall(request));
  const job = body.text();
  for (let result = results.get(job);; result = results.get(job)) {
    if (result !== undefined) return checkResult(result, request.name);
    await Promise.race([new Promise<void>((resolve) => wake = resolve), bus.over]);
  }
}

/** What the signal that a job has ended says: a number, the job, its unit, the result. */
function endedJob(message: Message): { path: string; unit: string; result: string } | undefined {
  const { member, signature, body } = message;
  if (member !== "JobRemoved" || signature !== "uoss") return undefined;
  if (message.interface !== MANAGER.interface || message.path !== MANAGER.path) return undefined;
  body.word();
  return { path: body.text(), unit: body.text(), result: body.text() };
}

function checkResult(result: string, name: string): void {
  if (result === "done") return;
  throw new TsboxError("unavailable", `systemd could not start ${name}: ${result.slice(0, 100)}`);
}

function startCall({ name, description, slice, pid }: ScopeRequest) {
  const properties: [string, Typed][] = [
    ["Description", { type: "s", value: description }],
    ["PIDs", { type: "au", value: [pid] }],
    ["Delegate", { type: "b", value: true }],
    // What is limited is the container, in its own group below; systemd's default is a part of all processes.
    ["TasksMax", { type: "t", value: UNLIMITED }],
    ["CollectMode", { type: "s", value: "inactive-or-failed" }],
    ...(slice === undefined ? [] : [["Slice", { type: "s", value: slice }] as [string, Typed]]),
  ];
  const body = (writer: WireWriter) => {
    writer.text(name);
    writer.text("fail");
    writer.array(8, () => {
      for (const [key, value] of properties) {
        writer.align(8);
        writer.text(key);
        writer.variant(value);
      }
    });
    writer.array(8, () => {});
  };
  return { ...MANAGER, member: "StartTransientUnit", signature: "ssa(sv)a(sa(sv))", body };
}

/**
 * Has systemd move a process, which may be in a session that is not ours to take it out of, into a group of a
 * delegated unit.
 * @param subgroup begins with a slash
 * @throws TsboxError "unavailable"
 */
export async function attachToUnit(
  request: { bus: string; uid: number; unit: string; subgroup: string; pid: number },
): Promise<void> {
  const bus = await openSessionBus(request.bus, request.uid, PATIENCE);
  try {
    await bus.call({
      ...MANAGER,
      member: "AttachProcessesToUnit",
      signature: "ssau",
      body: (writer) => {
        writer.text(request.unit);
        writer.text(request.subgroup);
        writer.array(4, () => writer.word(request.pid));
      },
    });
  } finally {
    bus.close();
  }
}
