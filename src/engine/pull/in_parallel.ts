/**
 * Does `work` for every item, at most `limit` at a time, and returns the results in order.
 *
 * The first failure aborts the signal the others got; it is thrown when all have ended, so that nothing
 * goes on behind the caller's back.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const results: R[] = [];
  const failures: unknown[] = [];
  const queue = items.entries();
  const lane = async () => {
    for (const [i, item] of queue) {
      try {
        results[i] = await work(item, both);
      } catch (error) {
        failures.push(error);
        return stop.abort();
      }
      if (stop.signal.aborted) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}
