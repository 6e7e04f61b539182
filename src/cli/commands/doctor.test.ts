import { expect, test } from "bun:test";
import { report } from "./doctor.ts";

test("the report has a line a finding, what is lost and the fix below, and counts at the end", () => {
  const text = report([
    { name: "kernel", status: "ok", detail: "Linux 6.1" },
    { name: "cgroups", status: "limited", detail: "version 1", lost: "limits", fix: "boot anew" },
  ]);
  expect(text).toBe(
    "ok       kernel   Linux 6.1\n" +
      "limited  cgroups  version 1\n" +
      "         without it: limits\n" +
      "         fix: boot anew\n" +
      "\n1 ok, 1 limited, 0 missing\n",
  );
});
