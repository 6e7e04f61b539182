import { logout, logoutTitle } from "../../engine/login.ts";
import type { Command } from "../command.ts";

/** `tsbox logout`. */
export const command: Command = {
  grammar: {
    path: "logout",
    aliases: ["logout"],
    summary: "Log out from a registry",
    usage: "[SERVER]",
    args: { min: 0, max: 1 },
    flags: [],
  },
  run: async (line, io, context) => {
    const [server = ""] = line.args;
    io.out(`Removing login credentials for ${logoutTitle(server)}\n`);
    await logout(server, context);
    return 0;
  },
};
