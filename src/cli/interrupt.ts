/** Signals that ask the command itself to stop, and not a container. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs `action` with a signal that is aborted when the user interrupts the command, so that it can
 * leave things in order; interrupting again ends the process at once, as if nothing had been caught.
 */
export async function interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const release = () => SIGNALS.forEach((name) => process.off(name, interrupt));
  const interrupt = () => {
    release();
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  try {
    return await action(controller.signal);
  } finally {
    release();
  }
}
