import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { Workshop } from "../../tests/support/worker.ts";

let workshop: Workshop;
beforeEach(() => {
  workshop = new Workshop();
});
afterEach(() => workshop.clear());

test("two workers that delete one tree at once both see it gone", async () => {
  for (let round = 0; round < 2; round++) {
    const tree = `${workshop.folder}/store`;
    for (let i = 0; i < 4; i++) {
      const folder = `${tree}/${i}/${"d/".repeat(90)}`;
      mkdirSync(folder, { recursive: true });
      for (let file = 0; file < 10; file++) writeFileSync(`${folder}${file}`, "");
    }
    const job = { kind: "remove", paths: [tree] } as const;
    await Promise.all([workshop.work(job), workshop.work(job), workshop.work(job)]);
    expect(existsSync(tree)).toBe(false);
  }
});
