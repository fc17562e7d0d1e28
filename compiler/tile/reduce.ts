/**
 * Reductions as loops with accumulators. Three forms: scalar; along lanes, where the lane axis is reduced and lanes
 * combine at the end; beside lanes, where the results are vectors.
 *
 * Float sums are exact to the last bits whatever their length: scalar ones are summed in f64, vectors in chunks of a
 * fixed number of elements whose sums are added in f64. Chunks follow from extents alone, so an element's value does
 * not depend on where it lies.
 */
import { type Dim, literalOf, mulDims, ONE, ZERO } from "../ir/dims.ts";
import type { Affine, AxisId, Combine, Reduction, ScalarId } from "../ir/nest.ts";
import { compare, constant, convert, type Expr, type Local, op, plus, select, use } from "../ir/stmt.ts";
import { isFloat } from "../ir/types.ts";
import { type NestEmitter, noOffsets, type Offsets } from "./emit.ts";
import { closure, costOf } from "./roles.ts";
import { scalarKind, vectorKind } from "./scalars.ts";

/** A float sum of more elements than this is added up in chunks. */
const SHORT = 1024;
/** Additions in f32 before a chunk's sum moves to f64, for each lane of each accumulator. */
const CHUNK = 16;
/** Reductions of up to so many literal points are written out. */
const WRITTEN_OUT = 16;
/** Up to this cost of an element, four accumulators take turns. */
const CHEAP = 8;

type Form = "scalar" | "along" | "beside";

function identityOf(combine: Combine, dtype: string, form: Form): number {
  const isUnsigned = dtype === "u32" || dtype === "u8";
  const isReal = dtype === "f32" || dtype === "f16" || dtype === "bf16";
  switch (combine) {
    case "prod":
      return 1;
    case "all":
      return form === "scalar" ? 1 : -1;
    case "max":
    case "argmax":
      return isReal ? Number.NEGATIVE_INFINITY : isUnsigned || dtype === "bool" ? 0 : -0x80000000;
    case "min":
    case "argmin":
      return isReal
        ? Number.POSITIVE_INFINITY
        : isUnsigned
          ? -1
          : dtype === "bool"
            ? form === "scalar"
              ? 1
              : -1
            : 0x7fffffff;
    default:
      return 0;
  }
}

/** One reduction at work: its accumulators and how a value goes into them. */
class Accumulation {
  readonly reduction: Reduction;
  readonly #emitter: NestEmitter;
  readonly #form: Form;
  readonly #dtype: ReturnType<NestEmitter["scalar"]>["dtype"];
  readonly #isPosition: boolean;
  readonly #wide: boolean;
  readonly #best: Local[] = [];
  readonly #positions: Local[] = [];
  readonly #totals: Local[] = [];
  /** Lanes that met a NaN: of a maximum, which is then taken by the instruction that loses it. */
  readonly #lost: Local | undefined;
  readonly #factors: readonly [ScalarId, ScalarId] | undefined;

  constructor(emitter: NestEmitter, reduction: Reduction, form: Form, accumulators: number, totals: boolean) {
    this.#emitter = emitter;
    this.reduction = reduction;
    this.#form = form;
    const value = emitter.scalar(reduction.value);
    this.#dtype = value.dtype;
    this.#isPosition = reduction.combine === "argmax" || reduction.combine === "argmin";
    const isFloatSum = isFloat(value.dtype) && (reduction.combine === "sum" || reduction.combine === "prod");
    this.#wide = form === "scalar" && isFloatSum;
    const [a, b] = value.op === "apply" && value.fn === "mul" ? value.args : [];
    this.#factors =
      isFloatSum && reduction.combine === "sum" && a !== undefined && b !== undefined ? [a, b] : undefined;
    const { code } = emitter;
    const kind = this.#wide ? "f64" : form === "scalar" ? scalarKind(value.dtype) : vectorKind(value.dtype);
    const identity = code.constant(kind, identityOf(reduction.combine, value.dtype, form));
    const count = this.#isPosition ? 1 : accumulators;
    for (let i = 0; i < count; i++) this.#best.push(code.variable(reduction.combine, identity));
    if (this.#isPosition)
      this.#positions.push(code.variable("position", code.constant(form === "scalar" ? "i32" : "i32x4", 0)));
    const isExtremum = reduction.combine === "max" || reduction.combine === "min";
    this.#lost = kind === "f32x4" && isExtremum ? code.variable("lost", code.constant("i32x4", 0)) : undefined;
    if (totals && isFloatSum && reduction.combine === "sum")
      for (let i = 0; i < 2; i++) this.#totals.push(code.variable("total", code.constant("f64x2", 0)));
  }

  /** Takes the element at the loops' counters plus `offsets` into accumulator `turn`; lanes outside of `mask` do not count. */
  take(offsets: Offsets, turn: number, mask: Expr | undefined): void {
    const { code } = this.#emitter;
    const { combine, value: id } = this.reduction;
    const into = this.#best[turn % this.#best.length];
    if (!into) throw new Error("no accumulator");
    const read = (scalar: ScalarId): Expr =>
      this.#form === "scalar" ? this.#emitter.value(scalar, offsets) : this.#emitter.vector(scalar, offsets);
    if (this.#factors && !mask) {
      const factors = this.#factors.map((factor) =>
        this.#wide ? convert("promote", "f64", [read(factor)]) : read(factor),
      );
      code.set(into, op("madd", ...factors, use(into)));
      return;
    }
    let value = read(id);
    if (mask)
      value = code.let(
        select(mask, value, code.constant(value.kind, identityOf(combine, this.#dtype, this.#form))),
        "valid",
      );
    if (this.#isPosition) {
      this.#takePosition(value, into, offsets);
      return;
    }
    if (this.#lost) code.set(this.#lost, op("or", use(this.#lost), compare("ne", value, value)));
    code.set(into, this.#combined(use(into), this.#wide ? convert("promote", "f64", [value]) : value));
  }

  #takePosition(value: Expr, best: Local, offsets: Offsets): void {
    const { code } = this.#emitter;
    const [position] = this.#positions;
    if (!position) throw new Error("no position");
    const isBetter = code.let(this.#isBetter(value, use(best)), "better");
    const index = this.#emitter.index(this.#flatIndex(), offsets, this.#form === "along");
    const here = position.kind === "i32x4" && index.kind === "i32" ? convert("splat", "i32x4", [index]) : index;
    code.set(position, select(isBetter, here, use(position)));
    code.set(best, select(isBetter, value, use(best)));
  }

  /** Whether `a` replaces `b`: greater (or less), or the first NaN. */
  #isBetter(a: Expr, b: Expr): Expr {
    const name = this.reduction.combine === "argmax" ? "gt" : "lt";
    if (!isFloat(this.#dtype)) return compare(this.#dtype === "u32" || this.#dtype === "u8" ? `${name}_u` : name, a, b);
    return op("or", compare(name, a, b), op("and", compare("ne", a, a), compare("eq", b, b)));
  }

  /** Row-major position among the reduced axes. */
  #flatIndex(): Affine {
    let inner: Dim = ONE;
    const terms: { axis: AxisId; times: Dim }[] = [];
    for (const axis of [...this.reduction.over].reverse()) {
      terms.unshift({ axis, times: inner });
      inner = mulDims(inner, this.#emitter.nest.axes[axis]?.extent ?? ONE);
    }
    return { terms, scalars: [], plus: ZERO };
  }

  #combined(a: Expr, b: Expr): Expr {
    const { combine } = this.reduction;
    const isMax = combine === "max" || combine === "argmax";
    if (combine === "sum") return op("add", a, b);
    if (combine === "prod") return op("mul", a, b);
    if (combine === "any") return op("or", a, b);
    if (combine === "all") return op("and", a, b);
    if (this.#dtype === "bool") return op(isMax ? "or" : "and", a, b);
    if (a.kind === "i32")
      return select(compare(this.#dtype === "u32" ? (isMax ? "gt_u" : "lt_u") : isMax ? "gt" : "lt", a, b), a, b);
    if (this.#lost) return op(isMax ? "pmax" : "pmin", a, b);
    const name = isMax ? "max" : "min";
    return op(this.#dtype === "u32" ? `${name}_u` : name, a, b);
  }

  /** The sum of all accumulators, pairwise. */
  #together(): Expr {
    let parts = this.#best.map(use);
    while (parts.length > 1) {
      const next: Expr[] = [];
      for (let i = 0; i < parts.length; i += 2) {
        const [a, b] = [parts[i], parts[i + 1]];
        if (a) next.push(b ? this.#combined(a, b) : a);
      }
      parts = next;
    }
    return parts[0] ?? constant("i32", 0);
  }

  /** Moves what is accumulated to the totals. */
  flush(): void {
    const { code } = this.#emitter;
    const [low, high] = this.#totals;
    if (!low || !high) return;
    const sum = code.let(this.#together(), "chunk");
    code.set(low, op("add", use(low), convert("promote_low", "f64x2", [sum])));
    code.set(high, op("add", use(high), convert("promote_high", "f64x2", [sum])));
    for (const local of this.#best) code.set(local, code.constant("f32x4", 0));
  }

  finish(): Expr {
    const { code } = this.#emitter;
    const [low, high] = this.#totals;
    if (this.#form === "scalar") {
      const [best] = this.#isPosition ? this.#positions : this.#best;
      if (!best) throw new Error("no accumulator");
      return this.#wide ? convert("demote", "f32", [use(best)]) : use(best);
    }
    if (this.#form === "beside") {
      const [best] = this.#isPosition ? this.#positions : this.#best;
      if (low && high) return convert("demote_pair", "f32x4", [use(low), use(high)]);
      if (!best) throw new Error("no accumulator");
      return this.#withLost(use(best));
    }
    if (this.#isPosition) return this.#bestLane();
    const all = code.let(this.#withLost(this.#together()), "all");
    const { combine } = this.reduction;
    if (combine === "sum" && isFloat(this.#dtype)) {
      const [a, b] =
        low && high
          ? [use(low), use(high)]
          : [convert("promote_low", "f64x2", [all]), convert("promote_high", "f64x2", [all])];
      const pair = code.let(op("add", a, b), "pair");
      const [x, y] = [0, 1].map((lane) => convert("extract", "f64", [pair], lane));
      return convert("demote", "f32", [op("add", x ?? pair, y ?? pair)]);
    }
    if (this.#dtype === "bool") {
      const isAny = combine === "any" || combine === "max";
      return isAny
        ? convert("any_true", "i32", [all])
        : op("xor", convert("any_true", "i32", [op("not", all)]), constant("i32", 1));
    }
    const lanes = [0, 1, 2, 3].map((lane) =>
      code.let(convert("extract", scalarKind(this.#dtype), [all], lane), "lane"),
    );
    const isMax = combine === "max";
    if (isFloat(this.#dtype) && combine !== "prod")
      return lanes.reduce((a, b) => code.let(op(isMax ? "max" : "min", a, b), combine));
    return lanes.reduce((a, b) => code.let(this.#combined(a, b), combine));
  }

  /** NaN, which is all bits set, in the lanes that met one. */
  #withLost(best: Expr): Expr {
    if (!this.#lost) return best;
    return convert("bits", "f32x4", [op("or", convert("bits", "i32x4", [best]), use(this.#lost))]);
  }

  /** The position of the best of four lanes; the least one where lanes are equal. */
  #bestLane(): Expr {
    const { code } = this.#emitter;
    const [best] = this.#best;
    const [positions] = this.#positions;
    if (!best || !positions) throw new Error("no accumulator");
    const valueAt = (lane: number): Expr =>
      code.let(convert("extract", scalarKind(this.#dtype), [use(best)], lane), "lane");
    const positionAt = (lane: number): Expr => code.let(convert("extract", "i32", [use(positions)], lane), "at");
    const value = code.variable("winner", valueAt(0));
    const position = code.variable("position", positionAt(0));
    for (const lane of [1, 2, 3]) {
      const [v, p] = [valueAt(lane), positionAt(lane)];
      const isEqual = isFloat(this.#dtype)
        ? op("or", compare("eq", v, use(value)), op("and", compare("ne", v, v), compare("ne", use(value), use(value))))
        : compare("eq", v, use(value));
      const wins = code.let(
        op("or", this.#isBetter(v, use(value)), op("and", isEqual, compare("lt", p, use(position)))),
        "wins",
      );
      code.set(value, select(wins, v, use(value)));
      code.set(position, select(wins, p, use(position)));
    }
    return use(position);
  }
}

/** The reductions that can share the loops of `first`: the same axes, known at the same place, independent of each other. */
function sharingLoops(emitter: NestEmitter, first: ScalarId, isDone: (id: ScalarId) => boolean): readonly ScalarId[] {
  const { nest } = emitter;
  const reductionOf = (id: ScalarId): Reduction | undefined => {
    const scalar = nest.scalars[id];
    return scalar?.op === "reduced" ? nest.reductions[scalar.reduction] : undefined;
  };
  const over = reductionOf(first)?.over.join();
  const known = [...emitter.dependencies(first)].sort().join();
  const group = [first];
  nest.scalars.forEach((_, id) => {
    const reduction = reductionOf(id);
    if (!reduction || id === first || isDone(id) || reduction.over.join() !== over) return;
    if ([...emitter.dependencies(id)].sort().join() !== known) return;
    const needs = closure(nest, reduction.value);
    const isIndependent = group.every(
      (other) => !needs.has(other) && !closure(nest, reductionOf(other)?.value ?? 0).has(id),
    );
    // Reductions that it waits for must have been computed already.
    const isReady = [...needs].every((part) => part === id || nest.scalars[part]?.op !== "reduced" || isDone(part));
    if (isIndependent && isReady) group.push(id);
  });
  return group;
}

/**
 * Emits the reduction of `scalar` where the loops stand, with all that can share its loops, and binds their values. With
 * several `places`, distances from where the loops stand, it is computed for each of them, step by step in turn, so
 * that what they share is read once.
 */
export function emitReduction(emitter: NestEmitter, scalar: ScalarId, places: readonly Offsets[]): void {
  const { nest, code, lane } = emitter;
  const group = sharingLoops(emitter, scalar, (id) => emitter.isKnown(id, places[0] ?? noOffsets));
  const reductions = group.map((id) => {
    const reduced = nest.scalars[id];
    const reduction = reduced?.op === "reduced" ? nest.reductions[reduced.reduction] : undefined;
    if (!reduction) throw new Error("not a reduction");
    return reduction;
  });
  const over = reductions[0]?.over ?? [];
  const isAlong = lane !== undefined && over.includes(lane);
  const form: Form = isAlong ? "along" : emitter.isVarying(scalar) ? "beside" : "scalar";
  const extents = over.map((axis) => literalOf(nest.axes[axis]?.extent ?? ONE));
  const count = extents.reduce<number | undefined>(
    (product, e) => (e === undefined || product === undefined ? undefined : product * e),
    1,
  );
  const values = reductions.map((reduction) => reduction.value);
  const cost = values.reduce((sum, id) => sum + costOf(nest, id), 0);
  const lanesExtent = lane === undefined ? undefined : literalOf(nest.axes[lane]?.extent ?? ONE);
  const turns = isAlong && cost <= CHEAP && (lanesExtent === undefined || lanesExtent >= 32) ? 4 : 1;
  const chunk = CHUNK * (isAlong ? 4 * turns : 1);
  const isFloatSum = reductions.some(
    (reduction) => reduction.combine === "sum" && isFloat(emitter.scalar(reduction.value).dtype),
  );
  const needsTotals = form !== "scalar" && isFloatSum && (count === undefined || count > SHORT);
  const running = places.map((place) => ({
    place,
    accumulations: reductions.map((reduction) => new Accumulation(emitter, reduction, form, turns, needsTotals)),
  }));
  const take = (offsets: Offsets, turn: number, mask?: Expr): void => {
    for (const { place, accumulations } of running)
      for (const accumulation of accumulations)
        accumulation.take(place.size ? new Map([...place, ...offsets]) : offsets, turn, mask);
  };
  const flush = (): void => {
    if (needsTotals)
      for (const { accumulations } of running) for (const accumulation of accumulations) accumulation.flush();
  };

  const hasGuards = values.some((id) =>
    [...closure(nest, id)].some((part) => {
      const read = nest.scalars[part];
      return read?.op === "read" && read.guards.length > 0;
    }),
  );
  if (
    !isAlong &&
    !hasGuards &&
    count !== undefined &&
    count > 0 &&
    count <= WRITTEN_OUT &&
    count * cost <= 4 * WRITTEN_OUT
  ) {
    for (let point = 0; point < count; point++) {
      const offsets = new Map<AxisId, number>();
      let rest = point;
      for (let i = over.length - 1; i >= 0; i--) {
        const [axis, extent] = [over[i], extents[i]];
        if (axis === undefined || extent === undefined) continue;
        offsets.set(axis, rest % extent);
        rest = Math.floor(rest / extent);
      }
      take(offsets, 0);
    }
  } else {
    const { word } = emitter.target;
    /** The mask of the lanes that lie inside, where the lane axis may end within a vector. */
    const inside = (axis: AxisId): Expr => {
      const left = op("sub", emitter.extent(axis), emitter.counter(axis));
      return code.let(compare("gt", convert("splat", "i32x4", [left]), emitter.lanes(word)), "inside");
    };
    const along = (axis: AxisId, from: Expr, to: Expr, extent: number | undefined): void => {
      const isWhole = extent !== undefined && extent % 4 === 0;
      const single = (start: Expr): void =>
        emitter.range(axis, start, to, 4, () => take(noOffsets, 0, isWhole ? undefined : inside(axis)));
      if (turns === 1) {
        single(from);
        return;
      }
      const step = 4 * turns;
      const blocks = op("and", op("sub", to, from), constant("i32", -step * word));
      const literalEnd =
        from.op === "const" && to.op === "const" ? from.value + ((to.value - from.value) & (-step * word)) : undefined;
      const end = literalEnd === undefined ? code.let(plus(from, blocks), "whole") : constant("i32", literalEnd);
      emitter.range(axis, from, end, step, () => {
        for (let turn = 0; turn < turns; turn++) take(new Map([[axis, 4 * turn]]), turn);
      });
      if (extent === undefined || extent % step !== 0) single(end);
    };
    const innermost = (axis: AxisId): void => {
      const extent = literalOf(nest.axes[axis]?.extent ?? ONE);
      const whole = emitter.extent(axis);
      const run = (from: Expr, to: Expr): void => {
        if (axis === lane) along(axis, from, to, extent);
        else emitter.range(axis, from, to, 1, () => take(noOffsets, 0));
      };
      if (!needsTotals || (extent !== undefined && extent <= chunk)) {
        run(constant("i32", 0), whole);
        flush();
        return;
      }
      const size = constant("i32", chunk * word);
      code.loop("chunk", constant("i32", 0), whole, size, (start) => {
        const next = code.let(plus(start, size), "next");
        run(start, code.let(select(compare("lt", next, whole), next, whole), "chunk_end"));
        flush();
      });
    };
    const nested = (axes: readonly AxisId[]): void => {
      const [axis, ...rest] = axes;
      if (axis === undefined) return;
      if (rest.length === 0) innermost(axis);
      else emitter.loop(axis, 1, () => nested(rest));
    };
    // Lanes run innermost; positions are computed from the axes' own order.
    const ordered = isAlong && lane !== undefined ? [...over.filter((axis) => axis !== lane), lane] : over;
    if (ordered.length === 0) take(noOffsets, 0);
    nested(ordered);
  }

  for (const { place, accumulations } of running)
    accumulations.forEach((accumulation, i) => {
      const id = group[i];
      if (id !== undefined) emitter.bind(id, place, code.let(accumulation.finish(), accumulation.reduction.combine));
    });
}
