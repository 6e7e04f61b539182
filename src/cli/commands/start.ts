import { parseDetachKeys } from "../../container/detach_keys.ts";
import { startAndServe, startDetachedContainer } from "../../engine/run_monitored.ts";
import { attachContainer } from "../../engine/attach.ts";
import { findContainer } from "../../storage/find_container.ts";
import type { EngineContext } from "../../engine/context.ts";
import type { Command } from "../command.ts";
import type { CliIo } from "../io.ts";
import type { ParsedLine } from "../parse.ts";
import { reported } from "../report.ts";
import { runHost } from "../run/run_host.ts";
import { UsageError } from "../usage_error.ts";
import { attachStatus } from "./attach_status.ts";
import { forEachWord } from "./each_container.ts";

/** `tsbox start`. */
export const command: Command = {
  grammar: {
    path: "start",
    aliases: ["container start", "start"],
    summary: "Start one or more stopped containers",
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    args: { min: 1 },
    flags: [
      {
        name: "attach",
        short: "a",
        help: "Attach STDOUT/STDERR and forward signals",
      },
      {
        name: "detach-keys",
        value: "string",
        help: "Override the key sequence for detaching a container",
      },
      { name: "interactive", short: "i", help: "Attach container's STDIN" },
      { name: "checkpoint", value: "string", help: "", unsupported: true },
      { name: "checkpoint-dir", value: "string", help: "", unsupported: true },
    ],
  },
  run: (line, io, context) => {
    const { flags, args } = line;
    if (flags.on("attach") || flags.on("interactive")) {
      if (args.length > 1) {
        throw new UsageError("you cannot start and attach multiple containers at once", 1);
      }
      return startAttached(line, io, context);
    }
    const [only = ""] = args;
    if (io.starter !== undefined) return startHere(only, io.starter, io, context);
    return forEachWord(args, io, (name) => {
      const { record, owned } = findContainer(context.dataRoot, name);
      if (!owned) startDetachedContainer(record.id, context, runHost(io));
      return name;
    });
  },
};

/** As one of which this process becomes the monitor; its starter knows that it is a single one without flags. */
async function startHere(
  name: string,
  starter: number,
  io: CliIo,
  context: EngineContext,
): Promise<number> {
  const host = runHost(io);
  const told = () => reported(io, "start", () => host.print(name));
  const { record, owned } = findContainer(context.dataRoot, name);
  if (owned) return told();
  const { monitorHere } = await import("../../engine/monitor/run_here.ts");
  return await monitorHere({ kind: "start", id: record.id }, context, host, { starter, told });
}

async function startAttached(
  { flags, args: [name = ""] }: ParsedLine,
  io: CliIo,
  context: EngineContext,
): Promise<number> {
  const { record, owned } = findContainer(context.dataRoot, name);
  const { tty, interactive } = record.options;
  const detachKeys = flags.last("detach-keys") ?? record.options.detachKeys;
  if (detachKeys) parseDetachKeys(detachKeys);
  const host = runHost(io);
  const options = {
    tty,
    stdin: interactive && flags.on("interactive"),
    owner: false,
    sigProxy: true,
    detachKeys,
    notice: host.notice,
  };
  const job = { kind: "start", id: record.id } as const;
  const end = owned
    ? await attachContainer(context, name, options)
    : await startAndServe(job, context, host, options);
  return attachStatus(end, host);
}
