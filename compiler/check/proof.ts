/**
 * Proofs that a size is not negative, from inequalities (language.md 4.3). A proof is sound, never complete: a bounded
 * search by intervals, by what the facts leave, by both cases of a `max`, and by all remainders of the symbols that
 * floors divide, after which the floors are exact.
 */
import {
  addDims,
  type Atom,
  type Dim,
  dimOf,
  dimOfTerm,
  dimSymbol,
  dimSymbols,
  divideExactly,
  eachAtom,
  gcd,
  literalOf,
  mulDims,
  ONE,
  replaceAtom,
  scaleDim,
  subDims,
  substituteDims,
  type Term,
} from "../ir/dims.ts";

/** How deep a proof may nest; what people write needs two or three. */
const DEPTH = 7;
/** How many sizes one search looks at; a long one counts as several. */
const STEPS = 600;
const TERMS_OF_A_STEP = 6;
/** Sizes with more terms than this are not reasoned about: products of products, which no array has. */
const TERMS = 64;
/** Into how many cases a size may be split by remainders. */
const CASES = 144;

/** What a proof may use: `inequalities` are not negative, a symbol is at least its `lowestOf`. */
export interface Known {
  readonly inequalities: readonly Dim[];
  lowestOf(symbol: string): number;
  readonly bounds: Bounds;
}

export const knownOf = (inequalities: readonly Dim[], lowestOf: (symbol: string) => number): Known => ({
  inequalities,
  lowestOf,
  bounds: boundsOf(lowestOf, inequalities),
});

/** `dim >= 0` */
export const isNonNegative = (dim: Dim, known: Known): boolean =>
  new Proof(known).nonNegative(dim) || inAllCases(dim, known, (one, of) => new Proof(of).nonNegative(one));

/** `dim == 0` */
export function isZero(dim: Dim, known: Known): boolean {
  const holds = (one: Dim, of: Known): boolean =>
    literalOf(one) === 0 || (new Proof(of).nonNegative(one) && new Proof(of).nonNegative(scaleDim(one, -1)));
  return holds(dim, known) || inAllCases(dim, known, holds);
}

/**
 * Whether `holds` for every remainder of the symbols in floors: with `s = k·s' + r` a floor of s by a divisor of k is
 * exact. False if nothing can be split, or only into too many cases.
 */
export function inAllCases(dim: Dim, known: Known, holds: (dim: Dim, known: Known) => boolean): boolean {
  const moduli = new Map<string, number>();
  const visit = (size: Dim, by: number): void => {
    for (const { atoms } of size.terms)
      for (const atom of atoms) {
        if (atom.kind === "symbol") {
          if (by > 1) moduli.set(atom.name, lcm(moduli.get(atom.name) ?? 1, by));
        } else if (atom.kind === "floor") visit(atom.numerator, by * (literalOf(atom.denominator) ?? 1));
        else for (const part of [atom.left, atom.right]) visit(part, by);
      }
  };
  visit(dim, 1);
  const split = [...moduli];
  const cases = split.reduce((product, [, modulus]) => product * modulus, 1);
  if (cases === 1 || cases > CASES) return false;
  for (let index = 0; index < cases; index++) {
    let rest = index;
    const remainders = new Map<string, { readonly modulus: number; readonly remainder: number }>();
    for (const [name, modulus] of split) {
      remainders.set(name, { modulus, remainder: rest % modulus });
      rest = Math.floor(rest / modulus);
    }
    const substituted = (size: Dim): Dim =>
      substituteDims(size, (name) => {
        const one = remainders.get(name);
        return one && addDims(scaleDim(dimSymbol(name), one.modulus), dimOf(one.remainder));
      });
    const lowestOf = (name: string): number => {
      const one = remainders.get(name);
      const low = known.lowestOf(name);
      return one ? Math.ceil((low - one.remainder) / one.modulus) : low;
    };
    const relevant = known.inequalities.map((one) => tightened(substituted(one)));
    if (relevant.some((one) => (literalOf(one) ?? 0) < 0)) continue;
    if (!holds(substituted(dim), knownOf(relevant, lowestOf))) return false;
  }
  return true;
}

const lcm = (a: number, b: number): number => (a / gcd(a, b)) * b;

/** `p + floor(c / g)` for `g·p + c`: of integers, one is not negative iff the other is. */
export function tightened(dim: Dim): Dim {
  let content = 0;
  for (const term of dim.terms) if (term.atoms.length > 0) content = gcd(content, term.coefficient);
  if (content < 2) return dim;
  return addDims(
    ...dim.terms.map((term) =>
      term.atoms.length > 0
        ? dimOfTerm(term.coefficient / content, term.atoms)
        : dimOf(Math.floor(term.coefficient / content)),
    ),
  );
}

export interface Bounds {
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
  readonly #known: Known;
  readonly #tried = new Set<string>();
  #steps = STEPS;

  constructor(known: Known) {
    this.#known = known;
  }

  /** Proves `dim >= 0` from `facts >= 0`. */
  nonNegative(whole: Dim, facts: readonly Dim[] = this.#known.inequalities, depth = DEPTH): boolean {
    const { bounds } = this.#known;
    if (whole.terms.length > TERMS) return false;
    if (bounds.ofDim(whole)[0] >= 0) return true;
    if (depth === 0 || whole.terms.length === 0 || this.#steps <= 0) return false;
    this.#steps -= Math.ceil(whole.terms.length / TERMS_OF_A_STEP);
    const dim = tightened(whole);
    if (dim !== whole && bounds.ofDim(dim)[0] >= 0) return true;
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
      const inCase = (by: Dim, implied: Dim): boolean => {
        const learnt = tightened(implied);
        // A case that cannot be needs no proof.
        if ((literalOf(learnt) ?? 0) < 0) return true;
        return this.nonNegative(replaceAtom(dim, key, by), [...facts, learnt], depth - 1);
      };
      return inCase(left, leftWins) && inCase(right, scaleDim(leftWins, -1));
    }

    const exact = withoutLoneFloor(dim);
    if (exact) return this.nonNegative(exact, facts, depth - 1);

    for (const term of dim.terms)
      for (const atom of term.atoms) {
        if (atom.kind !== "floor") continue;
        const without = withoutFloor(dim, atom, bounds);
        if (without && this.nonNegative(without, facts, depth - 1)) return true;
      }
    return (
      this.#less(dim, facts, facts, depth, (atoms) => atoms.length === 0) ||
      this.#less(dim, [...facts, ...this.#lowest(dim)], facts, depth, (atoms) => atoms.length > 0)
    );
  }

  /**
   * dim·q = p·m·fact + rest with p, q > 0 and a monomial m >= 0 that `uses` takes: enough to prove the rest. Some term
   * of the dim cancels.
   */
  #less(
    dim: Dim,
    from: readonly Dim[],
    facts: readonly Dim[],
    depth: number,
    uses: (monomial: readonly Atom[]) => boolean,
  ): boolean {
    for (const fact of from)
      for (const term of dim.terms) {
        if (term.atoms.length === 0) continue;
        for (const same of fact.terms) {
          if (same.atoms.length === 0 || Math.sign(same.coefficient) !== Math.sign(term.coefficient)) continue;
          if (this.#steps <= 0) return false;
          const monomial = quotient(term.atoms, same.atoms);
          if (!monomial || !uses(monomial)) continue;
          const times = dimOfTerm(1, monomial);
          if (monomial.length > 0 && this.#known.bounds.ofDim(times)[0] < 0) continue;
          const common = gcd(term.coefficient, same.coefficient);
          const rest = subDims(
            scaleDim(dim, Math.abs(same.coefficient) / common),
            scaleDim(mulDims(fact, times), Math.abs(term.coefficient) / common),
          );
          if (this.nonNegative(rest, facts, depth - 1)) return true;
        }
      }
    return false;
  }

  /** That the symbols of a size are at least what they are. */
  #lowest(dim: Dim): readonly Dim[] {
    if (dim.terms.every(({ atoms }) => atoms.length < 2)) return [];
    return [...dimSymbols(dim)].flatMap((name) => {
      const low = this.#known.bounds.ofDim(dimSymbol(name))[0];
      return Number.isFinite(low) ? [subDims(dimSymbol(name), dimOf(low))] : [];
    });
  }
}

/** The atoms that are left of `atoms` without those of `by`; undefined if it lacks one of them. */
function quotient(atoms: readonly Atom[], by: readonly Atom[]): readonly Atom[] | undefined {
  const rest = [...atoms];
  for (const { key } of by) {
    const at = rest.findIndex((other) => other.key === key);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return rest;
}

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
export function withoutLoneFloor(dim: Dim): Dim | undefined {
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

/**
 * The size with a bound in the place of every floor(a / k): (a - k + 1) / k <= floor(a / k) <= a / k. Terms that have k
 * as a factor take it from there; for the others all is multiplied by k.
 */
function withoutFloor(dim: Dim, atom: Extract<Atom, { kind: "floor" }>, bounds: Bounds): Dim | undefined {
  const { numerator, denominator } = atom;
  if (bounds.ofDim(denominator)[0] < 1) return undefined;
  const floored = dim.terms.flatMap((term) => {
    const others = quotient(term.atoms, [atom]);
    return others ? [{ coefficient: term.coefficient, others }] : [];
  });
  if (floored.some(({ others }) => bounds.ofDim(dimOfTerm(1, others))[0] < 0)) return undefined;
  const factors = floored.map(({ coefficient, others }) => divideExactly(dimOfTerm(coefficient, others), denominator));
  const isDivided = factors.every((factor) => factor !== undefined);
  const rest = dim.terms.flatMap((term) =>
    quotient(term.atoms, [atom]) ? [] : [dimOfTerm(term.coefficient, term.atoms)],
  );
  return addDims(
    mulDims(addDims(...rest), isDivided ? ONE : denominator),
    ...floored.map(({ coefficient, others }, i) => {
      const bound = coefficient > 0 ? addDims(subDims(numerator, denominator), ONE) : numerator;
      return mulDims(isDivided ? (factors[i] ?? ONE) : dimOfTerm(coefficient, others), bound);
    }),
  );
}
