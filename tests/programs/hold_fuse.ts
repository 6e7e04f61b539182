/** hold_fuse.ts RUNTIME UPPER WORK LOWER...: serves a rootfs, prints the daemon's pid and waits to be killed. */
import { mountFuseOverlay } from "../../src/rootless/drivers/fuse_overlay.ts";
import { findFuseOverlay } from "../../src/rootless/drivers/choose_driver.ts";
import { testUserNamespace } from "../support/user_namespace.ts";

const [runtime = "", upper = "", work = "", ...lower] = process.argv.slice(2);
const executable = findFuseOverlay();
if (typeof executable !== "string") throw new Error(executable.reason);
const { pid } = mountFuseOverlay(testUserNamespace(runtime), { lower, upper, work }, executable);
process.stdout.write(`${pid}\n`);
setInterval(() => {}, 1000);
