/** Which files a command may be: the shell's search in PATH, done before the command's root is entered. */

/**
 * The errors of execve(2) that say the file is not there: ENOENT, ENOTDIR. No set, as elsewhere on the path of
 * every start: the first one that is made of a list costs 70 microseconds.
 */
const MISSING: readonly number[] = [2, 20];

/** What execve(2) answered for a candidate. */
export interface ExecResult {
  path: string;
  errno: number;
}

/**
 * The paths to try for a command, in order. Relative directories of PATH are passed over: what they
 * mean is up to the image's working directory, which runc refuses too.
 */
export function execCandidates(command: string, env: readonly string[]): string[] {
  if (command.includes("/")) return [command];
  let path = "";
  for (const entry of env) if (entry.startsWith("PATH=")) path = entry.slice(5);
  const paths: string[] = [];
  for (const directory of path.split(":")) {
    if (!directory.startsWith("/")) continue;
    paths.push(directory.endsWith("/") ? directory + command : `${directory}/${command}`);
  }
  // Without any, the kernel's own answer for a file that cannot exist is the message.
  return paths.length > 0 && command !== "" ? paths : ["/proc/self/no-such-command/"];
}

/** The result that explains best why none of the candidates ran: one that exists beats a missing one. */
export function bestExcuse(results: readonly ExecResult[]): ExecResult | undefined {
  return results.find(({ errno }) => !MISSING.includes(errno)) ?? results.at(-1);
}

/** Whether a candidate failed because there is no such file. */
export function isMissing({ errno }: ExecResult): boolean {
  return MISSING.includes(errno);
}
