import { createVolume } from "../../engine/volumes.ts";
import type { Command } from "../command.ts";
import type { CommandGrammar, Flag } from "../flags.ts";
import { splitPair } from "../run/environment.ts";
import { badValue, UsageError } from "../usage_error.ts";

const OPT: Flag = {
  name: "opt",
  short: "o",
  value: "map",
  help: "Set driver specific options (type, device, o)",
};

/** Docker has these for volumes of a swarm. */
const CLUSTER = "availability group limit-bytes required-bytes scope secret sharing " +
  "topology-preferred topology-required type";

const grammar: CommandGrammar = {
  path: "volume create",
  aliases: ["volume create"],
  summary: "Create a volume",
  usage: "[OPTIONS] [VOLUME]",
  args: { min: 0, max: 1 },
  flags: [
    { name: "driver", short: "d", value: "string", help: 'Volume driver (default "local")' },
    { name: "label", value: "list", help: "Set metadata for a volume" },
    { name: "name", value: "string", help: "Volume name, in place of the argument" },
    OPT,
  ],
  refused: () =>
    CLUSTER.split(" ").map((name) => ({ name, value: "string", help: "", unsupported: true })),
};

/** `tsbox volume create`. */
export const command: Command = {
  grammar,
  run: ({ flags, args }, io, context) => {
    const given = flags.last("name");
    if (given !== undefined && args.length > 0) {
      throw new UsageError(
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
        1,
      );
    }
    const name = args[0] ?? given;
    const labels: Record<string, string> = {};
    for (const spec of flags.all("label")) {
      const [key, value = ""] = splitPair(spec);
      labels[key] = value;
    }
    const options: Record<string, string> = {};
    for (const spec of flags.all("opt")) {
      const [key, value] = splitPair(spec);
      if (value === undefined) throw badValue(grammar, OPT, spec, `${spec} must be key=value`);
      options[key] = value;
    }
    const driver = flags.last("driver") ?? "local";
    const volume = createVolume(context, { ...(name && { name }), driver, labels, options });
    io.out(`${volume.Name}\n`);
    return Promise.resolve(0);
  },
};
