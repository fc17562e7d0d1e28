/** Arithmetic of index expressions (`Affine` of nest.ts). Terms are kept sorted by axis, without zeros. */
import {
  type Atom,
  addDims,
  type Dim,
  dimOf,
  isLiteral,
  literalOf,
  maxDims,
  mulDims,
  ONE,
  subDims,
  ZERO,
} from "./dims.ts";
import type { Affine, AxisId, ScalarId } from "./nest.ts";

export const affineOf = (plus: Dim | number): Affine => ({
  terms: [],
  scalars: [],
  plus: typeof plus === "number" ? dimOf(plus) : plus,
});

export const axisIndex = (axis: AxisId): Affine => ({ terms: [{ axis, times: ONE }], scalars: [], plus: ZERO });

export const scalarIndex = (scalar: ScalarId): Affine => ({ terms: [], scalars: [{ scalar, times: ONE }], plus: ZERO });

export function addAffine(...parts: readonly Affine[]): Affine {
  const terms = new Map<AxisId, Dim>();
  const scalars = new Map<ScalarId, Dim>();
  for (const part of parts) {
    for (const { axis, times } of part.terms) terms.set(axis, addDims(terms.get(axis) ?? ZERO, times));
    for (const { scalar, times } of part.scalars) scalars.set(scalar, addDims(scalars.get(scalar) ?? ZERO, times));
  }
  return {
    terms: [...terms]
      .filter(([, times]) => !isLiteral(times, 0))
      .sort(([a], [b]) => a - b)
      .map(([axis, times]) => ({ axis, times })),
    scalars: [...scalars]
      .filter(([, times]) => !isLiteral(times, 0))
      .sort(([a], [b]) => a - b)
      .map(([scalar, times]) => ({ scalar, times })),
    plus: addDims(...parts.map((part) => part.plus)),
  };
}

export function scaleAffine(at: Affine, by: Dim): Affine {
  if (isLiteral(by, 0)) return affineOf(0);
  return {
    terms: at.terms.map(({ axis, times }) => ({ axis, times: mulDims(times, by) })),
    scalars: at.scalars.map(({ scalar, times }) => ({ scalar, times: mulDims(times, by) })),
    plus: mulDims(at.plus, by),
  };
}

/** Replaces axes by index expressions; those that `by` does not know stay. */
export function substituteAxes(at: Affine, by: (axis: AxisId) => Affine | undefined): Affine {
  if (!at.terms.some(({ axis }) => by(axis))) return at;
  return addAffine(
    { terms: [], scalars: at.scalars, plus: at.plus },
    ...at.terms.map(({ axis, times }) => scaleAffine(by(axis) ?? axisIndex(axis), times)),
  );
}

export const renameScalars = (at: Affine, to: (scalar: ScalarId) => ScalarId): Affine =>
  at.scalars.length === 0
    ? at
    : { ...at, scalars: at.scalars.map(({ scalar, times }) => ({ scalar: to(scalar), times })) };

export const strideOf = (at: Affine, axis: AxisId): Dim => at.terms.find((term) => term.axis === axis)?.times ?? ZERO;

export const affineKey = (at: Affine): string =>
  `${at.terms.map((t) => `a${t.axis}*${t.times.key}`).join("+")}|${at.scalars.map((t) => `s${t.scalar}*${t.times.key}`).join("+")}|${at.plus.key}`;

/**
 * Least and greatest value over the domain, inclusive; undefined where a coefficient's sign is not known or the
 * index depends on data. Extents are at least 1.
 */
export function affineRange(at: Affine, extentOf: (axis: AxisId) => Dim): { low: Dim; high: Dim } | undefined {
  if (at.scalars.length > 0) return undefined;
  let low = at.plus;
  let high = at.plus;
  for (const { axis, times } of at.terms) {
    const reach = mulDims(times, subDims(extentOf(axis), ONE));
    if (isNonNegative(times)) high = addDims(high, reach);
    else if (isNonNegative(mulDims(times, dimOf(-1)))) low = addDims(low, reach);
    else return undefined;
  }
  return { low, high };
}

/** Proves `dim >= 0` for all dims of at least 1, without further facts; false means "cannot prove". */
export function isNonNegative(dim: Dim): boolean {
  const value = literalOf(dim);
  if (value !== undefined) return value >= 0;
  // c*floor(n/k) lies between c/k*(n - k + 1) and c/k*n; a bound in place of the floor proves what holds for all.
  for (const term of dim.terms) {
    const [atom] = term.atoms;
    if (term.atoms.length !== 1 || atom?.kind !== "floor") continue;
    const k = literalOf(atom.denominator);
    if (k === undefined || term.coefficient % k !== 0) continue;
    const bound = term.coefficient > 0 ? addDims(atom.numerator, dimOf(1 - k)) : atom.numerator;
    const floor: Dim = { terms: [term], key: "" };
    const without = subDims(dim, addDims(floor, ZERO));
    if (isNonNegative(addDims(without, mulDims(bound, dimOf(term.coefficient / k))))) return true;
  }
  let least = 0;
  for (const term of dim.terms) {
    if (term.atoms.length === 0) least += term.coefficient;
    else if (term.coefficient < 0) return false;
    else {
      let product = term.coefficient;
      for (const atom of term.atoms) {
        const bound = leastOf(atom);
        if (bound === undefined) return false;
        product *= bound;
      }
      least += product;
    }
  }
  return least >= 0;
}

/** 1 or 0 if the atom is provably at least that. */
function leastOf(atom: Atom): 0 | 1 | undefined {
  if (atom.kind === "symbol") return 1;
  if (atom.kind === "floor") {
    const k = literalOf(atom.denominator);
    if (k !== undefined && isNonNegative(addDims(atom.numerator, dimOf(-k)))) return 1;
    return isNonNegative(atom.numerator) ? 0 : undefined;
  }
  const parts = [atom.left, atom.right];
  const holds = (least: number) => (part: Dim) => isNonNegative(addDims(part, dimOf(-least)));
  for (const least of [1, 0] as const)
    if (atom.kind === "max" ? parts.some(holds(least)) : parts.every(holds(least))) return least;
  return undefined;
}

/** max(a, b), as one of the two where it can be proved which. */
export function largerDim(a: Dim, b: Dim): Dim {
  if (isNonNegative(subDims(a, b))) return a;
  return isNonNegative(subDims(b, a)) ? b : maxDims(a, b);
}
