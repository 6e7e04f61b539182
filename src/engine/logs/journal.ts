/** `logs` of containers that log to the journal: read by journalctl. */
import type { StoredContainer } from "../../storage/containers.ts";
import type { LogPiece } from "../../storage/log/piece.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { LogsOptions } from "./options.ts";
import { connectMonitor, type MonitorConnection } from "../monitor/connection.ts";
import { timeLeft } from "./follow.ts";
import { LogPrinter } from "./printer.ts";

/** Milliseconds without a message, after its end, after which a container has nothing more in the journal. */
const LAST_WORDS = 500;
const POLL = 50;
const NEWLINE = new TextEncoder().encode("\n");
/** Bytes of a line of journalctl; more is none of ours. */
const MAX_LINE = 1 << 20;
/** Of our own fields, and those of syslog: all others are what `--log-opt` chose, as docker sees it. */
const KNOWN = /^(_|MESSAGE|PRIORITY$|CODE_|ERRNO$|SYSLOG_|CONTAINER_|IMAGE_NAME$)/;

/** As showLogs. @throws TsboxError "host" when there is no journalctl, or it fails */
export async function showJournal(
  { record: { id }, directory }: StoredContainer,
  options: LogsOptions,
  { env, uid }: Pick<EngineContext, "env" | "uid">,
): Promise<boolean> {
  const program = Bun.which("journalctl", { PATH: env["PATH"] ?? "" });
  if (program === null) {
    throw new TsboxError("host", "Cannot read the journal: there is no journalctl", {
      hint: "install systemd, or choose another --log-driver",
    });
  }
  // What has ended already is read to its end, however long that takes.
  const monitor = options.follow ? await connectMonitor(directory) : undefined;
  const child = Bun.spawn([program, ...words(id, uid, options.tail, monitor !== undefined)], {
    env: { ...env, LC_ALL: "C" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const reader = new Reader();
  if (monitor !== undefined) void endAfter(monitor, options.until, child, reader);
  const printer = new LogPrinter(options, 0, true);
  try {
    for await (const pieces of entriesOf(child.stdout)) {
      reader.begins();
      if (!await printer.print(pieces)) return printer.isOpen;
      reader.waits();
    }
    const status = await child.exited;
    if (status !== 0 && child.signalCode === null) throw await journalFailed(child.stderr);
    return await printer.end();
  } finally {
    child.kill();
    monitor?.close();
  }
}

/** Anybody may send the journal an entry with any field; only the kernel says which user it came from. */
function words(id: string, uid: number, tail: number | undefined, follow: boolean): string[] {
  const lines = tail === undefined ? follow ? ["--lines=all"] : [] : [`--lines=${tail}`];
  const always = ["--output=json", "--all", "--no-pager", "--quiet"];
  const ours = [`CONTAINER_ID_FULL=${id}`, `_UID=${uid}`];
  return [...always, ...lines, ...(follow ? ["--follow"] : []), ...ours];
}

/** Since when whoever reads the journal has waited for it, and not it for him. */
class Reader {
  #since: number | undefined = performance.now();

  begins(): void {
    this.#since = undefined;
  }

  waits(): void {
    this.#since = performance.now();
  }

  /** Counts anew how long it waits, if it does. */
  restart(): void {
    if (this.#since !== undefined) this.waits();
  }

  hasWaited(milliseconds: number): boolean {
    return this.#since !== undefined && performance.now() - this.#since >= milliseconds;
  }
}

/** Ends journalctl when the container has ended, or the time has come, and the journal has told all of it. */
async function endAfter(
  monitor: MonitorConnection,
  until: bigint | undefined,
  child: { kill(): void },
  reader: Reader,
): Promise<void> {
  await monitor.sendJson("request", { op: "follow" });
  const left = timeLeft(until);
  await Promise.race([monitor.next(), ...(left === undefined ? [] : [Bun.sleep(left)])]);
  reader.restart();
  do await Bun.sleep(POLL); while (!reader.hasWaited(LAST_WORDS));
  child.kill();
}

async function journalFailed(stderr: ReadableStream<Uint8Array>): Promise<TsboxError> {
  const said = (await new Response(stderr).text()).trim().split("\n").at(-1) ?? "";
  return new TsboxError("host", `Cannot read the journal: journalctl said "${said}"`);
}

/** Messages, a batch for each piece that was read. */
async function* entriesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<LogPiece[]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) rest = "";
    yield lines.flatMap((line) => entryOf(line) ?? []);
  }
}

/** A message as journalctl shows it (systemd's JSON format); undefined for what is none. */
export function entryOf(line: string): LogPiece | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof entry !== "object" || entry === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(entry));
  // When it was sent; the journal writes it down some time later.
  const sent = fields.get("_SOURCE_REALTIME_TIMESTAMP") ?? fields.get("__REALTIME_TIMESTAMP");
  const time = BigInt(String(sent ?? "0")) * 1000n;
  const message = messageBytes(fields.get("MESSAGE"));
  const isPart = fields.get("CONTAINER_PARTIAL_MESSAGE") === "true";
  return {
    stream: fields.get("PRIORITY") === "3" ? "stderr" : "stdout",
    time,
    bytes: isPart ? message : Buffer.concat([message, NEWLINE]),
    attributes: attributesOf(fields),
  };
}

function attributesOf(fields: ReadonlyMap<string, unknown>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (typeof value === "string" && !KNOWN.test(name)) found[name] = value;
  }
  return found;
}

/** Text, or a list of bytes where it is no UTF-8. */
function messageBytes(value: unknown): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  return Array.isArray(value) ? Uint8Array.from(value, Number) : new Uint8Array(0);
}
