/** What the user asked of `exec`, parsed and checked, before any container is looked at. */
export interface ExecOptions {
  /** Name, id or beginning of an id, as typed. */
  container: string;
  /** At least one word. */
  command: string[];
  interactive: boolean;
  tty: boolean;
  /** Leave it alone once it was started. */
  detach: boolean;
  /** `K=V`, in order. */
  env: string[];
  /** Names to remove from the container's environment. */
  unsetEnv: string[];
  /** Undefined: who the container's first process is. */
  user?: string;
  /** Undefined: the container's. */
  workdir?: string;
  /** All capabilities of the container's user namespace, and no seccomp filter. */
  privileged: boolean;
  /** Undefined: ctrl-p,ctrl-q. */
  detachKeys?: string;
}

/** A command and nothing else: no flags. */
export function plainExec(container: string, command: string[]): ExecOptions {
  const nothing = { interactive: false, tty: false, detach: false, privileged: false };
  return { container, command, ...nothing, env: [], unsetEnv: [] };
}
