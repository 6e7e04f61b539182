import { O } from "../../ffi/constants.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { isErrno, writeText } from "../../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../../errors.ts";

/** `--cidfile`: a new file with the container's id. @throws TsboxError "conflict" when there is one */
export function writeCidfile(path: string, id: string): void {
  try {
    writeText(path, id, 0o644, O.EXCL);
  } catch (error) {
    if (isErrno(error, ERRNO.EEXIST)) {
      throw new TsboxError(
        "conflict",
        `container ID file found, make sure the other container isn't running or delete ${path}`,
      );
    }
    throw new TsboxError("host", `failed to create the container ID file: ${messageOf(error)}`);
  }
}
