import { uninstallBootUnit } from "../../engine/boot_unit.ts";
import type { Command } from "../command.ts";

/** `tsbox system uninstall`. */
export const command: Command = {
  grammar: {
    path: "system uninstall",
    aliases: ["system uninstall"],
    summary: "Start no containers at boot any more",
    usage: "",
    args: { min: 0, max: 0 },
    flags: [],
  },
  run: async (_line, io, context) => {
    io.out(`${await uninstallBootUnit(context)}\n`);
    return 0;
  },
};
