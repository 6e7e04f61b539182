import { TsboxError } from "../errors.ts";
import type { FoundSettings } from "./settings/found_settings.ts";
import type { Settings, StorageDriver } from "./settings/table.ts";

/** What every verb of the engine needs to know about the caller: made once, from values. */
export interface EngineContext {
  /** Absolute: the store. */
  dataRoot: string;
  /** Absolute: what a reboot may forget. */
  runtimeDir: string;
  /** Absolute: the caller's home directory. */
  home: string;
  /** Absolute: where docker's config.json and certs.d are. */
  dockerConfigDir: string;
  /** Undefined: the best one that works. */
  storageDriver?: StorageDriver;
  /** What the user has set; settingOf() knows the defaults. */
  settings: Settings;
  /** Who set what is in `settings`: a flag, a variable or the file. */
  origins: FoundSettings["origins"];
  uid: number;
  gid: number;
  /** The caller's environment, for proxies, credential helpers and tools that are started. */
  env: Readonly<Record<string, string | undefined>>;
  build: { version: string; commit: string };
}

/** What {@link makeContext} is made from. */
export interface ContextSource {
  env: Readonly<Record<string, string | undefined>>;
  uid: number;
  gid: number;
  build: { version: string; commit: string };
  /** Absolute; in place of the settings' store and the default one. */
  dataRoot?: string;
  /** Default: none. */
  settings?: Settings;
  origins?: FoundSettings["origins"];
}

/** Looks at nothing but its argument. Throws TsboxError("host") when there is no home directory. */
export function makeContext(source: ContextSource): EngineContext {
  const { env, uid, gid, build, settings = {}, origins = {} } = source;
  const storageDriver = settings["storage-driver"];
  const home = env["HOME"];
  if (!home?.startsWith("/")) {
    throw new TsboxError("host", "Cannot find the home directory: HOME is not an absolute path", {
      hint: "set HOME",
    });
  }
  const dataRoot = source.dataRoot ?? settings["data-root"] ?? defaultDataRoot(env, home);
  const runtime = absolute(env["XDG_RUNTIME_DIR"]);
  return {
    dataRoot,
    // A directory of our own name in /tmp could be someone else's: without one of ours, the store.
    runtimeDir: runtime === undefined ? `${dataRoot}/run` : `${runtime}/tsbox`,
    home,
    dockerConfigDir: absolute(env["DOCKER_CONFIG"]) ?? `${home}/.docker`,
    ...(storageDriver && { storageDriver }),
    settings,
    origins,
    uid,
    gid,
    env,
    build,
  };
}

/** The store where none was set. @param home absolute */
export function defaultDataRoot(env: ContextSource["env"], home: string): string {
  return `${absolute(env["XDG_DATA_HOME"]) ?? `${home}/.local/share`}/tsbox`;
}

/** The XDG base directory specification says that relative paths are ignored. */
function absolute(path: string | undefined): string | undefined {
  if (!path?.startsWith("/")) return undefined;
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}
