import { parseRestart } from "../../container/restart_policy.ts";
import { updateContainer } from "../../engine/update.ts";
import type { Command } from "../command.ts";
import type { CommandGrammar } from "../flags.ts";
import { LIMIT_FLAGS } from "../run/resource_flags.ts";
import { parseLimits } from "../run/resources.ts";
import { UsageError } from "../usage_error.ts";
import { forEachWord } from "./each_container.ts";

const grammar: CommandGrammar = {
  path: "update",
  aliases: ["container update", "update"],
  summary: "Update configuration of one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: [
    ...LIMIT_FLAGS,
    {
      name: "restart",
      value: "string",
      help: "Restart policy to apply when a container exits",
    },
    { name: "cpu-rt-period", value: "int", help: "", unsupported: true },
    { name: "cpu-rt-runtime", value: "int", help: "", unsupported: true },
    { name: "kernel-memory", value: "bytes", help: "", unsupported: true },
  ],
};

/** `tsbox update`. */
export const command: Command = {
  grammar,
  run: (line, io, context) => {
    const { flags } = line;
    if (!grammar.flags.some(({ name }) => flags.has(name))) {
      throw new UsageError("you must provide one or more flags when using this command", 1);
    }
    const limits = parseLimits(line, grammar);
    const policy = flags.last("restart");
    const restart = policy ? parseRestart(policy) : undefined;
    return forEachWord(line.args, io, (name) => {
      updateContainer(context, name, { limits, restart }, navigator.hardwareConcurrency);
      return name;
    });
  },
};
