/** Standard descriptors that are put aside, so that nothing that is started meanwhile holds them. */
import { F_DUPFD_CLOEXEC, O } from "./constants.ts";
import { raw } from "./libc.ts";
import { closeFile, openFile } from "./quick_files.ts";

/** Above the standard ones, and those that children get in fixed places. */
const ASIDE = 10;

export class StandardStreams {
  #kept: readonly number[];

  /** Puts /dev/null in their places. */
  constructor() {
    this.#kept = [0, 1, 2].map((fd) => raw("fcntl", fd, F_DUPFD_CLOEXEC, ASIDE));
    toNothing();
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
    for (const fd of this.#kept) if (fd >= 0) closeFile(fd);
    this.#kept = [];
  }

  #putBack(): void {
    this.#kept.forEach((fd, place) => raw("dup3", fd, place, 0));
  }
}

function toNothing(): void {
  const nothing = openFile("/dev/null", O.RDWR);
  for (const place of [0, 1, 2]) raw("dup3", nothing, place, 0);
  if (nothing > 2) closeFile(nothing);
}
