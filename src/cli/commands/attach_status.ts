import type { AttachEnd } from "../../engine/attach_client.ts";

/** What a program ends with when nobody reads its output: 128 + SIGPIPE. */
const BROKEN_PIPE = 141;

/** The exit status of a command that was attached to a container. */
export function attachStatus(end: AttachEnd, { notice }: { notice(line: string): void }): number {
  switch (end.kind) {
    case "exited":
      return end.exitCode;
    case "detached":
      notice("read escape sequence");
      return 0;
    case "output-closed":
      return BROKEN_PIPE;
  }
}
