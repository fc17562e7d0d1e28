/**
 * What is known about the run dims of a graph, and proofs from it (language.md 4.3).
 *
 * Facts are linear equations and inequalities, divisibility by a literal, and that every run dim is at least 1.
 * A divisibility `H % k == 0` substitutes `H = k·H'` (rule 2), an equation substitutes one of its symbols; proofs
 * work on the substituted polynomials, `normal` maps the result back to the user's names. "False" means
 * "cannot prove": a proof is sound, never complete.
 */
import {
  addDims,
  type Atom,
  type Dim,
  DimOverflow,
  dimOf,
  dimOfTerm,
  dimSymbol,
  dimSymbols,
  eachAtom,
  floorDivDims,
  literalOf,
  mulDims,
  replaceAtom,
  scaleDim,
  subDims,
  substituteDims,
  type Term,
} from "../ir/dims.ts";

/** `dim` is zero, is not negative, or is a multiple of `by`. */
export type Fact =
  | { readonly kind: "zero" | "nonNegative"; readonly dim: Dim }
  | { readonly kind: "divisible"; readonly dim: Dim; readonly by: number };

export interface Facts {
  /** The same size with everything applied that the facts say about divisions and equality; in the user's names. */
  normal(dim: Dim): Dim;
  equal(a: Dim, b: Dim): boolean;
  atLeast(dim: Dim, minimum: number): boolean;
  /** That `dim` is a multiple of `by`. */
  divisible(dim: Dim, by: Dim): boolean;
  /** From here on `dim >= 0` holds, because the feeds are checked for it. */
  assume(dim: Dim): void;
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

/** How deep a proof may nest; what people write needs two or three. */
const DEPTH = 7;
/** How many sizes one search looks at. */
const STEPS = 600;

interface Fresh {
  /** `original = times * fresh + rest` */
  readonly original: string;
  readonly times: number;
  readonly rest: Dim;
}

export function factsOf(given: readonly Fact[]): Facts {
  const substitution = new Map<string, Dim>();
  const fresh = new Map<string, Fresh>();
  const lowest = new Map<string, number>();
  let inequalities: Dim[] = [];

  const reduced = (dim: Dim): Dim =>
    substitution.size === 0 ? dim : substituteDims(dim, (name) => substitution.get(name));

  const substituteSymbol = (name: string, by: Dim): void => {
    for (const [key, dim] of substitution)
      substitution.set(
        key,
        substituteDims(dim, (other) => (other === name ? by : undefined)),
      );
    substitution.set(name, by);
    inequalities = inequalities.map((dim) => substituteDims(dim, (other) => (other === name ? by : undefined)));
  };

  /** A symbol that occurs once in `dim`, alone in its term, with a coefficient that `accepts`. */
  const soleSymbol = (
    dim: Dim,
    accepts: (coefficient: number) => boolean,
  ): { name: string; coefficient: number } | undefined => {
    for (let i = dim.terms.length - 1; i >= 0; i--) {
      const term = dim.terms[i];
      const [atom] = term?.atoms ?? [];
      if (term?.atoms.length !== 1 || atom?.kind !== "symbol" || !accepts(term.coefficient)) continue;
      const others = subDims(dim, dimOfTerm(term.coefficient, term.atoms));
      if (!dimSymbols(others).has(atom.name)) return { name: atom.name, coefficient: term.coefficient };
    }
    return undefined;
  };

  const learnDivisible = (whole: Dim, by: number): void => {
    const dim = reduced(whole);
    let divisor = by;
    let subject = dim;
    // g·p is a multiple of k iff p is a multiple of k / gcd(g, k)
    let content = 0;
    for (const term of dim.terms) content = gcd(content, term.coefficient);
    if (content > 1) {
      divisor = by / gcd(content, by);
      subject = addDims(...dim.terms.map((term) => dimOfTerm(term.coefficient / content, term.atoms)));
    }
    if (divisor <= 1) return;
    const symbol = soleSymbol(subject, (c) => c === 1 || c === -1);
    if (!symbol) return;
    // ±s + rest = k·q, so s = k·q' - (±rest)
    const rest = scaleDim(subDims(subject, scaleDim(dimSymbol(symbol.name), symbol.coefficient)), -symbol.coefficient);
    const name = `${symbol.name}'`;
    const constant = literalOf(rest);
    const low = lowest.get(symbol.name) ?? 1;
    if (constant !== undefined) lowest.set(name, Math.ceil((low - constant) / divisor));
    else lowest.set(name, Number.NEGATIVE_INFINITY);
    fresh.set(name, { original: symbol.name, times: divisor, rest });
    const value = addDims(scaleDim(dimSymbol(name), divisor), rest);
    substituteSymbol(symbol.name, value);
    if (constant === undefined && Number.isFinite(low)) inequalities.push(subDims(value, dimOf(low)));
  };

  const learnZero = (whole: Dim): void => {
    const dim = reduced(whole);
    if (literalOf(dim) !== undefined) return;
    const symbol = soleSymbol(dim, (c) => c === 1 || c === -1);
    if (!symbol) {
      inequalities.push(dim, scaleDim(dim, -1));
      return;
    }
    const value = scaleDim(subDims(dim, scaleDim(dimSymbol(symbol.name), symbol.coefficient)), -symbol.coefficient);
    substituteSymbol(symbol.name, value);
    const low = lowest.get(symbol.name) ?? 1;
    if (Number.isFinite(low)) inequalities.push(subDims(value, dimOf(low)));
  };

  for (const fact of given) if (fact.kind === "zero") learnZero(fact.dim);
  for (const fact of given) if (fact.kind === "divisible") learnDivisible(fact.dim, fact.by);
  /** Adds an inequality, also without the floors in it, which bounds can use. */
  const learnOrder = (dim: Dim): void => {
    for (let known: Dim | undefined = reduced(dim); known; known = withoutLoneFloor(known)) inequalities.push(known);
  };
  for (const fact of given) if (fact.kind === "nonNegative") learnOrder(fact.dim);

  /** From `H'` back to `H / k`: every multiple c·H' is c/g · (H - rest)/(k/g) with g = gcd(c, k), an exact division. */
  const restored = (dim: Dim): Dim => {
    if (![...dimSymbols(dim)].some((name) => fresh.has(name))) return dim;
    const once = addDims(
      ...dim.terms.map((term) => {
        let coefficient = term.coefficient;
        const factors: Dim[] = [];
        for (const atom of term.atoms) {
          const origin = atom.kind === "symbol" ? fresh.get(atom.name) : undefined;
          if (!origin) {
            factors.push(restoredAtom(atom));
            continue;
          }
          const common = gcd(coefficient, origin.times);
          coefficient /= common;
          factors.push(floorDivDims(subDims(dimSymbol(origin.original), origin.rest), dimOf(origin.times / common)));
        }
        return mulDims(dimOf(coefficient), ...factors);
      }),
    );
    return restored(once);
  };
  const restoredAtom = (atom: Atom): Dim => {
    if (atom.kind === "floor") return floorDivDims(restored(atom.numerator), restored(atom.denominator));
    if (atom.kind === "symbol") return dimSymbol(atom.name);
    return dimOfTerm(1, [
      {
        ...atom,
        left: restored(atom.left),
        right: restored(atom.right),
        key: `${atom.kind}(${restored(atom.left).key},${restored(atom.right).key})`,
      },
    ]);
  };

  let bounds = boundsOf((name) => lowest.get(name) ?? 1, inequalities);
  const holds = (dim: Dim): boolean =>
    withoutOverflow(() => new Proof(bounds).nonNegative(reduced(dim), inequalities, DEPTH));

  return {
    normal: (dim) => (substitution.size === 0 || literalOf(dim) !== undefined ? dim : restored(reduced(dim))),
    equal(a, b) {
      if (a.key === b.key) return true;
      const difference = reduced(subDims(a, b));
      const literal = literalOf(difference);
      if (literal !== undefined) return literal === 0;
      return holds(difference) && holds(scaleDim(difference, -1));
    },
    atLeast: (dim, minimum) => holds(subDims(dim, dimOf(minimum))),
    divisible(dim, by) {
      const remainder = reduced(subDims(dim, mulDims(by, floorDivDims(reduced(dim), by))));
      return literalOf(remainder) === 0;
    },
    assume(dim) {
      learnOrder(dim);
      bounds = boundsOf((name) => lowest.get(name) ?? 1, inequalities);
    },
  };
}

/** Numbers that a search makes too large prove nothing. */
function withoutOverflow(proof: () => boolean): boolean {
  try {
    return proof();
  } catch (error) {
    if (error instanceof DimOverflow) return false;
    throw error;
  }
}

interface Bounds {
  ofDim(dim: Dim): readonly [number, number];
}

function boundsOf(lowestOf: (name: string) => number, inequalities: readonly Dim[]): Bounds {
  // `c - s >= 0` bounds s from above, `s - c >= 0` from below.
  const high = new Map<string, number>();
  const low = new Map<string, number>();
  for (const dim of inequalities) {
    const symbols = dim.terms.filter((term) => term.atoms.length > 0);
    const [only] = symbols;
    const [atom] = only?.atoms ?? [];
    if (symbols.length !== 1 || !only || only.atoms.length !== 1 || atom?.kind !== "symbol") continue;
    const constant = dim.terms.find((term) => term.atoms.length === 0)?.coefficient ?? 0;
    const limit = -constant / only.coefficient;
    if (only.coefficient < 0)
      high.set(atom.name, Math.min(high.get(atom.name) ?? Number.POSITIVE_INFINITY, Math.floor(limit)));
    else low.set(atom.name, Math.max(low.get(atom.name) ?? Number.NEGATIVE_INFINITY, Math.ceil(limit)));
  }
  const product = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : x * y);
  const ofAtom = (atom: Atom): readonly [number, number] => {
    if (atom.kind === "symbol")
      return [
        Math.max(lowestOf(atom.name), low.get(atom.name) ?? Number.NEGATIVE_INFINITY),
        high.get(atom.name) ?? Number.POSITIVE_INFINITY,
      ];
    if (atom.kind === "floor") {
      const [nl, nh] = ofDim(atom.numerator);
      const [dl, dh] = ofDim(atom.denominator);
      if (dl < 1) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      const quotients = [nl, nh].flatMap((n) =>
        [dl, dh].map((d) => (Number.isFinite(d) ? Math.floor(n / d) : n < 0 ? -1 : 0)),
      );
      return [Math.min(...quotients), Math.max(...quotients)];
    }
    const [a, b] = ofDim(atom.left);
    const [c, d] = ofDim(atom.right);
    const pick = Math[atom.kind];
    return [pick(a, c), pick(b, d)];
  };
  const ofTerm = (term: Term): readonly [number, number] => {
    let range: readonly [number, number] = [1, 1];
    for (const atom of term.atoms) {
      const [l, h] = ofAtom(atom);
      const corners = [product(range[0], l), product(range[0], h), product(range[1], l), product(range[1], h)];
      range = [Math.min(...corners), Math.max(...corners)];
    }
    const ends = [product(range[0], term.coefficient), product(range[1], term.coefficient)];
    return [Math.min(...ends), Math.max(...ends)];
  };
  const ofDim = (dim: Dim): readonly [number, number] => {
    let l = 0;
    let h = 0;
    for (const term of dim.terms) {
      const [a, b] = ofTerm(term);
      l += a;
      h += b;
    }
    return [l, h];
  };
  return { ofDim };
}

/** A search for a proof that a size is not negative. Bounded, since it tries what may help in any order. */
class Proof {
  readonly #bounds: Bounds;
  readonly #tried = new Set<string>();
  #steps = STEPS;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** Proves `dim >= 0` from `facts >= 0`. */
  nonNegative(dim: Dim, facts: readonly Dim[], depth: number): boolean {
    const bounds = this.#bounds;
    if (bounds.ofDim(dim)[0] >= 0) return true;
    if (depth === 0 || dim.terms.length === 0 || this.#steps-- <= 0) return false;
    const attempt = `${depth} ${facts.length} ${dim.key}`;
    if (this.#tried.has(attempt)) return false;
    this.#tried.add(attempt);

    const shared = withoutCommonFactor(dim, bounds);
    if (shared) return this.nonNegative(shared, facts, depth - 1);

    // max(a, b) is a or b: prove both cases, each with what it implies.
    const choice = extremumIn(dim);
    if (choice) {
      const { key, left, right, kind } = choice;
      const leftWins = kind === "max" ? subDims(left, right) : subDims(right, left);
      return (
        this.nonNegative(replaceAtom(dim, key, left), [...facts, leftWins], depth - 1) &&
        this.nonNegative(replaceAtom(dim, key, right), [...facts, scaleDim(leftWins, -1)], depth - 1)
      );
    }

    const exact = withoutLoneFloor(dim);
    if (exact) return this.nonNegative(exact, facts, depth - 1);

    // (a - k + 1) / k <= floor(a / k) <= a / k, multiplied by k.
    for (const term of dim.terms)
      for (const atom of term.atoms) {
        if (atom.kind !== "floor") continue;
        const without = withoutFloor(dim, atom, bounds);
        if (without && this.nonNegative(without, facts, depth - 1)) return true;
      }

    // dim·q = p·fact + rest with p, q > 0: enough to prove the rest. Some term of the dim cancels.
    for (const fact of facts)
      for (const term of dim.terms) {
        if (term.atoms.length === 0) continue;
        const key = monomialKey(term);
        const same = fact.terms.find((other) => monomialKey(other) === key);
        if (!same || Math.sign(same.coefficient) !== Math.sign(term.coefficient)) continue;
        const common = gcd(term.coefficient, same.coefficient);
        const rest = subDims(
          scaleDim(dim, Math.abs(same.coefficient) / common),
          scaleDim(fact, Math.abs(term.coefficient) / common),
        );
        if (this.nonNegative(rest, facts, depth - 1)) return true;
      }
    return false;
  }
}

const monomialKey = (term: Term): string => term.atoms.map((atom) => atom.key).join("*");

function extremumIn(dim: Dim): Extract<Atom, { kind: "max" | "min" }> | undefined {
  const found: Extract<Atom, { kind: "max" | "min" }>[] = [];
  eachAtom(dim, (atom) => {
    if (atom.kind === "max" || atom.kind === "min") found.push(atom);
  });
  return found[found.length - 1];
}

/** `p` of `a·p`, where the atom `a` is in every term and not negative. */
function withoutCommonFactor(dim: Dim, bounds: Bounds): Dim | undefined {
  const [first] = dim.terms;
  if (!first || dim.terms.length < 2) return undefined;
  for (const atom of first.atoms) {
    if (!dim.terms.every((term) => term.atoms.some((other) => other.key === atom.key))) continue;
    if (bounds.ofDim(dimOfTerm(1, [atom]))[0] < 0) continue;
    return addDims(
      ...dim.terms.map((term) => {
        const at = term.atoms.findIndex((other) => other.key === atom.key);
        return dimOfTerm(
          term.coefficient,
          term.atoms.filter((_, i) => i !== at),
        );
      }),
    );
  }
  return undefined;
}

/** For c·floor(a / k) + d >= 0 with numbers c, d, k the same without the floor: floor(a / k) >= m iff a >= k·m. */
function withoutLoneFloor(dim: Dim): Dim | undefined {
  const terms = dim.terms.filter((term) => term.atoms.length > 0);
  const [only] = terms;
  const [atom] = only?.atoms ?? [];
  if (terms.length !== 1 || !only || only.atoms.length !== 1 || atom?.kind !== "floor") return undefined;
  const k = literalOf(atom.denominator);
  if (k === undefined || k < 1) return undefined;
  const constant = dim.terms.find((term) => term.atoms.length === 0)?.coefficient ?? 0;
  if (only.coefficient > 0) return subDims(atom.numerator, dimOf(k * Math.ceil(-constant / only.coefficient)));
  // floor(a / k) <= m iff a <= k·m + k - 1
  return subDims(dimOf(k * Math.floor(constant / -only.coefficient) + k - 1), atom.numerator);
}

function withoutFloor(dim: Dim, atom: Extract<Atom, { kind: "floor" }>, bounds: Bounds): Dim | undefined {
  const k = literalOf(atom.denominator);
  if (k === undefined || k < 1) return undefined;
  const parts: Dim[] = [];
  for (const term of dim.terms) {
    const at = term.atoms.findIndex((other) => other.key === atom.key);
    if (at < 0) {
      parts.push(dimOfTerm(term.coefficient * k, term.atoms));
      continue;
    }
    const others = term.atoms.filter((_, i) => i !== at);
    if (bounds.ofDim(dimOfTerm(1, others))[0] < 0) return undefined;
    const bound = term.coefficient > 0 ? subDims(atom.numerator, dimOf(k - 1)) : atom.numerator;
    parts.push(mulDims(dimOfTerm(term.coefficient, others), bound));
  }
  return addDims(...parts);
}
