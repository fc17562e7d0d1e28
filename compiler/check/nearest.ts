/**
 * Letters to add, drop, change or swap with a neighbour to make `b` of `a` (optimal string alignment). Swaps count
 * once, since they are the most common slip: `Btach`, `kernal`.
 */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

const isShouted = (name: string): boolean => name.length > 1 && name === name.toUpperCase();

/**
 * The name that was probably meant, if one is near enough: a third of the letters may differ, of short names half of
 * them; case counts little.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 0.5;
  for (const candidate of new Set(candidates)) {
    if (candidate === name || Math.abs(candidate.length - name.length) > least) continue;
    const apart = Math.min(distance(name, candidate), distance(name.toLowerCase(), candidate.toLowerCase()) + 0.25);
    // `WIN` is no slip of the pen for `sin`.
    if (isShouted(name) !== isShouted(candidate) && name.toLowerCase() !== candidate.toLowerCase()) continue;
    // Of one letter nothing is left but its case, or its place at the beginning.
    const isShort = Math.min(name.length, candidate.length) < 2;
    if (isShort && apart >= 1 && !candidate.startsWith(name) && !name.startsWith(candidate)) continue;
    if (apart < least && 2 * apart <= Math.max(name.length, candidate.length)) {
      best = candidate;
      least = apart;
    }
  }
  return best;
}
