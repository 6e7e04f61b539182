/** What a front end gives `exec` beside the options. */
export interface ExecHost {
  /** Prints a line of ours, on standard error. */
  notice(line: string): void;
}
