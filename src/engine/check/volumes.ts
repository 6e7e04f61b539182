/** Volumes: what is in one is the user's and is never deleted here. */
import { existsSync, lstatSync, readdirSync, renameSync } from "node:fs";
import { checkVolumeName } from "../../container/volume_name.ts";
import { TsboxError } from "../../errors.ts";
import { storePaths } from "../../storage/layout.ts";
import { lockFile } from "../../storage/lock.ts";
import { replaceFile } from "../../storage/replace_file.ts";
import { trashPath } from "../../storage/trash.ts";
import { ARRIVING, FILLING, findVolume, MAKING, withVolumes } from "../../storage/volumes.ts";
import type { Problem } from "./problem.ts";

/** What volumes are mended with. */
export interface VolumeMenders {
  /** Deletes trees, whoever owns the files in them. */
  discard: (paths: string[]) => Promise<void>;
  /** Ends what a killed command has begun. @param directory of the volume, absolute */
  finishFilling: (directory: string) => Promise<void>;
}

/** Looks at every volume while nobody makes or removes one. */
export function checkVolumes(dataRoot: string, menders: VolumeMenders): Problem[] {
  const { volumes } = storePaths(dataRoot);
  if (!existsSync(volumes)) return [];
  return withVolumes(
    dataRoot,
    () =>
      readdirSync(volumes).sort().flatMap((name) =>
        name === MAKING
          ? [halfMade(dataRoot, name, menders)]
          : isVolumeName(name) && isDirectory(`${volumes}/${name}`)
          ? volumeProblems(dataRoot, name, menders)
          : [strange(`${volumes}/${name}`, name)]
      ),
  );
}

function isVolumeName(name: string): boolean {
  try {
    checkVolumeName(name);
    return true;
  } catch {
    return false;
  }
}

/** Itself, not by a link. */
function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function halfMade(dataRoot: string, name: string, { discard }: VolumeMenders): Problem {
  return {
    what: `volumes/${name}: left behind by a command that was killed`,
    remedy: "deletes it",
    mend: async () => {
      const path = `${storePaths(dataRoot).volumes}/${name}`;
      await discard(withVolumes(dataRoot, () => existsSync(path) ? [aside(dataRoot, path)] : []));
    },
  };
}

/** Moves a tree to where it is deleted from, and says where that is. */
function aside(dataRoot: string, path: string): string {
  const tree = trashPath(dataRoot, `volume-${crypto.randomUUID()}`);
  renameSync(path, tree);
  return tree;
}

function strange(path: string, name: string): Problem {
  return {
    what: `volumes/${name}: not a volume`,
    remedy: `none of tsbox's: look at ${path}, and take it away`,
  };
}

function volumeProblems(dataRoot: string, name: string, menders: VolumeMenders): Problem[] {
  const directory = `${storePaths(dataRoot).volumes}/${name}`;
  if (!isDirectory(`${directory}/_data`)) {
    return [{
      what: `volume "${name}": its data is gone`,
      remedy: `what is left is in ${directory}; remove it with: tsbox volume rm -f ${name}`,
    }];
  }
  return [
    ...isReadable(dataRoot, name) ? [] : [withoutRecord(dataRoot, name, directory)],
    ...unfinished(name, directory, menders),
  ];
}

function isReadable(dataRoot: string, name: string): boolean {
  try {
    return findVolume(dataRoot, name) !== undefined;
  } catch (error) {
    if (error instanceof TsboxError && error.code === "corrupt") return false;
    throw error;
  }
}

/** The data is what counts. */
function withoutRecord(dataRoot: string, name: string, directory: string): Problem {
  return {
    what: `volume "${name}": its record is damaged`,
    remedy: "makes it anew; labels and options that it had are lost, its data is not",
    mend: () =>
      withVolumes(dataRoot, () => {
        if (!isDirectory(`${directory}/_data`) || isReadable(dataRoot, name)) return;
        const { birthtime } = lstatSync(`${directory}/_data`);
        const created = birthtime.toISOString().replace(/\.\d+/, "");
        const record = { name, created, labels: {}, options: {} };
        replaceFile(`${directory}/volume.json`, JSON.stringify(record));
      }),
  };
}

/** What killed commands have left beside the data; nothing while somebody fills the volume. */
function unfinished(
  name: string,
  directory: string,
  { finishFilling }: VolumeMenders,
): Problem[] {
  const [filling, arriving] = [FILLING, ARRIVING].map((part) => existsSync(`${directory}/${part}`));
  if (!filling && !arriving) return [];
  const lock = lockFile(`${directory}/lock`, "exclusive", { wait: false });
  if (lock === undefined) return [];
  lock.release();
  return [{
    what: `volume "${name}": filling it from its image was killed`,
    remedy: arriving
      ? "moves the rest of the content into it"
      : "deletes the half copy; the next container that has the volume copies anew",
    mend: () => finishFilling(directory),
  }];
}
