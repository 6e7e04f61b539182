/** Whether the caller has subordinate ids, and the helpers that map them work. */
import { closeSync, readFileSync } from "node:fs";
import { messageOf, TsboxError } from "../../errors.ts";
import { installPackage } from "./fixes.ts";
import { findHelper, ID_HELPERS } from "../id_helpers.ts";
import type { IdRange } from "../id_map.ts";
import type { IdRequest } from "../id_source.ts";
import {
  callerName,
  nextFreeRange,
  type OwnIdMap,
  ownIdMap,
  type OwnRanges,
  ownRanges,
} from "../subids.ts";
import { openUserNamespace } from "../user_namespace.ts";
import { type Finding, fine } from "./finding.ts";

/** What the host says. */
export interface IdFacts {
  /** The caller's name or, unknown, their number. */
  who: string;
  /** Their ids, or why there are none. */
  ranges: OwnRanges | TsboxError;
  /** Texts of /etc/subuid and /etc/subgid. */
  subuid: string;
  subgid: string;
  /** Names of helpers that are not installed. */
  missingHelpers: readonly string[];
  /** Why a namespace with all ids could not be made; undefined when it could, or there are none. */
  failure?: string;
}

const IDS = "subordinate ids";
const HELPERS = "newuidmap, newgidmap";
/** What images expect to exist: nobody is 65534. */
const ENOUGH = 65536;
const LOST = "files of images lose their owners and processes cannot change their user";

function total(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

/** Judges whether there are enough ids. */
export function judgeIds({ who, ranges, subuid, subgid }: IdFacts): Finding {
  const count = ranges instanceof TsboxError ? 0 : Math.min(total(ranges.uids), total(ranges.gids));
  if (count >= ENOUGH) return fine(IDS, `${count} ids for ${who}`);
  const { start } = nextFreeRange(subuid, subgid);
  const range = `${start}-${start + ENOUGH - 1}`;
  return {
    name: IDS,
    status: "limited",
    detail: ranges instanceof TsboxError ? ranges.message : `only ${count} ids for ${who}`,
    lost: LOST,
    fix: `sudo usermod --add-subuids ${range} --add-subgids ${range} ${who}`,
  };
}

/** Judges whether the helpers do their work. */
export function judgeHelpers({ ranges, missingHelpers, failure }: IdFacts): Finding {
  if (missingHelpers.length > 0) {
    const detail = `${missingHelpers.join(" and ")} not installed`;
    const fix = installPackage("uidmap");
    return { name: HELPERS, status: "limited", detail, lost: LOST, fix };
  }
  if (ranges instanceof TsboxError) return fine(HELPERS, "installed");
  if (failure === undefined) return fine(HELPERS, "they map the ids");
  const fix = "sudo chown root:root /usr/bin/newuidmap /usr/bin/newgidmap && " +
    "sudo chmod 4755 /usr/bin/newuidmap /usr/bin/newgidmap";
  return {
    name: HELPERS,
    status: "missing",
    detail: failure,
    lost: "only --userns=single works",
    fix,
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/**
 * Reads the files and makes a namespace, which the next command will use too.
 * @param runtimeDir undefined: there is none, and no namespace is tried
 */
export function readIdFacts(caller: IdRequest, runtimeDir: string | undefined): IdFacts {
  const failure = attempt(ownIdMap(caller), runtimeDir);
  return {
    who: callerName(caller),
    ranges: ownRanges(caller),
    subuid: textOf("/etc/subuid"),
    subgid: textOf("/etc/subgid"),
    missingHelpers: ID_HELPERS.filter((name) => findHelper(name) === undefined),
    ...(failure !== undefined && { failure }),
  };
}

function attempt(map: OwnIdMap, runtimeDir: string | undefined): string | undefined {
  if (map.kind === "single" || runtimeDir === undefined) return undefined;
  try {
    closeSync(openUserNamespace(map, runtimeDir).fd);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
