/**
 * Stands for `tsbox run -t[i] ... COMMAND` in the relay's tests: a terminal as a container's, a command on it,
 * relayed to descriptors 0 and 1. Arguments: what to do beside relaying, then the command.
 */
import { closeSync, writeSync } from "node:fs";
import { relayTerminal } from "../../src/engine/terminal_relay.ts";
import { openTerminal } from "./pseudo_terminal.ts";

async function main(mode: string, command: readonly string[]): Promise<number> {
  const { master, slave } = openTerminal();
  const relay = relayTerminal({ master, stdout: 1, ...(mode !== "output-only" && { stdin: 0 }) });
  const child = Bun.spawn(["setsid", "-c", ...command], {
    stdin: slave,
    stdout: slave,
    stderr: slave,
  });
  closeSync(slave);
  if (mode === "throw") setTimeout(() => JSON.parse("{"), 300);
  if (mode === "exit") setTimeout(() => process.exit(3), 300);
  if (mode === "forward") process.on("SIGTERM", () => child.kill("SIGTERM"));
  const code = mode === "output-only" ? 0 : await child.exited;
  if (mode === "drain") relay.drain();
  writeSync(2, await relay.finished);
  return code;
}

// Without a top-level await, as main.ts is: with one, Bun goes on after an uncaught error.
const [mode = "", ...command] = process.argv.slice(2);
void main(mode, command).then((code) => process.exit(code));
