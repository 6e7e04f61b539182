/**
 * Which containers are known not to run: `resting` in the store, a line for each record that was seen to say so.
 *
 * A cache, and no more than that: a record that was written since is another file, so nobody has to tell this one of
 * a change, and it may be deleted at any time. Without it `ps` reads a thousand records to show three containers.
 */
import { O } from "../ffi/constants.ts";
import {
  closeFile,
  fileIdentity,
  openIfThere,
  readTextIfAny,
  rename,
  writeText,
} from "../ffi/quick_files.ts";
import type { ContainerState } from "./container_record.ts";

/** Milliseconds after which two contents of a file cannot have the same time, however coarse the kernel's clock. */
const SETTLED = 2000;
/** So many new ones are worth writing the file; reading a few records more is not. */
const WORTH_WRITING = 20;

/** What is known about the containers of a store, while one command looks at them. */
export class RestingContainers {
  readonly #dataRoot: string;
  readonly #directory: number | undefined;
  readonly #known: Set<string>;
  readonly #seen: string[] = [];
  #news = 0;

  constructor(dataRoot: string) {
    this.#dataRoot = dataRoot;
    this.#directory = openIfThere(`${dataRoot}/containers`, O.PATH | O.DIRECTORY);
    this.#known = new Set(readTextIfAny(`${dataRoot}/resting`)?.split("\n"));
  }

  /** What tells the record of a container from all others; to be asked before it is read. */
  identity(id: string): string | undefined {
    const { identity } = this.#look(id) ?? {};
    return identity;
  }

  /** Whether the record with this identity says that the container does not run. */
  has(identity: string): boolean {
    if (!this.#known.has(identity)) return false;
    this.#seen.push(identity);
    return true;
  }

  /** The record with this identity was read. */
  learn(id: string, identity: string, { status }: ContainerState): void {
    if (status !== "exited" && status !== "created") return;
    const now = this.#look(id);
    if (now?.identity !== identity || Date.now() - now.changed < SETTLED) return;
    this.#seen.push(identity);
    this.#news++;
  }

  /** Keeps for the next command what was learned. Not being able to is no error. */
  close(): void {
    if (this.#directory !== undefined) closeFile(this.#directory);
    if (this.#news < WORTH_WRITING) return;
    const temporary = `${this.#dataRoot}/tmp/resting.${process.pid}`;
    try {
      writeText(temporary, this.#seen.join("\n"), 0o600);
      rename(temporary, `${this.#dataRoot}/resting`);
    } catch {
      // A store that is full, or not ours to write: it is read again the next time.
    }
  }

  #look(id: string): { identity: string; changed: number } | undefined {
    if (this.#directory === undefined) return undefined;
    const found = fileIdentity(this.#directory, `${id}/container.json`);
    return found && { identity: `${id} ${found.identity}`, changed: found.changed };
  }
}
