/** What a log consists of, whatever its format. */

/** A part of what a container wrote to one stream. */
export interface LogPiece {
  stream: "stdout" | "stderr";
  /** When it was read, in nanoseconds since 1970. */
  time: bigint;
  /** Valid until the next ones are read. */
  bytes: Uint8Array;
  /** What `--details` shows. */
  attributes?: Readonly<Record<string, string>>;
}

/** Where the last lines of a file begin. */
export interface TailStart {
  /** Byte of the file; an entry begins there. */
  offset: number;
  /** How many lines end from there on to the end of the log. */
  lines: number;
}

/** How a log is kept in a file. */
export interface LogFormat {
  /** Of its files, with the dot. */
  extension: string;
  /** No entry has more bytes: what has is damaged. */
  maxEntry: number;
  /** Each piece is a whole message; else lines have to be put together from pieces. */
  wholeMessages: boolean;
  /** Gives the complete entries of `bytes` to `take`; returns how many bytes they are. @throws TsboxError "corrupt" */
  decode(bytes: Uint8Array, take: (piece: LogPiece) => void): number;
  /** Where the complete entries of a file end. @throws SyscallError */
  validEnd(fd: number, size: number): number;
  /** A search backwards for the last lines, which begins in the newest file. */
  tail(wanted: number): TailSearch;
}

/** Looks for the beginning of the last lines, from the newest file to older ones. */
export interface TailSearch {
  /** Looks through one file; undefined when the lines begin in an older one. @throws SyscallError */
  search(fd: number, size: number): TailStart | undefined;
  /** The same by the pieces of a file that cannot be read backwards, which were all given: how many lines end in it. */
  count(piece: LogPiece): void;
  /** After the last `count` of a file: as `search`, where offset 0 is the file's beginning. */
  counted(): TailStart | undefined;
  /** What is known where there is no older file. */
  readonly lines: number;
}
