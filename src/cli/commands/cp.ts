import {
  archiveFromContainer,
  archiveToContainer,
  type ContainerFile,
  type Copied,
  copyFromContainer,
  type CopyOptions,
  copyToContainer,
} from "../../engine/copy.ts";
import type { EngineContext } from "../../engine/context.ts";
import { humanSize } from "../../engine/units.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { interruptible } from "../interrupt.ts";
import type { CliIo } from "../io.ts";
import { toOutput } from "../output_target.ts";
import { runHost } from "../run/run_host.ts";

/** `tsbox cp`. */
export const command: Command = {
  grammar: {
    path: "cp",
    aliases: ["container cp", "cp"],
    summary: "Copy files/folders between a container and the local filesystem",
    usage:
      "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\ttsbox cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    args: { min: 2, max: 2 },
    flags: [
      { name: "archive", short: "a", help: "Archive mode (copy all uid/gid information)" },
      { name: "follow-link", short: "L", help: "Always follow symbol link in SRC_PATH" },
      {
        name: "quiet",
        short: "q",
        help:
          "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
      },
    ],
  },
  run: async (line, io, context) => {
    const [source = "", target = ""] = line.args;
    const quiet = line.flags.on("quiet", !io.isTty(1));
    const copied = await copy(source, target, io, context, {
      cwd: io.cwd,
      followLink: line.flags.on("follow-link"),
      archive: line.flags.on("archive"),
    });
    if (copied !== undefined && !quiet) {
      io.err(`Successfully copied ${humanSize(copied.bytes)} to ${copied.target}\n`);
    }
    return 0;
  },
};

async function copy(
  source: string,
  target: string,
  io: CliIo,
  context: EngineContext,
  options: CopyOptions,
): Promise<Copied | undefined> {
  if (source === "") throw invalid("source can not be empty");
  if (target === "") throw invalid("destination can not be empty");
  const [from, to] = [containerFile(source), containerFile(target)];
  if (from !== undefined && to !== undefined) {
    throw new TsboxError("unsupported", "copying between containers is not supported");
  }
  const host = runHost(io);
  if (to !== undefined) {
    if (source === "-") return await archiveToContainer(context, host, 0, to);
    return await copyToContainer(context, host, source, to, options);
  }
  if (from === undefined) throw invalid("must specify at least one container source");
  if (target !== "-") {
    return await interruptible((signal) =>
      copyFromContainer(context, host, from, target, options, signal)
    );
  }
  await toOutput(
    io,
    undefined,
    (output) => archiveFromContainer(context, host, from, output, options),
  );
  return undefined;
}

/** Docker's rule: what is absolute, or begins with a dot, is a path of the host. */
function containerFile(word: string): ContainerFile | undefined {
  const colon = word.indexOf(":");
  if (colon < 0 || word.startsWith("/") || word.startsWith(".")) return undefined;
  return { container: word.slice(0, colon), path: word.slice(colon + 1) };
}

function invalid(message: string): TsboxError {
  return new TsboxError("invalid-argument", message);
}
