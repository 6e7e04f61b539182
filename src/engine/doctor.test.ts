import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endKeeper } from "../../tests/support/keeper.ts";
import { makeContext } from "./context.ts";
import { diagnose, type Finding } from "./doctor.ts";
import { judgeNetworkTools, judgeTun } from "./doctor_network.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbox-doctor-"));
afterAll(() => {
  for (const name of readdirSync(`${folder}/run/tsbox`)) {
    if (name.startsWith("keeper-")) endKeeper(`${folder}/run/tsbox/${name}`);
  }
  rmSync(folder, { recursive: true });
});

test("on the host of these tests nothing that is needed is missing", () => {
  mkdirSync(`${folder}/run`);
  const env = { HOME: folder, XDG_RUNTIME_DIR: `${folder}/run`, PATH: "/usr/bin:/bin" };
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const build = { version: "1", commit: "c" };
  const findings = diagnose(makeContext({ env, uid, gid, build }));
  expect(findings.filter(({ status }) => status === "missing")).toEqual([]);
  const status = (name: string) => findings.find((f: Finding) => f.name === name)?.status;
  for (const name of ["kernel", "seccomp", "user namespaces", "overlay", "network program"]) {
    expect([name, status(name)]).toEqual([name, "ok"]);
  }
  expect(readdirSync(`${folder}/.local/share/tsbox/tmp`)).toEqual([]);
});

test("without a network program only host and none are left; slirp4netns is second best", () => {
  expect(judgeNetworkTools({ tools: [], tun: true })).toMatchObject({
    status: "missing",
    fix: "sudo apt install passt",
  });
  const slirp = { name: "slirp4netns", path: "/usr/bin/slirp4netns" } as const;
  expect(judgeNetworkTools({ tools: [slirp], tun: true }).status).toBe("limited");
  expect(judgeTun({ tools: [slirp], tun: false })).toMatchObject({
    status: "missing",
    fix: expect.stringContaining("modprobe tun"),
  });
});
