import { writeFileSync } from "node:fs";
import { messageOf, TsboxError } from "../../errors.ts";

/** `--cidfile`: a new file with the container's id. @throws TsboxError "conflict" when there is one */
export function writeCidfile(path: string, id: string): void {
  try {
    writeFileSync(path, id, { flag: "wx", mode: 0o644 });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new TsboxError(
        "conflict",
        `container ID file found, make sure the other container isn't running or delete ${path}`,
      );
    }
    throw new TsboxError("host", `failed to create the container ID file: ${messageOf(error)}`);
  }
}
