/** Loaded before every test file (bunfig.toml). */
import { setDefaultTimeout } from "bun:test";

// Bun's five seconds are less than a pull and an unpack on a busy machine take. bunfig.toml has no key for it.
setDefaultTimeout(60_000);
