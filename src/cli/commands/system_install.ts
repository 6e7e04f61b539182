import { installBootUnit } from "../../engine/boot_unit.ts";
import type { Command } from "../command.ts";

/** `tsbox system install`. */
export const command: Command = {
  grammar: {
    path: "system install",
    aliases: ["system install"],
    summary: "Start containers with a restart policy when the machine boots",
    usage: "",
    args: { min: 0, max: 0 },
    flags: [],
  },
  run: async (_line, io, context) => {
    const flags = [`--data-root=${context.dataRoot}`];
    const { path, lingers } = await installBootUnit(context, { path: io.self.path, flags });
    io.out(`${path}\n`);
    if (!lingers) {
      io.err(
        "tsbox: containers start when you log in, and end when you log out; " +
          "'loginctl enable-linger' has them start at boot and stay\n",
      );
    }
    return 0;
  },
};
