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
  floorDivDims,
  gcd,
  literalOf,
  mulDims,
  scaleDim,
  subDims,
  substituteDims,
} from "../ir/dims.ts";
import { inAllCases, isNonNegative, isZero, type Known, knownOf, tightened, withoutLoneFloor } from "./proof.ts";

/** `dim` is zero, is not negative, or is a multiple of `by`. */
export type Fact =
  | { readonly kind: "zero" | "nonNegative"; readonly dim: Dim }
  | { readonly kind: "divisible"; readonly dim: Dim; readonly by: number };

export interface Facts {
  /** The same size with everything applied that the facts say about divisions and equality; in the user's names. */
  normal(dim: Dim): Dim;
  equal(a: Dim, b: Dim): boolean;
  atLeast(dim: Dim, minimum: number): boolean;
  /** That `dim >= 0`, from the facts and from `given`, which are not negative. */
  follows(dim: Dim, given: readonly Dim[]): boolean;
  /** That `dim` is a multiple of `by`. */
  divisible(dim: Dim, by: Dim): boolean;
  /** From here on it holds, because the feeds are checked for it. */
  assume(fact: Fact): void;
}

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
    // Products of remainders stay exact.
    if (divisor <= 1 || divisor > 2 ** 26) return;
    // Multiples of k change nothing; a coefficient without a factor of k has an inverse.
    subject = addDims(...subject.terms.map((term) => dimOfTerm(modulo(term.coefficient, divisor), term.atoms)));
    const symbol = soleSymbol(subject, (c) => gcd(c, divisor) === 1);
    if (!symbol) return;
    // c·s + others = k·q, so s = k·q' - others / c
    const others = subDims(subject, scaleDim(dimSymbol(symbol.name), symbol.coefficient));
    const inverse = inverseOf(symbol.coefficient, divisor);
    const rest = addDims(
      ...others.terms.map((term) => dimOfTerm(modulo(-inverse * term.coefficient, divisor), term.atoms)),
    );
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
    const dim = withoutContent(reduced(whole));
    if (literalOf(dim) !== undefined) return;
    const symbol = soleSymbol(dim, (c) => c === 1 || c === -1);
    if (!symbol) {
      // Of 2·A = 3·B follows that A is a multiple of 3, and with A = 3·A' that B = 2·A'.
      for (const term of dim.terms) {
        const others = subDims(dim, dimOfTerm(term.coefficient, term.atoms));
        const common = others.terms.reduce((all, { coefficient }) => gcd(all, coefficient), 0);
        if (term.atoms.length !== 1 || common < 2 || gcd(term.coefficient, common) !== 1) continue;
        const before = reduced(dim).key;
        learnDivisible(dimOfTerm(1, term.atoms), common);
        if (reduced(dim).key === before) continue;
        learnZero(reduced(dim));
        return;
      }
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
    for (let order: Dim | undefined = reduced(dim); order; order = withoutLoneFloor(order))
      inequalities.push(tightened(order));
  };
  const learn = (fact: Fact): void => {
    if (fact.kind === "zero") learnZero(fact.dim);
    else if (fact.kind === "divisible") learnDivisible(fact.dim, fact.by);
    else learnOrder(fact.dim);
  };
  for (const fact of given) if (fact.kind === "nonNegative") learn(fact);

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

  const known = (): Known => knownOf(inequalities, (name) => lowest.get(name) ?? 1);
  let all = known();

  return {
    normal(dim) {
      if (substitution.size === 0 || literalOf(dim) !== undefined) return dim;
      // Restored divisions may be exact only by facts that were learned later: those go away the second time.
      let last = dim;
      for (let round = 0; round < 8; round++) {
        const next = restored(reduced(last));
        if (next.key === last.key) break;
        last = next;
      }
      return last;
    },
    equal(a, b) {
      if (a.key === b.key) return true;
      const difference = reduced(subDims(a, b));
      const literal = literalOf(difference);
      if (literal !== undefined) return literal === 0;
      return withoutOverflow(() => isZero(difference, all));
    },
    atLeast: (dim, minimum) => withoutOverflow(() => isNonNegative(reduced(subDims(dim, dimOf(minimum))), all)),
    follows: (dim, given) =>
      withoutOverflow(() => {
        const more = given.map((one) => tightened(reduced(one)));
        return isNonNegative(
          reduced(dim),
          knownOf([...inequalities, ...more], (name) => lowest.get(name) ?? 1),
        );
      }),
    divisible(dim, by) {
      const [whole, k] = [reduced(dim), reduced(by)];
      const remainder = subDims(whole, mulDims(k, floorDivDims(whole, k)));
      if (literalOf(remainder) === 0) return true;
      return withoutOverflow(() => inAllCases(remainder, all, (one) => literalOf(one) === 0));
    },
    assume(fact) {
      learn(fact);
      all = known();
    },
  };
}

const modulo = (a: number, k: number): number => ((a % k) + k) % k;

/** The number whose product with `a` leaves 1 when divided by `k`. Only a program's own divisors get here. */
function inverseOf(a: number, k: number): number {
  let [x, y, r, s] = [1, 0, modulo(a, k), k];
  while (s !== 0) {
    const times = Math.floor(r / s);
    [x, y, r, s] = [y, x - times * y, s, r - times * s];
  }
  return modulo(x, k);
}

/** An equation divided by what divides all of it. */
function withoutContent(dim: Dim): Dim {
  const content = dim.terms.reduce((all, { coefficient }) => gcd(all, coefficient), 0);
  return content < 2 ? dim : addDims(...dim.terms.map((term) => dimOfTerm(term.coefficient / content, term.atoms)));
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
