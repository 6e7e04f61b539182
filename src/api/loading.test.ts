import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

test("the API and its framework are loaded when the service starts, never before", async () => {
  const files = [...new Bun.Glob("src/**/*.ts").scanSync(ROOT)]
    .filter((path) => !path.startsWith("src/api/") && !path.endsWith(".test.ts"));
  const texts = await Promise.all(files.map((path) => Bun.file(join(ROOT, path)).text()));
  const users = files.filter((_, i) => texts[i]?.includes("/api/"));
  expect(users).toEqual(["src/main.ts"]);
  const main = texts[files.indexOf("src/main.ts")] ?? "";
  expect(main).not.toMatch(/from "\.\/api\//);
  expect(main).toContain('await import("./api/serve.ts")');
});
