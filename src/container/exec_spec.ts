/** One more process of a container: the container's own settings, and what `exec` says otherwise. */
import type { RuntimeSpec, SpecIdMapping, SpecSeccomp } from "../oci/runtime_spec.ts";
import { toAnnotations } from "./annotations.ts";
import { capabilitySets, chooseCapabilities } from "./capabilities.ts";
import { capabilityNames } from "./capability_names.ts";
import type { ExecOptions } from "./exec_options.ts";
import { cleanPath } from "./paths.ts";
import type { RunOptions } from "./run_options.ts";
import { namespaceTypes, toRlimit, UMASK } from "./spec.ts";

/** What is known of a container that runs. */
export interface ExecContainer {
  options: RunOptions;
  /** As its first process has it, but for HOME. */
  env: readonly string[];
  cwd: string;
  /** What `-u` or the image said, still to be looked up. */
  user: string;
  uids: SpecIdMapping[];
  gids: SpecIdMapping[];
  /** Of `--security-opt seccomp=FILE`. */
  seccomp?: SpecSeccomp | undefined;
}

/**
 * The spec of the process; of the container only what the process needs is in it. Pure. The user is still
 * to be looked up, see with_user.ts.
 */
export function makeExecSpec(exec: ExecOptions, container: ExecContainer): RuntimeSpec {
  const { options, seccomp } = container;
  const profile = exec.privileged ? undefined : seccomp;
  return {
    ociVersion: "1.2.0",
    process: {
      terminal: exec.tty,
      cwd: cleanPath(exec.workdir ?? container.cwd),
      args: exec.command,
      env: execEnvironment(exec, container),
      user: { uid: 0, gid: 0, additionalGids: [], umask: UMASK },
      capabilities: capabilitySets(capabilities(exec, options), 0),
      rlimits: options.ulimits.map(toRlimit),
      noNewPrivileges: options.noNewPrivileges,
      ...(options.oomScoreAdj === undefined ? {} : { oomScoreAdj: options.oomScoreAdj }),
    },
    root: { path: "/", readonly: options.readOnly },
    mounts: [],
    annotations: toAnnotations({
      init: false,
      user: exec.user ?? container.user,
      groups: options.groupAdd,
      subpaths: {},
      stopSignal: "",
      seccomp: exec.privileged ? "unconfined" : options.seccomp.kind,
    }),
    linux: {
      namespaces: namespaceTypes(options).map((type) => ({ type })),
      uidMappings: container.uids,
      gidMappings: container.gids,
      devices: [],
      sysctl: {},
      maskedPaths: [],
      readonlyPaths: [],
      ...(profile === undefined ? {} : { seccomp: profile }),
    },
  };
}

function capabilities({ privileged }: ExecOptions, { capAdd, capDrop }: RunOptions): string[] {
  return privileged ? [...capabilityNames()] : chooseCapabilities(capAdd, capDrop);
}

const TERM = "TERM=xterm";

/** The container's, with TERM as this process has a terminal and not as the first one has; then the user's. */
function execEnvironment(exec: ExecOptions, { options, env }: ExecContainer): string[] {
  const ownTerm = options.tty && !options.env.includes(TERM);
  const base = env.filter((pair) => !(ownTerm && pair === TERM));
  const result: string[] = [];
  const set = (pair: string) => {
    const known = result.findIndex((other) => nameOf(other) === nameOf(pair));
    if (known < 0) result.push(pair);
    else result[known] = pair;
  };
  if (exec.tty) set(TERM);
  base.forEach(set);
  exec.env.forEach(set);
  return result.filter((pair) => !exec.unsetEnv.includes(nameOf(pair)));
}

function nameOf(pair: string): string {
  const equals = pair.indexOf("=");
  return equals < 0 ? pair : pair.slice(0, equals);
}
