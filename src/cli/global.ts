import type { ContextSource, StorageDriver } from "../engine/context.ts";
import type { CommandGrammar } from "./flags.ts";
import type { CliIo } from "./io.ts";
import type { ParsedLine } from "./parse.ts";
import { absolutePath } from "./run/paths.ts";
import { badValue } from "./usage_error.ts";

const DRIVERS: readonly StorageDriver[] = ["overlay", "fuse-overlayfs", "copy"];

/** What may stand before the command. */
export const globalGrammar: CommandGrammar = {
  path: "",
  aliases: [],
  summary: "A rootless container engine in one executable",
  usage: "[OPTIONS] COMMAND [ARG...]",
  args: { min: 0 },
  optionsFirst: true,
  flags: [
    { name: "data-root", value: "string", help: "Directory of images and containers" },
    {
      name: "storage-driver",
      value: "string",
      help: 'How root filesystems are made ("overlay", "fuse-overlayfs", "copy")',
    },
    { name: "version", short: "v", help: "Print version information and quit" },
  ],
};

/** The global flags and the caller, as the engine's context is made of them. */
export function contextSource(line: ParsedLine | undefined, io: CliIo): ContextSource {
  const { env, uid, gid, build } = io;
  const source = { env, uid, gid, build };
  if (line === undefined) return source;
  const dataRoot = line.flags.last("data-root");
  const wanted = line.flags.last("storage-driver");
  return {
    ...source,
    ...(dataRoot && { dataRoot: absolutePath(io.cwd, dataRoot) }),
    ...(wanted !== undefined && { storageDriver: driverNamed(wanted) }),
  };
}

function driverNamed(wanted: string): StorageDriver {
  const driver = DRIVERS.find((name) => name === wanted);
  if (driver !== undefined) return driver;
  const flag = globalGrammar.flags[1] ?? { name: "storage-driver", help: "" };
  throw badValue(globalGrammar, flag, wanted, `must be one of ${DRIVERS.join(", ")}`);
}
