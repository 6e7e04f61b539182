/** `make demo`, from where it runs as an ordinary user on. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

test("the demo shows what it promises", () => {
  const done = Bun.spawnSync([process.execPath, "scripts/demo_session.ts"], {
    cwd: ROOT,
    stdin: "ignore",
    timeout: 60_000,
  });
  const output = done.stdout.toString();
  expect(done.stderr.toString()).toBe("");
  expect(output).toContain("uid=0(root)");
  expect(output).toEndWith("tsbox run -it alpine sh\n");
  expect(done.exitCode).toBe(0);
});
