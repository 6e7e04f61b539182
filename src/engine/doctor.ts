/** `doctor`: looks at everything that rootless containers need of the host. */
import { closeSync, mkdirSync } from "node:fs";
import { messageOf } from "../errors.ts";
import { readNetworkFacts } from "../network/host_check.ts";
import { judgeCgroups, readCgroupFacts } from "../rootless/host/cgroups.ts";
import type { Finding } from "../rootless/host/finding.ts";
import { judgeKernel, judgeSeccomp, readKernelFacts } from "../rootless/host/kernel.ts";
import {
  judgeFuseOverlay,
  judgeOverlay,
  judgeSpace,
  judgeStore,
  readStoreFacts,
} from "../rootless/host/store.ts";
import { judgeHelpers, judgeIds, readIdFacts } from "../rootless/host/subordinate_ids.ts";
import { judgeUserNamespaces, readNamespaceFacts } from "../rootless/host/user_namespaces.ts";
import { ownIdMap } from "../rootless/subids.ts";
import { openUserNamespace } from "../rootless/user_namespace.ts";
import type { EngineContext } from "./context.ts";
import { ensureRuntimeDir } from "./runtime_dir.ts";
import { judgeNetworkTools, judgeTun } from "./doctor_network.ts";

export type { Finding } from "../rootless/host/finding.ts";

/** Every finding, in the order in which things build on each other. Makes the store's folders, else changes nothing. */
export function diagnose(context: EngineContext): Finding[] {
  const { uid, gid, env } = context;
  const caller = { uid, gid, name: env["USER"], mode: "auto" } as const;
  const kernel = readKernelFacts();
  const namespaces = judgeUserNamespaces(readNamespaceFacts());
  const folders = makeFolders(context);
  // Without a namespace the store's file system cannot be tried, and is not to blame.
  const store = namespaces.status === "ok" ? storeFindings : () => [];
  const ids = readIdFacts(caller, folders === undefined ? context.runtimeDir : undefined);
  const network = readNetworkFacts(env["PATH"]);
  return [
    judgeKernel(kernel),
    judgeSeccomp(kernel),
    namespaces,
    judgeIds(ids),
    judgeHelpers(ids),
    ...(folders === undefined ? store(context) : [folders]),
    judgeCgroups(readCgroupFacts(uid, env)),
    judgeNetworkTools(network),
    judgeTun(network),
  ];
}

/** The folders that every other command makes as well; a finding when that is not possible. */
function makeFolders({ dataRoot, runtimeDir, uid }: EngineContext): Finding | undefined {
  try {
    for (const folder of [dataRoot, `${dataRoot}/tmp`]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    ensureRuntimeDir(runtimeDir, uid);
    return undefined;
  } catch (error) {
    return noStore(dataRoot, error);
  }
}

function noStore(dataRoot: string, error: unknown): Finding {
  return {
    name: "store",
    status: "missing",
    detail: `${dataRoot}: ${messageOf(error)}`,
    lost: "no image can be kept",
    fix: "set XDG_DATA_HOME, or pass --data-root DIR, to a folder that is yours",
  };
}

function storeFindings({ uid, gid, env, dataRoot, runtimeDir }: EngineContext): Finding[] {
  try {
    const map = ownIdMap({ uid, gid, name: env["USER"], mode: "auto" });
    const userns = openUserNamespace(map, runtimeDir);
    const facts = readStoreFacts(dataRoot, { userns, directory: `${dataRoot}/tmp`, runtimeDir });
    closeSync(userns.fd);
    return [judgeStore(facts), judgeOverlay(facts), judgeFuseOverlay(facts), judgeSpace(facts)];
  } catch (error) {
    return [noStore(dataRoot, error)];
  }
}
