import { TsboxError } from "../errors.ts";

/** Longest name: it is a file name. */
const MAX_NAME = 255;

/**
 * Refuses what cannot be a volume's name, in docker's words. A name becomes a file name, so nothing that
 * could lead elsewhere gets past this.
 * @throws TsboxError "invalid-argument"
 */
export function checkVolumeName(name: string): void {
  if (name.length === 1) {
    throw invalid("volume name is too short, names should be at least two alphanumeric characters");
  }
  if (name.length > MAX_NAME) throw invalid(`volume name is longer than ${MAX_NAME} characters`);
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw invalid(
    `"${name}" includes invalid characters for a local volume name, only ` +
      `"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    "If you intended to pass a host directory, use absolute path",
  );
}

function invalid(message: string, hint?: string): TsboxError {
  return new TsboxError("invalid-argument", message, hint === undefined ? {} : { hint });
}
