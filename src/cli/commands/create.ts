import { createOnly } from "../../engine/create_container.ts";
import type { Command } from "../command.ts";
import { discardedLimits } from "../run/discarded_limits.ts";
import { runGrammar } from "../run/grammar.ts";
import { runHost } from "../run/run_host.ts";
import { makeRunOptions } from "../run/run_options.ts";

/** What only makes sense for a container that is started at once. */
const RUN_ONLY = ["detach", "detach-keys", "sig-proxy", "debug-plan"];

/** `tsbox create`. */
export const command: Command = {
  grammar: {
    ...runGrammar,
    path: "create",
    aliases: ["container create", "create"],
    summary: "Create a new container",
    flags: runGrammar.flags.filter(({ name }) => !RUN_ONLY.includes(name)),
  },
  run: async (line, io, context) => {
    const host = runHost(io);
    const options = makeRunOptions(line, io, context.settings);
    for (const warning of discardedLimits(line, runGrammar)) io.err(`WARNING: ${warning}\n`);
    host.print(await createOnly(options, context, host));
    return 0;
  },
};
