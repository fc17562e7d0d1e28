/**
 * The adjoint of a read: `x[f(s)]` at every point s of a domain, each point handing back `value(s)`, is
 *
 *     dx[h] = sum of value(s) over the points s with f(s) = h
 *
 * which is never written as a scatter where the equation f(s) = h can be solved for axes of the domain. One dim of
 * the array gives one equation, a sum of multiples of axes that is h. In the order of what is left to sum over:
 *
 * - an axis with the coefficient 1 or -1 is what the rest leaves of h (a convolution is read backwards);
 * - `s·i + u = h` is split by the residue of h: with h = s·h' + r, also u = s·u' + r and i = h' - u', so that the
 *   result has the axes h' and r, every product in it counts, and nothing is divided in a loop. Windows that do not
 *   overlap have one u';
 * - any other axis is what is left of h divided by its coefficient, where that is a whole number;
 * - an index that depends on data is compared with h at every point that is left, or where these are many, the values
 *   of all points are added up at their indices by `scatter_add`.
 *
 * What an equation gives for an axis may lie outside of the axis. Then the value is 0: because one of its factors is
 * read at that axis and is 0 outside, or else because it is chosen.
 */
import { addAffine, affineOf, affineRange, axisIndex, scaleAffine, strideOf, substituteAxes } from "../ir/affine.ts";
import {
  addDims,
  ceilDivDims,
  type Dim,
  dimOf,
  evaluateDim,
  floorDivDims,
  isLiteral,
  literalOf,
  modDims,
  mulDims,
  ONE,
  scaleDim,
  subDims,
  ZERO,
} from "../ir/dims.ts";
import type { Scalar, ValueId } from "../ir/graph.ts";
import type { Affine } from "../ir/nest.ts";
import { affineScalar, folding, freeAxes, partsOf, rewriting, type ScalarWriter, withParts } from "./scalars.ts";

export interface AdjointRead {
  /** The array's shape, and the index of the read per dim of it. */
  readonly shape: readonly Dim[];
  readonly at: readonly Scalar[];
  /** The axes that run where the read stands. */
  readonly domain: readonly number[];
  /** What each point hands back. It holds no reductions, and reads nothing outside as long as axes are in range. */
  readonly value: Scalar;
}

/** The gradient of the array from one read of it. */
export function transposeRead(writer: ScalarWriter, read: AdjointRead): ValueId {
  return new Transposition(writer, read).run();
}

/** A dim of the result: an axis, or the two that it was split into by residue. */
type Place =
  | { readonly kind: "axis"; readonly axis: number }
  | { readonly kind: "split"; readonly outer: number; readonly inner: number; readonly start: Dim };

type Solution = { readonly cost: number } & (
  | { readonly kind: "substitute" | "divide"; readonly axis: number }
  | { readonly kind: "residue"; readonly axis: number; readonly tap: number | undefined }
  | { readonly kind: "compare" }
);

/** What a size that only the run knows counts as, where one way is weighed against another. */
const TYPICAL = 64;
/** Dividing and comparing in the innermost loop, against adding a product. */
const DIVISION = 4;
/** Points that are compared with h rather than scattered. */
const FEW = 4;

class Transposition {
  readonly #writer: ScalarWriter;
  readonly #read: AdjointRead;
  readonly #places: Place[];
  readonly #equations: (Affine | undefined)[];
  /** Axes of the domain that no equation has given yet. */
  readonly #free: Set<number>;
  readonly #given = new Map<number, Affine>();
  readonly #divided = new Map<number, Scalar>();
  readonly #conditions: Scalar[] = [];
  /** Dims whose equation gives no axis. */
  readonly #compared: number[] = [];

  constructor(writer: ScalarWriter, read: AdjointRead) {
    this.#writer = writer;
    this.#read = read;
    this.#free = new Set(read.domain);
    this.#equations = read.at.map((index) => affineScalar(index) || undefined);
    this.#places = read.shape.map((extent, d) => ({ kind: "axis", axis: writer.newAxis(this.#nameOf(d), extent) }));
  }

  run(): ValueId {
    const pending = new Set(this.#read.shape.keys());
    while (pending.size > 0) {
      let best: { readonly dim: number; readonly solution: Solution } | undefined;
      for (const dim of pending) {
        const solution = this.#solve(dim);
        if (!best || solution.cost < best.solution.cost) best = { dim, solution };
      }
      if (!best) break;
      pending.delete(best.dim);
      this.#apply(best.dim, best.solution);
    }
    return this.#arranged(this.#result());
  }

  #nameOf(dim: number): string {
    const index = this.#read.at[dim];
    return index?.kind === "axis" ? (this.#writer.axes[index.axis]?.name ?? "h") : `h${dim}`;
  }

  #resultAxis(dim: number): number {
    const place = this.#places[dim];
    if (place?.kind !== "axis") throw new Error("a dim is solved once");
    return place.axis;
  }

  // ---- equations -------------------------------------------------------------------------------------------

  #estimate(axes: readonly number[]): number {
    return axes.reduce((product, axis) => product * evaluateDim(this.#writer.extent(axis), () => TYPICAL), 1);
  }

  #solve(dim: number): Solution {
    const equation = this.#equations[dim];
    const unknown = equation?.terms.filter(({ axis }) => this.#free.has(axis)) ?? [];
    const hasDivided = equation?.terms.some(({ axis }) => this.#divided.has(axis)) ?? true;
    const compare: Solution = { kind: "compare", cost: Number.POSITIVE_INFINITY };
    if (!equation || hasDivided) return compare;
    const others = (axis: number) => unknown.flatMap((term) => (term.axis === axis ? [] : [term.axis]));
    let best: Solution = compare;
    const offer = (solution: Solution): void => {
      if (solution.cost < best.cost) best = solution;
    };
    for (const { axis, times } of unknown) {
      const left = this.#estimate(others(axis));
      const literal = literalOf(times);
      if (literal === 1 || literal === -1) offer({ kind: "substitute", axis, cost: left });
      else offer({ kind: "divide", axis, cost: DIVISION * (left + 1) });
    }
    if (unknown.length === equation.terms.length && unknown.length <= 2)
      for (const { axis, times } of unknown) {
        const [tap] = unknown.filter((term) => term.axis !== axis);
        const stride = this.#positive(times);
        const isUnit = !tap || Math.abs(literalOf(tap.times) ?? 0) === 1;
        if (!stride || isLiteral(stride, 1) || !isUnit) continue;
        const taps = tap ? this.#estimate([tap.axis]) / evaluateDim(stride, () => TYPICAL) : 1;
        offer({ kind: "residue", axis, tap: tap?.axis, cost: Math.max(Math.ceil(taps), 1) });
      }
    return best;
  }

  /** The absolute value of a coefficient, where its sign is known. */
  #positive(times: Dim): Dim | undefined {
    const { facts } = this.#writer.emit;
    if (facts.atLeast(times, 1)) return times;
    return facts.atLeast(scaleDim(times, -1), 1) ? scaleDim(times, -1) : undefined;
  }

  #apply(dim: number, solution: Solution): void {
    const writer = this.#writer;
    if (solution.kind === "compare") {
      this.#compared.push(dim);
      return;
    }
    if (solution.kind === "residue") {
      this.#splitByResidue(dim, solution.axis, solution.tap);
      return;
    }
    const equation = this.#equation(dim);
    const { axis } = solution;
    const times = strideOf(equation, axis);
    const rest = addAffine(equation, scaleAffine(axisIndex(axis), scaleDim(times, -1)));
    const left = addAffine(axisIndex(this.#resultAxis(dim)), scaleAffine(rest, dimOf(-1)));
    if (solution.kind === "substitute") {
      this.#give(axis, scaleAffine(left, times));
      return;
    }
    const by = writer.size(times);
    this.#conditions.push(writer.apply("equal", writer.apply("mod", writer.affine(left), by), writer.size(ZERO)));
    this.#divided.set(axis, writer.apply("div", writer.affine(left), by));
    this.#free.delete(axis);
  }

  #equation(dim: number): Affine {
    const equation = this.#equations[dim];
    if (!equation) throw new Error("an index that is not affine is compared");
    return equation;
  }

  /** From here on the axis is this. */
  #give(axis: number, as: Affine): void {
    const by = (other: number) => (other === axis ? as : undefined);
    for (const [d, equation] of this.#equations.entries())
      if (equation) this.#equations[d] = substituteAxes(equation, by);
    for (const [other, given] of this.#given) this.#given.set(other, substituteAxes(given, by));
    this.#given.set(axis, as);
    this.#free.delete(axis);
  }

  /** The axis counted from its end, if the index falls along it. Gives the axis to go on with. */
  #ascending(dim: number, axis: number): number {
    const times = strideOf(this.#equation(dim), axis);
    if (this.#writer.emit.facts.atLeast(times, 1)) return axis;
    const { name, extent } = this.#writer.axes[axis] ?? { name: "i", extent: ONE };
    const reversed = this.#writer.newAxis(name, extent);
    this.#give(axis, addAffine(affineOf(subDims(extent, ONE)), scaleAffine(axisIndex(reversed), dimOf(-1))));
    this.#free.add(reversed);
    return reversed;
  }

  /** s·i + u + k = h, with h + p = s·h' + r where p = -k mod s: u = s·u' + r and i = h' - u' + floor(-k / s). */
  #splitByResidue(dim: number, along: number, across: number | undefined): void {
    const writer = this.#writer;
    const axis = this.#ascending(dim, along);
    const tap = across === undefined ? undefined : this.#ascending(dim, across);
    const equation = this.#equation(dim);
    const stride = strideOf(equation, axis);
    const before = scaleDim(equation.plus, -1);
    const start = modDims(before, stride);
    const extent = this.#read.shape[dim] ?? ONE;
    const name = this.#nameOf(dim);
    const outer = writer.newAxis(name, ceilDivDims(addDims(extent, start), stride));
    const inner = writer.newAxis(`${name}r`, stride);
    this.#places[dim] = { kind: "split", outer, inner, start };
    let index = addAffine(axisIndex(outer), affineOf(floorDivDims(before, stride)));
    if (tap === undefined) this.#conditions.push(writer.apply("equal", writer.axis(inner), writer.size(ZERO)));
    else {
      const taps = ceilDivDims(writer.extent(tap), stride);
      let u = axisIndex(inner);
      if (!isLiteral(taps, 1)) {
        const step = writer.newAxis(writer.axes[tap]?.name ?? "u", taps);
        this.#free.add(step);
        u = addAffine(u, scaleAffine(axisIndex(step), stride));
        index = addAffine(index, scaleAffine(axisIndex(step), dimOf(-1)));
      }
      this.#give(tap, u);
    }
    this.#give(axis, index);
  }

  // ---- the result ------------------------------------------------------------------------------------------

  #isInside(at: Affine, extent: Dim): boolean {
    const range = affineRange(at, (axis) => this.#writer.extent(axis));
    const { facts } = this.#writer.emit;
    return range !== undefined && facts.atLeast(range.low, 0) && facts.atLeast(subDims(extent, range.high), 1);
  }

  /** One axis per place, in order. */
  #result(): ValueId {
    const writer = this.#writer;
    const doubtful = new Set(this.#divided.keys());
    for (const [axis, at] of this.#given) {
      const isSure = !at.terms.some((term) => this.#divided.has(term.axis)) && this.#isInside(at, writer.extent(axis));
      if (!isSure) doubtful.add(axis);
    }
    const substituted = rewriting((scalar, within) => {
      if (scalar.kind !== "axis") return withParts(scalar, within);
      const given = this.#given.get(scalar.axis);
      if (given) return given.terms.some((t) => t.axis === scalar.axis) ? scalar : within(writer.affine(given));
      const divided = this.#divided.get(scalar.axis);
      return divided ? within(divided) : scalar;
    });
    // What is read at a doubtful axis reads 0 where that leads outside of the array.
    const dependsOnDoubtful = (scalar: Scalar): boolean => [...freeAxes(scalar)].some((axis) => doubtful.has(axis));
    const padded = rewriting((scalar, within) => {
      if (scalar.kind === "axis") return substituted(scalar);
      if (scalar.kind !== "read") return withParts(scalar, within);
      const read = withParts(scalar, within);
      if (read.kind !== "read" || scalar.outside || !scalar.at.some(dependsOnDoubtful)) return this.#regrouped(read);
      const shape = writer.shapeOf(read.operand);
      const isSure = read.at.every((index, d) => {
        const affine = affineScalar(index);
        return affine && this.#isInside(affine, shape[d] ?? ONE);
      });
      return this.#regrouped(isSure ? read : { ...read, outside: writer.constant(0, read.dtype) });
    });
    const value = padded(this.#read.value);
    const vanishing = this.#vanishing(doubtful)(this.#read.value);
    const masks = this.#conditions.map((condition) => padded(condition));
    for (const axis of doubtful) {
      if (vanishing.has(axis)) continue;
      const index = substituted(writer.axis(axis));
      masks.push(writer.apply("greater_equal", index, writer.size(ZERO)));
      masks.push(writer.apply("less", index, writer.size(writer.extent(axis))));
    }
    const scattered = this.#scatteredDims();
    if (scattered.length > 0) return this.#scattered(scattered, masks, value, padded);
    for (const dim of this.#compared)
      masks.push(writer.apply("equal", padded(this.#indexOf(dim)), writer.axis(this.#resultAxis(dim))));
    const chosen = this.#where(masks, value, writer.constant(0, value.dtype));
    const over = this.#over();
    return writer.tensor(this.#order(), over.length > 0 ? writer.reduce("sum", over, chosen) : chosen);
  }

  #indexOf(dim: number): Scalar {
    return this.#read.at[dim] ?? this.#writer.size(ZERO);
  }

  #where([first, ...others]: readonly Scalar[], value: Scalar, otherwise: Scalar): Scalar {
    const writer = this.#writer;
    if (!first) return value;
    const mask = others.reduce((all, one) => writer.apply("and", all, one), first);
    return writer.apply("select", mask, value, otherwise);
  }

  // ---- indices that depend on data ---------------------------------------------------------------------------

  /** The dims whose indices are data, if there are points enough to scatter them. */
  #scatteredDims(): readonly number[] {
    if (this.#places.some(({ kind }) => kind === "split") || this.#estimate([...this.#free]) <= FEW) return [];
    return this.#compared.filter((dim) => {
      const equation = this.#equations[dim];
      return !equation || equation.terms.some(({ axis }) => this.#divided.has(axis));
    });
  }

  /** Every point adds its value at its row: the dims whose indices are data, and those that such an index depends on. */
  #scattered(
    data: readonly number[],
    masks: readonly Scalar[],
    value: Scalar,
    padded: (scalar: Scalar) => Scalar,
  ): ValueId {
    const writer = this.#writer;
    const { emit } = writer;
    const { shape } = this.#read;
    const indices = new Map(data.map((dim): [number, Scalar] => [dim, padded(this.#indexOf(dim))]));
    const isRow = (dim: number): boolean =>
      indices.has(dim) || [...indices.values(), ...masks].some((scalar) => freeAxes(scalar).has(this.#resultAxis(dim)));
    const rows = [...shape.keys()].filter(isRow);
    const columns = [...shape.keys()].filter((dim) => !isRow(dim));
    const extent = (dim: number): Dim => shape[dim] ?? ONE;
    const conditions = [...masks];
    for (const dim of this.#compared)
      if (!indices.has(dim))
        conditions.push(writer.apply("equal", padded(this.#indexOf(dim)), writer.axis(this.#resultAxis(dim))));
    let row = writer.size(ZERO);
    for (const dim of rows) {
      const index = indices.get(dim) ?? writer.axis(this.#resultAxis(dim));
      row = writer.apply("add", writer.apply("mul", row, writer.size(extent(dim))), index);
      if (!indices.has(dim)) continue;
      conditions.push(writer.apply("greater_equal", index, writer.size(ZERO)));
      conditions.push(writer.apply("less", index, writer.size(extent(dim))));
    }
    const points = [...this.#over(), ...rows.flatMap((dim) => (indices.has(dim) ? [] : [this.#resultAxis(dim)]))];
    // A condition on a column holds for some columns of a row only: it is one of the value.
    const inRow = new Set(points);
    const isOfRow = (scalar: Scalar): boolean => [...freeAxes(scalar)].every((axis) => inRow.has(axis));
    const ids = writer.tensor(points, this.#where(conditions.filter(isOfRow), row, writer.constant(-1, "i32")));
    const rest = conditions.filter((condition) => !isOfRow(condition));
    const values = writer.tensor(
      [...points, ...columns.map((dim) => this.#resultAxis(dim))],
      this.#where(rest, value, writer.constant(0, value.dtype)),
    );
    const whole = [mulDims(...rows.map(extent)), ...columns.map(extent)];
    const none = emit.zeros(whole);
    const added = emit.apply("scatter_add", [none, ids, values]);
    const order = [...rows, ...columns];
    const parted = emit.apply("reshape", [added], { shape: order.map(extent) });
    const perm = [...shape.keys()].map((dim) => order.indexOf(dim));
    return perm.every((axis, i) => axis === i) ? parted : emit.apply("transpose", [parted], { perm });
  }

  // ---- order -------------------------------------------------------------------------------------------------

  /** What is summed over: the taps of windows outside, and inside what is read at its own index. */
  #over(): readonly number[] {
    const taps = new Set([...this.#given.values()].flatMap(({ terms }) => terms.map(({ axis }) => axis)));
    return [...this.#free].sort((a, b) => Number(taps.has(b)) - Number(taps.has(a)));
  }

  /**
   * The axes of the result. All residues stand behind the last dim that was split: what remains of the image's dims
   * are then the rows of a matrix product, the residues and the dims behind them its columns.
   */
  #order(): readonly number[] {
    const last = this.#places.findLastIndex(({ kind }) => kind === "split");
    const outer = this.#places.map((place) => (place.kind === "axis" ? place.axis : place.outer));
    const inner = this.#places.flatMap((place) => (place.kind === "split" ? [place.inner] : []));
    return [...outer.slice(0, last + 1), ...inner, ...outer.slice(last + 1)];
  }

  /** What is read by residue (the taps of a kernel) as a tensor of its own, in the order in which it is read. */
  #regrouped(read: Scalar): Scalar {
    const axes = freeAxes(read);
    const splits = this.#places.flatMap((place) => (place.kind === "split" ? [place] : []));
    if (!splits.some(({ inner }) => axes.has(inner)) || splits.some(({ outer }) => axes.has(outer))) return read;
    const order = [...this.#over(), ...this.#order()].filter((axis) => axes.has(axis));
    const writer = this.#writer;
    return writer.read(
      writer.tensor(order, read),
      order.map((axis) => writer.axis(axis)),
    );
  }

  /** The doubtful axes outside of which a value is 0, given that what is read outside of an array is 0. */
  #vanishing(doubtful: ReadonlySet<number>): (scalar: Scalar) => ReadonlySet<number> {
    const writer = this.#writer;
    const isBenign = folding<boolean>((scalar, parts) => {
      if (scalar.kind === "constant") return Number.isFinite(scalar.value);
      if (scalar.kind === "read") return !scalar.outside || parts(scalar.outside);
      if (scalar.kind === "apply" && !FINITE.has(scalar.fn)) return false;
      return partsOf(scalar).every(parts);
    });
    const dependsOn = (scalar: Scalar, axis: number): boolean => freeAxes(scalar).has(axis);
    return folding<ReadonlySet<number>>((scalar, parts) => {
      if (scalar.kind === "constant") return scalar.value === 0 ? doubtful : new Set();
      if (scalar.kind === "read") {
        if (scalar.outside && !(scalar.outside.kind === "constant" && scalar.outside.value === 0)) return new Set();
        const shape = writer.shapeOf(scalar.operand);
        return new Set(
          scalar.at.flatMap((index, d) =>
            index.kind === "axis" &&
            doubtful.has(index.axis) &&
            writer.emit.facts.equal(shape[d] ?? ONE, writer.extent(index.axis))
              ? [index.axis]
              : [],
          ),
        );
      }
      if (scalar.kind !== "apply") return new Set();
      const [a, b, c] = scalar.args;
      if (!a) return new Set();
      const both = (x: Scalar, y: Scalar) => new Set([...parts(x)].filter((axis) => parts(y).has(axis)));
      // 0 times a factor is 0 if the factor is finite there as well.
      const factor = (x: Scalar, other: Scalar, isAllowed: boolean) =>
        [...parts(x)].filter((axis) => !dependsOn(other, axis) || (isAllowed && isBenign(other)));
      if (scalar.fn === "neg" || scalar.fn === "cast") return parts(a);
      if (!b) return new Set();
      if (scalar.fn === "add" || scalar.fn === "sub") return both(a, b);
      if (scalar.fn === "mul") return new Set([...factor(a, b, true), ...factor(b, a, true)]);
      if (scalar.fn === "div") return new Set(factor(a, b, false));
      return scalar.fn === "select" && c ? both(b, c) : new Set();
    });
  }

  /** Puts the split dims together again and cuts off what lies in front and behind. */
  #arranged(value: ValueId): ValueId {
    const { emit } = this.#writer;
    if (this.#places.every(({ kind }) => kind === "axis")) return value;
    const whole = this.#places.map((place) =>
      place.kind === "axis"
        ? this.#writer.extent(place.axis)
        : mulDims(this.#writer.extent(place.outer), this.#writer.extent(place.inner)),
    );
    const order = this.#order();
    const perm = this.#places
      .flatMap((place) => (place.kind === "axis" ? [place.axis] : [place.outer, place.inner]))
      .map((axis) => order.indexOf(axis));
    const isOrdered = perm.every((axis, i) => axis === i);
    const ordered = isOrdered ? value : emit.apply("transpose", [value], { perm });
    const joined = emit.apply("reshape", [ordered], { shape: whole });
    const { shape } = this.#read;
    if (whole.every((dim, d) => emit.facts.equal(dim, shape[d] ?? ONE))) return joined;
    return emit.apply("strided_slice", [joined], {
      starts: this.#places.map((place) => (place.kind === "axis" ? ZERO : place.start)),
      sizes: shape,
      steps: shape.map(() => 1),
      drop: [],
      insert: [],
    });
  }
}

/** Functions that are finite where their operands are. */
const FINITE: ReadonlySet<string> = new Set(
  "neg abs sign sin cos tanh erf floor ceil round not add sub mul maximum minimum and or select cast equal not_equal less less_equal greater greater_equal".split(
    " ",
  ),
);
