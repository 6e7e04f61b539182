/** What is executed, where, and with which environment. */
import { TsboxError } from "../errors.ts";
import type { ImageDefaults } from "./host.ts";
import { cleanPath } from "./paths.ts";
import type { RunOptions } from "./run_options.ts";

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Docker's rules: an entrypoint of the user's, also an empty one, makes the image's command void.
 * @throws TsboxError("invalid-argument") when nothing is left to execute
 */
export function commandLine(
  options: Pick<RunOptions, "command" | "entrypoint">,
  image: Pick<ImageDefaults, "entrypoint" | "cmd">,
): string[] {
  const own = options.entrypoint !== undefined;
  const entrypoint = own ? [options.entrypoint ?? ""] : image.entrypoint ?? [];
  const command = options.command.length > 0 || own ? options.command : image.cmd ?? [];
  // [""] stands for no entrypoint, from the command line and in images alike.
  const args = entrypoint.length === 1 && entrypoint[0] === ""
    ? [...command]
    : [...entrypoint, ...command];
  if (args.length === 0) throw new TsboxError("invalid-argument", "no command specified");
  return args;
}

/** The working directory, absolute. @throws TsboxError("invalid-argument") for a relative one */
export function workingDirectory(
  options: Pick<RunOptions, "workdir">,
  image: ImageDefaults,
): string {
  const path = options.workdir || image.workdir || "/";
  if (path.startsWith("/")) return cleanPath(path);
  throw new TsboxError(
    "invalid-argument",
    `the working directory '${path}' is invalid, it needs to be an absolute path`,
  );
}

/**
 * The environment in docker's order: defaults, the user's, then what the image adds; a name of the
 * defaults keeps its place. HOME is added by with_user.ts, which knows the home.
 */
export function environment(
  options: Pick<RunOptions, "env" | "unsetEnv" | "tty">,
  imageEnv: readonly string[],
  hostname: string,
): string[] {
  const result: string[] = [];
  const places = new Map<string, number>();
  const set = (pair: string) => {
    const name = nameOf(pair);
    const place = places.get(name) ?? result.length;
    places.set(name, place);
    result[place] = pair;
  };
  set(DEFAULT_PATH);
  set(`HOSTNAME=${hostname}`);
  if (options.tty) set("TERM=xterm");
  const own = new Set<string>();
  for (const pair of options.env) {
    own.add(nameOf(pair));
    set(pair);
  }
  for (const pair of imageEnv) if (!own.has(nameOf(pair))) set(pair);
  if (options.unsetEnv.length === 0) return result;
  const gone = options.unsetEnv.filter((name) => !own.has(name));
  return result.filter((pair) => !gone.includes(nameOf(pair)));
}

function nameOf(pair: string): string {
  const equals = pair.indexOf("=");
  return equals < 0 ? pair : pair.slice(0, equals);
}
