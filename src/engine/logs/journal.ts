/** `logs` of containers that log to the journal: read by journalctl. */
import type { StoredContainer } from "../../storage/containers.ts";
import type { LogPiece } from "../../storage/log/piece.ts";
import { TsboxError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { LogsOptions } from "./options.ts";
import { connectMonitor } from "../monitor/connection.ts";
import { LogPrinter } from "./printer.ts";

/** Milliseconds that the journal gets to show what a container wrote last. */
const LAST_WORDS = 500;
const NEWLINE = new TextEncoder().encode("\n");
/** Bytes of a line of journalctl; more is none of ours. */
const MAX_LINE = 1 << 20;

/** As showLogs. @throws TsboxError "host" when there is no journalctl, or it fails */
export async function showJournal(
  { record: { id }, directory }: StoredContainer,
  options: LogsOptions,
  env: EngineContext["env"],
): Promise<boolean> {
  const program = Bun.which("journalctl", { PATH: env["PATH"] ?? "" });
  if (program === null) {
    throw new TsboxError("host", "Cannot read the journal: there is no journalctl", {
      hint: "install systemd, or choose another --log-driver",
    });
  }
  const child = Bun.spawn([program, ...words(id, options)], {
    env: { ...env, LC_ALL: "C" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const monitor = options.follow ? await connectMonitor(directory) : undefined;
  if (options.follow) void endAfter(monitor, child);
  const printer = new LogPrinter(options, 0, true);
  try {
    for await (const pieces of entriesOf(child.stdout)) {
      if (!await printer.print(pieces)) return printer.isOpen;
    }
    const status = await child.exited;
    if (status !== 0 && child.signalCode === null) throw await journalFailed(child.stderr);
    return await printer.end();
  } finally {
    child.kill();
    monitor?.close();
  }
}

function words(id: string, { follow, tail }: LogsOptions): string[] {
  const lines = tail === undefined ? follow ? ["--lines=all"] : [] : [`--lines=${tail}`];
  const always = ["--output=json", "--all", "--no-pager", "--quiet"];
  return [...always, ...lines, ...(follow ? ["--follow"] : []), `CONTAINER_ID_FULL=${id}`];
}

/** Ends journalctl some time after the container. */
async function endAfter(
  monitor: Awaited<ReturnType<typeof connectMonitor>>,
  child: { kill(): void },
): Promise<void> {
  if (monitor !== undefined) {
    await monitor.sendJson("request", { op: "follow" });
    await monitor.next();
  }
  await Bun.sleep(LAST_WORDS);
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
  const time = BigInt(String(fields.get("__REALTIME_TIMESTAMP") ?? "0")) * 1000n;
  const message = messageBytes(fields.get("MESSAGE"));
  const isPart = fields.get("CONTAINER_PARTIAL_MESSAGE") === "true";
  return {
    stream: fields.get("PRIORITY") === "3" ? "stderr" : "stdout",
    time,
    bytes: isPart ? message : Buffer.concat([message, NEWLINE]),
  };
}

/** Text, or a list of bytes where it is no UTF-8. */
function messageBytes(value: unknown): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  return Array.isArray(value) ? Uint8Array.from(value, Number) : new Uint8Array(0);
}
