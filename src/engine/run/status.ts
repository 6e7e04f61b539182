import { TsboxError } from "../../errors.ts";

/** What `run` answers for a container that could not be started, as docker: 125, 126 or 127. */
export function statusOf(error: unknown): number {
  const code = error instanceof TsboxError ? error.code : undefined;
  if (code === "cannot-execute") return 126;
  return code === "command-not-found" ? 127 : 125;
}
