/** Manifest lists that are being put together, each in a file of the store named by the hash of its name. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { messageOf, TsboxError } from "../errors.ts";
import { digestAlgorithm, digestHex, digestOf } from "../oci/digest.ts";
import type { ListedImage } from "../oci/manifest_list.ts";
import { withLock } from "./lock.ts";
import { openStore, storePaths } from "./layout.ts";
import { replaceFile } from "./replace_file.ts";

const LOCK = "lock";

interface ListFile {
  version: 1;
  name: string;
  images: (Omit<ListedImage, "raw"> & { raw: string })[];
}

function listPath(dataRoot: string, name: string): string {
  const hash = digestHex(digestOf(new TextEncoder().encode(name)));
  return `${storePaths(dataRoot).manifestLists}/${hash}.json`;
}

/**
 * The images of a list, in the order docker has them; undefined when there is no such list.
 * @param name canonical
 * @throws TsboxError "corrupt"
 */
export function readManifestList(dataRoot: string, name: string): ListedImage[] | undefined {
  const path = listPath(dataRoot, name);
  try {
    const file: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (!isListFile(file)) throw new TsboxError("corrupt", "it is no manifest list");
    return file.images.map((image) => ({ ...image, raw: Buffer.from(image.raw, "base64") }));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new TsboxError("corrupt", `Cannot read "${path}": ${messageOf(cause)}`, {
      cause,
      hint: `remove it with 'tsbox manifest rm ${name}'`,
    });
  }
}

/** We alone write these files, whole: the version vouches for the rest. */
function isListFile(value: unknown): value is ListFile {
  return typeof value === "object" && value !== null && "version" in value &&
    value.version === 1 && "images" in value && Array.isArray(value.images);
}

/** Files that are no lists, or no whole ones, while nobody writes any: of the killed, or damaged. Absolute paths. */
export function damagedLists(dataRoot: string): { path: string; isHalfWritten: boolean }[] {
  const { manifestLists } = storePaths(dataRoot);
  if (!existsSync(manifestLists)) return [];
  return locked(
    dataRoot,
    () =>
      readdirSync(manifestLists).filter((file) => file !== LOCK).flatMap((file) => {
        const path = `${manifestLists}/${file}`;
        const isHalfWritten = file.endsWith(".new");
        return !isHalfWritten && isSound(dataRoot, path) ? [] : [{ path, isHalfWritten }];
      }),
  );
}

/** Whether a file is where its list belongs, and each image's manifest is what its digest says. */
function isSound(dataRoot: string, path: string): boolean {
  try {
    const file: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isListFile(file) && listPath(dataRoot, file.name) === path &&
      file.images.every(({ raw, descriptor: { digest } }) =>
        digestOf(Buffer.from(raw, "base64"), digestAlgorithm(digest)) === digest
      );
  } catch {
    return false;
  }
}

/** Deletes such a file, unless it is sound by now. */
export function removeDamagedList(dataRoot: string, path: string): void {
  locked(dataRoot, () => {
    if (path.endsWith(".new") || !isSound(dataRoot, path)) rmSync(path, { force: true });
  });
}

/** Replaces a list with what `change` makes of it; of two changes at once, one waits. */
export function updateManifestList(
  dataRoot: string,
  name: string,
  change: (images: ListedImage[] | undefined) => ListedImage[],
): void {
  locked(dataRoot, () => {
    const images = change(readManifestList(dataRoot, name)).sort(byDockersFileName);
    const file: ListFile = {
      version: 1,
      name,
      images: images.map((image) => ({ ...image, raw: Buffer.from(image.raw).toString("base64") })),
    };
    replaceFile(listPath(dataRoot, name), `${JSON.stringify(file)}\n`);
  });
}

/** Whether there was such a list. */
export function removeManifestList(dataRoot: string, name: string): boolean {
  return locked(dataRoot, () => {
    try {
      rmSync(listPath(dataRoot, name));
      return true;
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return false;
      throw thrown;
    }
  });
}

function locked<T>(dataRoot: string, action: () => T): T {
  const { manifestLists } = openStore(dataRoot);
  mkdirSync(manifestLists, { recursive: true, mode: 0o700 });
  return withLock(`${manifestLists}/${LOCK}`, action);
}

/** Docker lists a folder: the same order makes the same digest. */
function byDockersFileName(a: ListedImage, b: ListedImage): number {
  const [left, right] = [fileName(a.name), fileName(b.name)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function fileName(name: string): string {
  return name.replaceAll(":", "-").replaceAll("/", "_");
}
