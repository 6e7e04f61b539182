import { listDirectory } from "../ffi/listing.ts";
import { exists, makeLinkIfFree, readLink, rename, unlink } from "../ffi/quick_files.ts";
import { randomBytes } from "../ffi/random.ts";
import { TsboxError } from "../errors.ts";
import { withDirectoryLock } from "./container_lock.ts";

/** What the link of a name is called in the directory of a container that is being deleted. */
export const TAKEN_NAME = "name";

/** Randomly drawn names are tried this often before a digit is appended, as docker does. */
const PLAIN_ATTEMPTS = 5;
const ATTEMPTS = 100;

const ADJECTIVES =
  "agile amber brisk calm candid cheerful clever cosmic crisp curious deft earnest " +
  "eager fearless fluent gentle glad golden graceful hardy hopeful humble keen kind lively lucid " +
  "mellow merry mighty neat nimble noble patient placid plucky polite proud quick quiet radiant " +
  "rapid serene sharp silent sleek smooth solid sparkling spry steady sturdy sunny swift tidy " +
  "tranquil upbeat vivid warm witty zesty";

const SURNAMES =
  "abel alvarez anning babbage banneker bell bohr boole borg brahe cannon cantor cori " +
  "curie dijkstra dirac elion erdos euler faraday fermi fermat floyd franklin galileo gauss " +
  "germain goedel hamilton herschel hertz hilbert hoare hopper hypatia jemison kepler kilby kuhn " +
  "lamarr leavitt liskov lovelace maxwell mcclintock meitner mendel naur newton noether pascal " +
  "perlman ritchie rubin sagan shannon somerville thompson tu turing volta wirth wu yalow yonath";

/** At least 0, and less than 1. */
function randomFraction(): number {
  const [a = 0, b = 0] = randomBytes(2);
  return (a * 256 + b) / 65536;
}

/** A name such as `nimble_noether`; the words are split only when a name is needed. */
export function randomName(random: () => number = randomFraction): string {
  const pick = (words: string[]) => words[(random() * words.length) | 0] ?? "";
  return `${pick(ADJECTIVES.split(" "))}_${pick(SURNAMES.split(" "))}`;
}

/**
 * Takes a name for a container whose directory exists, by a symbolic link `names/<name>` -> id:
 * symlink(2) fails where the name is there, so one caller gets it. Without `name`, a random one.
 * Returns the name. Throws TsboxError("conflict") in docker's words.
 */
export function reserveName(dataRoot: string, id: string, name: string | undefined): string {
  if (name !== undefined) {
    if (!reserve(dataRoot, id, name)) throw conflict(dataRoot, name);
    return name;
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const digit = attempt < PLAIN_ATTEMPTS ? "" : String((randomFraction() * 1000) | 0);
    const drawn = randomName() + digit;
    if (reserve(dataRoot, id, drawn)) return drawn;
  }
  throw new TsboxError("conflict", `Cannot find a free container name in ${ATTEMPTS} attempts`, {
    hint: "give one with --name",
  });
}

function reserve(dataRoot: string, id: string, name: string): boolean {
  return link(dataRoot, id, name) || takeOver(dataRoot, id, name);
}

const link = (dataRoot: string, id: string, name: string) =>
  makeLinkIfFree(id, `${dataRoot}/names/${name}`);

/** A name whose container is gone is free; only one process at a time may decide that. */
function takeOver(dataRoot: string, id: string, name: string): boolean {
  return withDirectoryLock(`${dataRoot}/names`, () => {
    const owner = ownerOf(dataRoot, name);
    // A `rename` that was cut has taken it already.
    if (owner === id) return true;
    if (owner !== undefined && exists(`${dataRoot}/containers/${owner}`)) return false;
    if (owner !== undefined) unlink(`${dataRoot}/names/${name}`);
    return link(dataRoot, id, name);
  });
}

/** The id a name stands for, whether or not that container still exists. */
export function ownerOf(dataRoot: string, name: string): string | undefined {
  return readLink(`${dataRoot}/names/${name}`);
}

/** The name a container has, found by looking at all of them; empty when it has none. */
export function nameOf(dataRoot: string, id: string): string {
  const names = listDirectory(`${dataRoot}/names`);
  return names.find(({ name }) => ownerOf(dataRoot, name) === id)?.name ?? "";
}

function conflict(dataRoot: string, name: string): TsboxError {
  const owner = ownerOf(dataRoot, name) ?? "";
  return new TsboxError(
    "conflict",
    `Conflict. The container name "/${name}" is already in use by container "${owner}". ` +
      "You have to remove (or rename) that container to be able to reuse that name.",
  );
}

/**
 * Gives a name back. The caller holds the container's lock and its directory is still there: so
 * nobody else can have taken the name over. The empty name is none. False when it is not the container's.
 */
export function releaseName(dataRoot: string, id: string, name: string): boolean {
  if (name === "" || ownerOf(dataRoot, name) !== id) return false;
  unlink(`${dataRoot}/names/${name}`);
  return true;
}

/**
 * The same for a container that is being deleted: the link goes into its directory, and with that. To delete it at once
 * takes a file system that discards what is free, or writes things down in order, up to some milliseconds.
 * @param directory the container's
 */
export function takeNameAlong(
  dataRoot: string,
  id: string,
  name: string,
  directory: string,
): boolean {
  if (name === "" || ownerOf(dataRoot, name) !== id) return false;
  try {
    rename(`${dataRoot}/names/${name}`, `${directory}/${TAKEN_NAME}`);
  } catch {
    // On a full disk a directory may not grow.
    unlink(`${dataRoot}/names/${name}`);
  }
  return true;
}
