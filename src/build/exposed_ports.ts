/** The ports of EXPOSE. Pure. */
import { TsboxError } from "../errors.ts";

/** `80`, `80/udp` or `8000-8010/tcp` as keys of an image config. @throws TsboxError "invalid-argument" */
export function readPorts(text: string): string[] {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/([a-zA-Z]+))?$/.exec(text);
  const [, first = "", last = first, protocol = "tcp"] = match ?? [];
  const [from, to] = [Number(first), Number(last)];
  const known = ["tcp", "udp", "sctp"].includes(protocol.toLowerCase());
  if (match === null || !known || from > to || to > 65535) {
    throw new TsboxError("invalid-argument", `invalid containerPort: ${text}`);
  }
  return Array.from(
    { length: to - from + 1 },
    (_, i) => `${from + i}/${protocol.toLowerCase()}`,
  );
}
