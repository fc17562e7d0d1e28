/**
 * Sizes as integer polynomials over dim symbols and floor-division atoms (language.md 4.3).
 *
 * A `Dim` is always in normal form: like monomials collected, terms sorted, floors reduced by rules 3 to 5,
 * so two dims are equal iff their keys are. What needs the facts of a `where` (rule 2, inequalities) is in
 * `check/facts.ts`.
 */

export type Atom =
  | { readonly kind: "symbol"; readonly name: string; readonly key: string }
  | { readonly kind: "floor"; readonly numerator: Dim; readonly denominator: Dim; readonly key: string }
  | { readonly kind: "max" | "min"; readonly left: Dim; readonly right: Dim; readonly key: string };

export interface Term {
  readonly coefficient: number;
  /** Sorted by key; a power is a repetition. Empty for the constant term. */
  readonly atoms: readonly Atom[];
}

export interface Dim {
  readonly terms: readonly Term[];
  readonly key: string;
}

/** A value beyond 2^53 is no size of anything; the checker reports it where it arises. */
export class DimOverflow extends Error {}

function termKey(atoms: readonly Atom[]): string {
  return atoms.map((atom) => atom.key).join("*");
}

function normal(terms: readonly Term[]): Dim {
  // Most sizes are numbers.
  if (terms.every(({ atoms }) => atoms.length === 0))
    return dimOf(terms.reduce((sum, { coefficient }) => sum + coefficient, 0));
  const collected = new Map<string, { coefficient: number; atoms: readonly Atom[] }>();
  for (const { coefficient, atoms } of terms) {
    const key = termKey(atoms);
    const before = collected.get(key);
    if (before) before.coefficient += coefficient;
    else collected.set(key, { coefficient, atoms });
  }
  const kept = [...collected.entries()].filter(([, term]) => term.coefficient !== 0);
  for (const [, term] of kept) if (!Number.isSafeInteger(term.coefficient)) throw new DimOverflow();
  // Symbols in name order, higher degrees first, the constant last: the order in which people write polynomials.
  kept.sort(([a, x], [b, y]) => y.atoms.length - x.atoms.length || (a < b ? -1 : a > b ? 1 : 0));
  const sorted = kept.map(([, term]) => term);
  return {
    terms: sorted,
    key:
      sorted.map((term) => `${term.coefficient}${term.atoms.length ? `*${termKey(term.atoms)}` : ""}`).join("+") || "0",
  };
}

const fromAtom = (atom: Atom): Dim => normal([{ coefficient: 1, atoms: [atom] }]);

export function dimOf(value: number): Dim {
  if (!Number.isSafeInteger(value)) throw new DimOverflow();
  return value === 0 ? { terms: [], key: "0" } : { terms: [{ coefficient: value, atoms: [] }], key: `${value}` };
}
export const ZERO: Dim = dimOf(0);
export const ONE: Dim = dimOf(1);
export const dimSymbol = (name: string): Dim => fromAtom({ kind: "symbol", name, key: name });

export function addDims(...dims: readonly Dim[]): Dim {
  // Most sizes are numbers: those need no collecting of terms.
  let sum = 0;
  for (const dim of dims) {
    const literal = literalOf(dim);
    if (literal === undefined) return normal(dims.flatMap((part) => part.terms));
    sum += literal;
  }
  return dimOf(sum);
}
export const scaleDim = (dim: Dim, by: number): Dim =>
  normal(dim.terms.map((term) => ({ coefficient: term.coefficient * by, atoms: term.atoms })));
export const subDims = (a: Dim, b: Dim): Dim => addDims(a, scaleDim(b, -1));

export function mulDims(...dims: readonly Dim[]): Dim {
  return dims.reduce((a, b) => {
    const [x, y] = [literalOf(a), literalOf(b)];
    if (x !== undefined && y !== undefined) return dimOf(x * y);
    const terms: Term[] = [];
    for (const x of a.terms)
      for (const y of b.terms)
        terms.push({
          coefficient: x.coefficient * y.coefficient,
          atoms: [...x.atoms, ...y.atoms].sort((p, q) => (p.key < q.key ? -1 : p.key > q.key ? 1 : 0)),
        });
    return normal(terms);
  }, ONE);
}

export const equalDims = (a: Dim, b: Dim): boolean => a.key === b.key;
export const equalShapes = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim.key === b[i]?.key);

/** The number, if the dim is a literal. */
export function literalOf(dim: Dim): number | undefined {
  if (dim.terms.length === 0) return 0;
  const [term] = dim.terms;
  return dim.terms.length === 1 && term && term.atoms.length === 0 ? term.coefficient : undefined;
}
export const isLiteral = (dim: Dim, value: number): boolean => literalOf(dim) === value;

/** The quotient, if `a` is a multiple of `b` as a polynomial (`b` of one term); undefined otherwise. */
export function divideExactly(a: Dim, b: Dim): Dim | undefined {
  const [by] = b.terms;
  if (!by || b.terms.length !== 1) return equalDims(a, b) && b.terms.length > 0 ? ONE : undefined;
  const terms: Term[] = [];
  for (const term of a.terms) {
    if (term.coefficient % by.coefficient !== 0) return undefined;
    const atoms = [...term.atoms];
    for (const atom of by.atoms) {
      const at = atoms.findIndex((other) => other.key === atom.key);
      if (at < 0) return undefined;
      atoms.splice(at, 1);
    }
    terms.push({ coefficient: term.coefficient / by.coefficient, atoms });
  }
  return normal(terms);
}

export const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

/** floor(a / b). `b` is positive. */
export function floorDivDims(a: Dim, b: Dim): Dim {
  const k = literalOf(b);
  const literal = literalOf(a);
  if (literal !== undefined && k !== undefined && k !== 0) return dimOf(Math.floor(literal / k));
  const exact = divideExactly(a, b);
  if (exact) return exact;
  if (k === undefined) return floorDivSymbolic(a, b);
  const whole: Term[] = [];
  const rest: Term[] = [];
  for (const term of a.terms) {
    // floor((k*p + r) / k) = p + floor(r / k), with 0 <= r < k for each coefficient
    const quotient = Math.floor(term.coefficient / k);
    const remainder = term.coefficient - quotient * k;
    if (quotient !== 0) whole.push({ coefficient: quotient, atoms: term.atoms });
    if (remainder !== 0) rest.push({ coefficient: remainder, atoms: term.atoms });
  }
  const quotient = normal(whole);
  let numerator = normal(rest);
  if (literalOf(numerator) !== undefined) return quotient;
  // floor((floor(x / m) + c) / k) = floor((x + m*c) / (m*k))
  const inner = numerator.terms.filter((term) => term.atoms.length > 0);
  const [only] = inner;
  const atom = only?.atoms[0];
  if (inner.length === 1 && only?.coefficient === 1 && only.atoms.length === 1 && atom?.kind === "floor") {
    const c = subDims(numerator, fromAtom(atom));
    return addDims(
      quotient,
      floorDivDims(addDims(atom.numerator, mulDims(atom.denominator, c)), mulDims(atom.denominator, b)),
    );
  }
  // floor((g*r + c) / (g*k)) = floor((r + floor(c / g)) / k)
  let divisor = k;
  let common = k;
  for (const term of inner) common = gcd(common, term.coefficient);
  if (common > 1) {
    numerator = normal(
      numerator.terms.map((term) => ({ ...term, coefficient: Math.floor(term.coefficient / common) })),
    );
    divisor = k / common;
    if (divisor === 1) return addDims(quotient, numerator);
  }
  return addDims(quotient, fromAtom(floorAtom(numerator, dimOf(divisor))));
}

/** Rule 3 for a divisor with symbols: multiples of it come out, factors that all have in common go. */
function floorDivSymbolic(a: Dim, b: Dim): Dim {
  const whole: Dim[] = [];
  const rest: Term[] = [];
  for (const term of a.terms) {
    const multiple = divideExactly(normal([term]), b);
    if (multiple) whole.push(multiple);
    else rest.push(term);
  }
  if (whole.length > 0) return addDims(...whole, floorDivDims(normal(rest), b));
  const [divisor] = b.terms;
  const shared = divisor?.atoms.find((atom) =>
    [...a.terms, ...b.terms].every(({ atoms }) => atoms.some((other) => other.key === atom.key)),
  );
  if (!shared) return fromAtom(floorAtom(a, b));
  const without = (dim: Dim): Dim => divideExactly(dim, fromAtom(shared)) ?? dim;
  return floorDivDims(without(a), without(b));
}

function floorAtom(numerator: Dim, denominator: Dim): Atom {
  return { kind: "floor", numerator, denominator, key: `floor(${numerator.key},${denominator.key})` };
}

export const ceilDivDims = (a: Dim, b: Dim): Dim => floorDivDims(addDims(a, b, dimOf(-1)), b);
export const modDims = (a: Dim, b: Dim): Dim => subDims(a, mulDims(b, floorDivDims(a, b)));

function extremum(kind: "max" | "min", a: Dim, b: Dim): Dim {
  const difference = literalOf(subDims(a, b));
  if (difference !== undefined) return difference >= 0 === (kind === "max") ? a : b;
  const [left, right] = a.key < b.key ? [a, b] : [b, a];
  return fromAtom({ kind, left, right, key: `${kind}(${left.key},${right.key})` });
}
export const maxDims = (a: Dim, b: Dim): Dim => extremum("max", a, b);
export const minDims = (a: Dim, b: Dim): Dim => extremum("min", a, b);

/** Replaces symbols; those that `by` does not know stay. */
export function substituteDims(dim: Dim, by: (name: string) => Dim | undefined): Dim {
  if (literalOf(dim) !== undefined) return dim;
  return addDims(
    ...dim.terms.map((term) => mulDims(dimOf(term.coefficient), ...term.atoms.map((atom) => substituteAtom(atom, by)))),
  );
}

function substituteAtom(atom: Atom, by: (name: string) => Dim | undefined): Dim {
  if (atom.kind === "symbol") return by(atom.name) ?? fromAtom(atom);
  if (atom.kind === "floor")
    return floorDivDims(substituteDims(atom.numerator, by), substituteDims(atom.denominator, by));
  return extremum(atom.kind, substituteDims(atom.left, by), substituteDims(atom.right, by));
}

export function evaluateDim(dim: Dim, valueOf: (name: string) => number): number {
  let sum = 0;
  for (const term of dim.terms) {
    let product = term.coefficient;
    for (const atom of term.atoms) {
      if (atom.kind === "symbol") product *= valueOf(atom.name);
      else if (atom.kind === "floor")
        product *= Math.floor(evaluateDim(atom.numerator, valueOf) / evaluateDim(atom.denominator, valueOf));
      else product *= Math[atom.kind](evaluateDim(atom.left, valueOf), evaluateDim(atom.right, valueOf));
    }
    sum += product;
  }
  return sum;
}

export function dimSymbols(dim: Dim, into: Set<string> = new Set()): Set<string> {
  for (const term of dim.terms)
    for (const atom of term.atoms) {
      if (atom.kind === "symbol") into.add(atom.name);
      else
        for (const part of atom.kind === "floor" ? [atom.numerator, atom.denominator] : [atom.left, atom.right])
          dimSymbols(part, into);
    }
  return into;
}

export const productOf = (shape: readonly Dim[]): Dim => mulDims(...shape);

/** As a person writes it: `N·21632`, `(H + 3)/4`, `N - 1`. */
export function formatDim(dim: Dim): string {
  if (dim.terms.length === 0) return "0";
  return dim.terms
    .map((term, i) => {
      const magnitude = Math.abs(term.coefficient);
      const atoms = term.atoms.map(formatAtom);
      const text =
        atoms.length === 0 ? `${magnitude}` : magnitude === 1 ? atoms.join("·") : [...atoms, magnitude].join("·");
      if (i === 0) return term.coefficient < 0 ? `-${text}` : text;
      return term.coefficient < 0 ? ` - ${text}` : ` + ${text}`;
    })
    .join("");
}

function formatAtom(atom: Atom): string {
  if (atom.kind === "symbol") return atom.name;
  if (atom.kind === "floor") return `${inParentheses(atom.numerator)}/${inParentheses(atom.denominator)}`;
  return `${atom.kind}(${formatDim(atom.left)}, ${formatDim(atom.right)})`;
}

function inParentheses(dim: Dim): string {
  const [term] = dim.terms;
  const isPlain =
    dim.terms.length === 1 && term && (term.atoms.length === 0 || (term.atoms.length === 1 && term.coefficient === 1));
  return isPlain ? formatDim(dim) : `(${formatDim(dim)})`;
}

export const formatShape = (shape: readonly Dim[]): string =>
  shape.length ? `[${shape.map(formatDim).join(", ")}]` : "";

/** Puts `by` in the place of every occurrence of the atom with key `key`, also inside of other atoms. */
export function replaceAtom(dim: Dim, key: string, by: Dim): Dim {
  if (!dim.key.includes(key)) return dim;
  return addDims(
    ...dim.terms.map((term) =>
      mulDims(
        dimOf(term.coefficient),
        ...term.atoms.map((atom) => (atom.key === key ? by : replaceInAtom(atom, key, by))),
      ),
    ),
  );
}

function replaceInAtom(atom: Atom, key: string, by: Dim): Dim {
  if (atom.kind === "symbol") return fromAtom(atom);
  if (atom.kind === "floor")
    return floorDivDims(replaceAtom(atom.numerator, key, by), replaceAtom(atom.denominator, key, by));
  return extremum(atom.kind, replaceAtom(atom.left, key, by), replaceAtom(atom.right, key, by));
}

/** A dim of one term. */
export const dimOfTerm = (coefficient: number, atoms: readonly Atom[]): Dim => normal([{ coefficient, atoms }]);

/** Visits every atom of a dim, the outer ones first. */
export function eachAtom(dim: Dim, visit: (atom: Atom) => void): void {
  for (const term of dim.terms)
    for (const atom of term.atoms) {
      visit(atom);
      if (atom.kind === "floor") {
        eachAtom(atom.numerator, visit);
        eachAtom(atom.denominator, visit);
      } else if (atom.kind !== "symbol") {
        eachAtom(atom.left, visit);
        eachAtom(atom.right, visit);
      }
    }
}
