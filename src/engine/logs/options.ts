/** What `logs` can be told. */

/** What of a log is shown, and how. */
export interface LogsOptions {
  /** Goes on until the container is over. */
  follow: boolean;
  timestamps: boolean;
  /** The attributes that `--log-opt` gave it. */
  details: boolean;
  /** Nanoseconds since 1970: not what is older, and what is newer. */
  since?: bigint | undefined;
  until?: bigint | undefined;
  /** Only so many lines from the end. */
  tail?: number | undefined;
  notice(line: string): void;
}
