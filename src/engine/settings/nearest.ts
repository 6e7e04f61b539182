/** Finds what a mistyped word may have meant. Pure. */

/** Changes a typo is made of at most; of short words, a third of them. */
const MOST = 3;

/** The word that takes the fewest changes of a letter to become `typed`; undefined when none is near. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  const bound = Math.min(MOST, Math.floor(typed.length / 3));
  const near = words.map((word) => ({ word, distance: distance(typed.toLowerCase(), word) }))
    .filter((candidate) => candidate.distance <= bound)
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.word;
}

/** Levenshtein's distance, a row at a time; long words are not worth it. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MOST) return MOST + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
