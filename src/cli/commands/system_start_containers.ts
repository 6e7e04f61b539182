import { startWanted } from "../../engine/start_wanted.ts";
import { TsboxError } from "../../errors.ts";
import type { Command } from "../command.ts";
import { errorText } from "../report.ts";
import { runHost } from "../run/run_host.ts";

/** `tsbox system start-containers`: what the unit of `system install` runs at boot. */
export const command: Command = {
  grammar: {
    path: "system start-containers",
    aliases: ["system start-containers"],
    summary: "Start the containers whose restart policy wants it",
    usage: "",
    args: { min: 0, max: 0 },
    flags: [],
  },
  run: (_line, io, context) => {
    let status = 0;
    for (const { name, error } of startWanted(context, runHost(io))) {
      if (error === undefined) io.out(`${name}\n`);
      else if (!(error instanceof TsboxError)) throw error;
      else {
        io.err(`${name}: ${errorText(error)}`);
        status = 1;
      }
    }
    return Promise.resolve(status);
  },
};
