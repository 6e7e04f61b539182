/** A real worker in a real user namespace, for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startJob } from "../../src/engine/worker.ts";
import type { WorkerJob } from "../../src/engine/worker_jobs.ts";
import type { IdMap } from "../../src/rootless/id_map.ts";
import { singleMap } from "../../src/rootless/id_map.ts";
import { ownIdMap } from "../../src/rootless/subids.ts";
import { openUserNamespace, type UserNamespace } from "../../src/rootless/user_namespace.ts";
import type { SelfCommand } from "../../src/rootless/worker.ts";

/** This source tree as the executable. */
export const SELF: SelfCommand = {
  path: process.execPath,
  args: [join(import.meta.dir, "../../src/main.ts"), "@worker"],
};

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;

export const FULL_MAP: IdMap = ownIdMap({ uid, gid, name: undefined, mode: "auto" });
export const SINGLE_MAP: IdMap = singleMap(uid, gid);

/** A new folder, its user namespace, and deleting it with all foreign owners in it. */
export class Workshop {
  readonly folder = mkdtempSync(`${tmpdir()}/tsbox-test-`);
  readonly userns: UserNamespace;

  constructor(map: IdMap = FULL_MAP) {
    this.userns = openUserNamespace(map, this.folder);
  }

  /** Does a job whose input is there already. */
  async work(job: WorkerJob): Promise<unknown> {
    return await startJob(job, this.userns, SELF).result;
  }

  async clear(): Promise<void> {
    await this.work({ kind: "remove", paths: [`${this.folder}/store`, `${this.folder}/layers`] });
    rmSync(this.folder, { recursive: true });
  }
}
