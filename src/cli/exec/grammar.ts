import type { CommandGrammar } from "../flags.ts";

/** `tsbox exec`. */
export const execGrammar: CommandGrammar = {
  path: "exec",
  aliases: ["container exec", "exec"],
  summary: "Execute a command in a running container",
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  args: { min: 2 },
  optionsFirst: true,
  flags: [
    { name: "detach", short: "d", help: "Detached mode: run command in the background" },
    {
      name: "detach-keys",
      value: "string",
      help: "Override the key sequence for detaching a container",
    },
    { name: "env", short: "e", value: "list", help: "Set environment variables" },
    { name: "env-file", value: "list", help: "Read in a file of environment variables" },
    { name: "interactive", short: "i", help: "Keep STDIN open even if not attached" },
    { name: "privileged", help: "Give extended privileges to the command" },
    { name: "tty", short: "t", help: "Allocate a pseudo-TTY" },
    {
      name: "user",
      short: "u",
      value: "string",
      help: 'Username or UID (format: "<name|uid>[:<group|gid>]")',
    },
    {
      name: "workdir",
      short: "w",
      value: "string",
      help: "Working directory inside the container",
    },
  ],
};
