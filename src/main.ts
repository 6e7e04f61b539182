/** The one entry of the executable: picks the role, and owns argv, the environment and process.exit. */

declare const TSBOX_VERSION: string;
declare const TSBOX_COMMIT: string;

if (process.argv[2] === "--version") {
  process.stdout.write(`tsbox version ${TSBOX_VERSION}, build ${TSBOX_COMMIT}\n`);
}
