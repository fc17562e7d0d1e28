/** How large run dims may be by what `where` says, and how large what depends on them. */
import { type Atom, type Dim, literalOf } from "../ir/dims.ts";
import type { Graph } from "../ir/graph.ts";

/** Inclusive; run dims are at least 1. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

/** Passes over the checks: `T <= N, N <= 1024` needs two, and chains are short. */
const ROUNDS = 4;

/** The range of each run dim; `most` is infinite where nothing bounds it. Dims of `fixed` are known. */
export function dimRanges(graph: Graph, fixed: ReadonlyMap<string, number>): ReadonlyMap<string, Range> {
  const ranges = new Map<string, Range>();
  for (const { name } of graph.dims) {
    const value = fixed.get(name);
    ranges.set(name, { least: value ?? 1, most: value ?? Number.POSITIVE_INFINITY });
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const { difference, holds } of graph.checks) {
      if (holds !== "== 0" && holds !== ">= 0") continue;
      narrow(difference, ranges);
      if (holds === "== 0") narrow(negated(difference), ranges);
    }
  return ranges;
}

const negated = (dim: Dim): Dim => ({
  terms: dim.terms.map((term) => ({ ...term, coefficient: -term.coefficient })),
  key: `-(${dim.key})`,
});

/** Takes from `dim >= 0` what it says of each symbol that it has linearly. */
function narrow(dim: Dim, ranges: Map<string, Range>): void {
  for (const term of dim.terms) {
    const [atom] = term.atoms;
    if (term.atoms.length !== 1 || atom?.kind !== "symbol" || term.coefficient >= 0) continue;
    const others = dim.terms.filter((other) => other !== term);
    // A symbol that occurs twice is bounded by itself: nothing is learnt.
    const most = rangeOf({ terms: others, key: "" }, ranges).most / -term.coefficient;
    const before = ranges.get(atom.name);
    if (before && most < before.most)
      ranges.set(atom.name, { ...before, most: Math.max(before.least, Math.floor(most)) });
  }
}

/** Bounds of a size by those of its dims, term by term: exact where it grows with every dim, else no smaller than it. */
export function rangeOf(dim: Dim, ranges: ReadonlyMap<string, Range>): Range {
  let least = 0;
  let most = 0;
  for (const { coefficient, atoms } of dim.terms) {
    let product: Range = { least: coefficient, most: coefficient };
    for (const atom of atoms) product = multiply(product, rangeOfAtom(atom, ranges));
    least += product.least;
    most += product.most;
  }
  return { least, most };
}

function multiply(a: Range, b: Range): Range {
  // 0 times an infinite bound is 0: a bound is never reached.
  const corners = [a.least, a.most].flatMap((x) => [b.least, b.most].map((y) => (x === 0 || y === 0 ? 0 : x * y)));
  return { least: Math.min(...corners), most: Math.max(...corners) };
}

function rangeOfAtom(atom: Atom, ranges: ReadonlyMap<string, Range>): Range {
  if (atom.kind === "symbol") return ranges.get(atom.name) ?? { least: 1, most: Number.POSITIVE_INFINITY };
  if (atom.kind === "floor") {
    const above = rangeOf(atom.numerator, ranges);
    const by = literalOf(atom.denominator);
    const below = by === undefined ? rangeOf(atom.denominator, ranges) : { least: by, most: by };
    // Denominators are at least 1.
    const [small, large] = [Math.max(1, below.least), Math.max(1, below.most)];
    return {
      least: Math.floor(above.least / (above.least < 0 ? small : large)),
      most: Math.floor(above.most / (above.most < 0 ? large : small)),
    };
  }
  const [left, right] = [rangeOf(atom.left, ranges), rangeOf(atom.right, ranges)];
  const pick = Math[atom.kind];
  return { least: pick(left.least, right.least), most: pick(left.most, right.most) };
}
