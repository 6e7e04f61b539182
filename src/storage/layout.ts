/** Where the store keeps what, and making the store. */
import { ensureDirectory, exists, fileStatus } from "../ffi/quick_files.ts";
import { messageOf, TsboxError } from "../errors.ts";
import { unsettledFolder } from "./unsettled.ts";

/** Absolute paths of the parts of a store; docs/architecture.md says what is in them. */
export interface StorePaths {
  /** Complete, checked blobs by their SHA-256 in hex. */
  blobs: string;
  /** Downloads that were cut, and the locks of blobs being downloaded. */
  partial: string;
  layers: string;
  /** The image index. */
  images: string;
  /** A file for each image. */
  imageRecords: string;
  imagesLock: string;
  layersLock: string;
  /** Manifest lists being put together; made with the first of them. */
  manifestLists: string;
  containers: string;
  /** See unsettled.ts. */
  unsettled: string;
  names: string;
  volumes: string;
  volumesLock: string;
  tmp: string;
}

const WRITABLE_BY_ALL = 0o002;

/** Pure. @param dataRoot absolute path of the store */
export function storePaths(dataRoot: string): StorePaths {
  return {
    blobs: `${dataRoot}/blobs/sha256`,
    partial: `${dataRoot}/blobs/partial`,
    layers: `${dataRoot}/layers`,
    images: `${dataRoot}/images.json`,
    imageRecords: `${dataRoot}/images`,
    imagesLock: `${dataRoot}/images.lock`,
    layersLock: `${dataRoot}/layers.lock`,
    manifestLists: `${dataRoot}/manifest-lists`,
    containers: `${dataRoot}/containers`,
    unsettled: unsettledFolder(dataRoot),
    names: `${dataRoot}/names`,
    volumes: `${dataRoot}/volumes`,
    volumesLock: `${dataRoot}/volumes.lock`,
    tmp: `${dataRoot}/tmp`,
  };
}

/**
 * The paths of a store that exists, made with mode 0700 when it did not: two system calls when it does.
 * @throws TsboxError "host" when it cannot be made, or others could put their own things into it
 */
export function openStore(dataRoot: string): StorePaths {
  const paths = storePaths(dataRoot);
  refuseForeign(dataRoot);
  // `tmp` is made last, so that a store that has it has everything.
  if (exists(paths.tmp)) return paths;
  try {
    makeStore(dataRoot, paths);
  } catch (error) {
    throw new TsboxError("host", `Cannot make the store "${dataRoot}": ${messageOf(error)}`, {
      cause: error,
      hint: "check its owner and free space, or choose another one with --data-root",
    });
  }
  return paths;
}

/** Whoever owns the folder, or may rename what is in it, decides what our containers execute. */
function refuseForeign(dataRoot: string): void {
  const status = fileStatus(dataRoot);
  if (status === undefined) return;
  if (status.uid === process.getuid?.() && (status.mode & WRITABLE_BY_ALL) === 0) return;
  throw new TsboxError("host", `Cannot use the store "${dataRoot}": it is not yours alone`, {
    hint: "change its owner and mode, or choose another one with --data-root",
  });
}

function makeStore(dataRoot: string, paths: StorePaths): void {
  ensureDirectory(dataRoot, 0o700);
  const { blobs, partial, layers, unsettled, containers, names, tmp } = paths;
  // Before there can be containers that are not in it, and not after: a store that was made before must not get it.
  const first = exists(containers) ? [] : [unsettled];
  for (const path of [...first, blobs, partial, layers, containers, names, tmp]) {
    ensureDirectory(path, 0o700);
  }
}
