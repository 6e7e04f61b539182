/** Exchanges two names (arguments) over and over, as a hostile process would, until it is killed. */
import { cstring, raw } from "../../src/ffi/libc.ts";

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

const [, , one = "", two = ""] = process.argv;
const [first, second] = [cstring(one), cstring(two)];
for (let i = 0;; i++) {
  const result = raw("renameat2", AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
  if (i === 0) await Bun.write(Bun.stdout, result === 0 ? "exchanging\n" : `errno ${-result}\n`);
}
