import { distance } from "fastest-levenshtein";

/** The name that was probably meant, if one is near enough: a third of the letters may differ, case counts little. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 0.5;
  for (const candidate of new Set(candidates)) {
    if (candidate === name) continue;
    const exact = distance(name, candidate);
    const folded = distance(name.toLowerCase(), candidate.toLowerCase());
    const apart = Math.min(exact, folded + 0.25);
    if (apart < least && apart < Math.max(name.length, candidate.length)) {
      best = candidate;
      least = apart;
    }
  }
  return best;
}
