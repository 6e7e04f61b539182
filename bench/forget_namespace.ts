/**
 * Ends what keeps tsbox's user namespace from one command to the next.
 *
 * Usage: forget_namespace.ts FOLDER   tsbox's folder in XDG_RUNTIME_DIR
 */
import { endKeeper } from "../tests/support/keeper.ts";

const [folder = "."] = process.argv.slice(2);
for (const path of new Bun.Glob("keeper-*").scanSync({ cwd: folder, absolute: true })) {
  endKeeper(path);
}
