/** Standard descriptors that are put aside, so that nothing that is started meanwhile holds them. */
import { F_DUPFD_CLOEXEC, O } from "./constants.ts";
import { raw, sys } from "./libc.ts";
import { closeFile, openFile } from "./quick_files.ts";
import { isWritable } from "./readiness.ts";

/** Above the standard ones, and those that children get in fixed places. */
const ASIDE = 10;

export class StandardStreams {
  #kept: readonly number[];

  /** Puts /dev/null in their places. @throws SyscallError when they cannot be kept; they are as they were then */
  constructor() {
    const what = "keep the standard descriptors";
    const aside = (fd: number) => sys(what, "fcntl", fd, F_DUPFD_CLOEXEC, ASIDE);
    this.#kept = [aside(0), aside(1), aside(2)];
    toNothing();
  }

  /** Whether what is written to output and error is taken, or refused, at once; true when they were closed. */
  get areReady(): boolean {
    const [, out, err] = this.#kept;
    return (out === undefined || isWritable(out)) && (err === undefined || isWritable(err));
  }

  /** Runs `action` with them in their places; nothing may be started meanwhile. */
  use(action: () => void): void {
    this.#putBack();
    try {
      action();
    } finally {
      toNothing();
    }
  }

  /** Puts them back for good, unless they were closed. */
  restore(): void {
    this.#putBack();
    this.close();
  }

  /** Gives them up. */
  close(): void {
    for (const fd of this.#kept) closeFile(fd);
    this.#kept = [];
  }

  #putBack(): void {
    for (let place = 0; place < this.#kept.length; place++) {
      raw("dup3", this.#kept[place], place, 0);
    }
  }
}

function toNothing(): void {
  const nothing = openFile("/dev/null", O.RDWR);
  for (const place of [0, 1, 2]) raw("dup3", nothing, place, 0);
  if (nothing > 2) closeFile(nothing);
}
