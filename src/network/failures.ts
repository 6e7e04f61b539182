/** What a network program's last words mean for the user. */
import { TsboxError } from "../errors.ts";
import type { NetworkTool } from "./tools.ts";

/** Whether pasta gave up because the host itself is not connected to anything. */
export function isOffline(messages: string): boolean {
  return /External interface not usable|No (external )?routable interface for any/i.test(messages);
}

/** Lines of a host without a system logger, which say nothing of the matter. */
function said(messages: string): string {
  const lines = messages.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !/bytes to syslog$/.test(line)).slice(-2).join(", ");
}

const TUN_HINT = "ask an administrator to run 'modprobe tun' and 'chmod 0666 /dev/net/tun', " +
  "or pass --network none or --network host";

/** The error for a program that ended before it was ready. */
export function explainHelper(name: NetworkTool["name"], messages: string): TsboxError {
  const words = said(messages);
  const message = `Cannot connect the container to the network: ${name} failed` +
    (words === "" ? "" : ` (${words})`);
  if (/net\/tun/.test(messages)) return new TsboxError("host", message, { hint: TUN_HINT });
  // The ports were free when we held them: somebody was quicker than the program.
  if (/bind any port|Failed to bind/i.test(messages)) return new TsboxError("in-use", message);
  return new TsboxError("unavailable", message, {
    hint: "'tsbox doctor' tells what is missing; or pass --network none or --network host",
  });
}
