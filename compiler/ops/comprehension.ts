/** The tensor comprehension: the operator that operators are written in. */
import { dimOf, ONE } from "../ir/dims.ts";
import type { Comprehension, Scalar } from "../ir/graph.ts";
import type { Affine, ScalarId } from "../ir/nest.ts";
import { argComprehension, comprehensionOf } from "./attributes.ts";
import { comprehensionVjp, dependenceOf } from "./comprehension-vjp.ts";
import { elementsOf, forEachPoint, positionOf, stridesOf } from "./points.ts";
import type { MeaningContext, NdArray, NestBuilder, Primitive } from "./primitive.ts";
import { accumulator, lowerReduction } from "./reduce.ts";
import { scalarFunction } from "./scalar.ts";
import { partsOf } from "./scalars.ts";

// ---- meaning: the scalar tree as closures over the current point -------------------------------------------

type Evaluate = () => number;

/** An index that is a sum of multiples of axes, over the numbers of this run. */
interface Linear {
  readonly plus: number;
  /** One coefficient per axis of the comprehension. */
  readonly times: readonly number[];
}

class Evaluation {
  /** The current point: one index per axis. */
  private readonly point: Int32Array;
  /** Names the current point: what was computed under the same stamp still holds. */
  private stamp = 0;
  /** The last stamp given; stamps are never given twice. */
  private stamps = 0;
  private readonly extents: readonly number[];
  private readonly comprehension: Comprehension;
  private readonly args: readonly NdArray[];
  private readonly size: MeaningContext["size"];
  private readonly compiled = new Map<Scalar, Evaluate>();
  private readonly uses = new Map<Scalar, number>();
  private readonly sums = new Map<Scalar, { readonly sum: Linear | undefined }>();

  constructor(comprehension: Comprehension, args: readonly NdArray[], size: MeaningContext["size"]) {
    this.comprehension = comprehension;
    this.args = args;
    this.size = size;
    this.point = new Int32Array(comprehension.axes.length);
    this.extents = comprehension.axes.map(({ extent }) => size(extent));
    this.countUses(comprehension.body);
  }

  /** The values at all points of the result, in row-major order. */
  run(): Float64Array {
    const spatial = this.extents.slice(0, this.comprehension.rank);
    const result = new Float64Array(elementsOf(spatial));
    const body = this.compile(this.comprehension.body);
    forEachPoint(spatial, (index, position) => {
      this.point.set(index);
      this.stamp = ++this.stamps;
      result[position] = body();
    });
    return result;
  }

  private countUses(scalar: Scalar): void {
    const before = this.uses.get(scalar) ?? 0;
    this.uses.set(scalar, before + 1);
    if (before === 0) for (const part of partsOf(scalar)) this.countUses(part);
  }

  private compile(scalar: Scalar): Evaluate {
    const known = this.compiled.get(scalar);
    if (known) return known;
    const made = this.translate(scalar);
    const evaluate =
      (this.uses.get(scalar) ?? 0) > 1 && scalar.kind !== "axis" && scalar.kind !== "constant"
        ? this.remembered(made)
        : made;
    this.compiled.set(scalar, evaluate);
    return evaluate;
  }

  private remembered(evaluate: Evaluate): Evaluate {
    let at = -1;
    let value = 0;
    return () => {
      if (at !== this.stamp) {
        value = evaluate();
        at = this.stamp;
      }
      return value;
    };
  }

  private translate(scalar: Scalar): Evaluate {
    const { point } = this;
    switch (scalar.kind) {
      case "axis":
        return () => point[scalar.axis] ?? 0;
      case "constant":
        return () => scalar.value;
      case "dim": {
        const size = this.size(scalar.dim);
        return () => size;
      }
      case "read":
        return this.read(scalar);
      case "apply": {
        const first = scalar.args[0];
        const last = scalar.args[scalar.args.length - 1];
        // The mask of a select comes first, so the last argument has the dtype that the function works on.
        const fn = scalarFunction(scalar.fn).meaning(
          (scalar.fn === "cast" ? first : last)?.dtype ?? scalar.dtype,
          scalar.dtype,
        );
        const [a, b, c] = scalar.args.map((arg) => this.compile(arg));
        if (!a) throw new Error(`\`${scalar.fn}\` has operands`);
        if (!b) return () => fn(a(), 0, 0);
        if (!c) return () => fn(a(), b(), 0);
        return () => fn(a(), b(), c());
      }
      case "reduce":
        return this.reduction(scalar);
    }
  }

  private reduction(scalar: Scalar & { kind: "reduce" }): Evaluate {
    const { point, extents } = this;
    const acc = accumulator(scalar.monoid, scalar.body.dtype);
    const body = this.compile(scalar.body);
    const { axes } = scalar;
    const innermost = axes.length - 1;
    const run = (depth: number): void => {
      const axis = axes[depth] ?? 0;
      const extent = extents[axis] ?? 0;
      for (let i = 0; i < extent; i++) {
        point[axis] = i;
        this.stamp = ++this.stamps;
        if (depth === innermost) acc.put(body());
        else run(depth + 1);
      }
    };
    return () => {
      const outer = this.stamp;
      acc.reset();
      run(0);
      this.stamp = outer;
      return acc.result();
    };
  }

  private read(scalar: Scalar & { kind: "read" }): Evaluate {
    const { point } = this;
    const array = this.args[scalar.operand];
    if (!array) throw new Error(`the comprehension has no operand ${scalar.operand}`);
    const { data, shape } = array;
    const strides = stridesOf(shape);
    const outside = scalar.outside && this.compile(scalar.outside);
    const linear = scalar.at.map((index) => this.linear(index));
    const outOfRange = () => {
      throw new RangeError(
        `a read at [${scalar.at.map((index) => this.compile(index)()).join(", ")}] is outside of [${shape.join(", ")}]`,
      );
    };
    if (linear.every((index) => index !== undefined)) {
      const isInside = linear.every(({ plus, times }, d) => {
        const reach = times.map((by, axis) => by * ((this.extents[axis] ?? 1) - 1));
        const low = reach.reduce((sum, by) => sum + Math.min(by, 0), plus);
        const high = reach.reduce((sum, by) => sum + Math.max(by, 0), plus);
        return low >= 0 && high < (shape[d] ?? 0);
      });
      if (isInside) {
        // No point of this run misses the array, so its address is one sum: axis and coefficient in turn.
        const start = linear.reduce((sum, { plus }, d) => sum + plus * (strides[d] ?? 0), 0);
        const terms = Int32Array.from(
          this.extents.flatMap((_, axis) => {
            const by = linear.reduce((sum, { times }, d) => sum + (times[axis] ?? 0) * (strides[d] ?? 0), 0);
            return by === 0 ? [] : [axis, by];
          }),
        );
        return () => {
          let address = start;
          for (let t = 0; t < terms.length; t += 2)
            address += (point[terms[t] as number] as number) * (terms[t + 1] as number);
          return data[address] as number;
        };
      }
      // One flat row of numbers per dim: extent, stride, constant, how many terms, then axis and coefficient of each.
      const rows = Int32Array.from(
        linear.flatMap(({ plus, times }, d) => {
          const terms = times.flatMap((by, axis) => (by === 0 ? [] : [axis, by]));
          return [shape[d] ?? 0, strides[d] ?? 0, plus, terms.length / 2, ...terms];
        }),
      );
      return () => {
        let address = 0;
        for (let r = 0; r < rows.length; ) {
          const extent = rows[r++] as number;
          const stride = rows[r++] as number;
          let i = rows[r++] as number;
          for (let terms = rows[r++] as number; terms > 0; terms--)
            i += (point[rows[r++] as number] as number) * (rows[r++] as number);
          if (i < 0 || i >= extent) return outside ? outside() : outOfRange();
          address += i * stride;
        }
        return data[address] as number;
      };
    }
    const indices = scalar.at.map((index) => this.compile(index));
    const at = new Array<number>(shape.length).fill(0);
    return () => {
      for (let d = 0; d < at.length; d++) {
        const i = indices[d]?.() ?? 0;
        if (i < 0 || i >= (shape[d] ?? 0)) return outside ? outside() : outOfRange();
        at[d] = i;
      }
      return data[positionOf(at, strides)] ?? Number.NaN;
    };
  }

  /** The index as a sum over axes, where it is one. */
  private linear(scalar: Scalar): Linear | undefined {
    const known = this.sums.get(scalar);
    if (known) return known.sum;
    const sum = this.linearOf(scalar);
    this.sums.set(scalar, { sum });
    return sum;
  }

  private linearOf(scalar: Scalar): Linear | undefined {
    const none = this.extents.map(() => 0);
    if (scalar.kind === "axis") return { plus: 0, times: none.map((_, axis) => (axis === scalar.axis ? 1 : 0)) };
    if (scalar.kind === "constant") return { plus: scalar.value, times: none };
    if (scalar.kind === "dim") return { plus: this.size(scalar.dim), times: none };
    if (scalar.kind !== "apply") return undefined;
    const [a, b] = scalar.args.map((arg) => this.linear(arg));
    if (!a) return undefined;
    const combined = (x: Linear, p: number, y: Linear, q: number): Linear => ({
      plus: x.plus * p + y.plus * q,
      times: x.times.map((times, axis) => times * p + (y.times[axis] ?? 0) * q),
    });
    if (scalar.fn === "neg") return combined(a, -1, a, 0);
    if (!b) return undefined;
    if (scalar.fn === "add") return combined(a, 1, b, 1);
    if (scalar.fn === "sub") return combined(a, 1, b, -1);
    if (scalar.fn !== "mul") return undefined;
    const isNumber = (x: Linear) => x.times.every((times) => times === 0);
    return isNumber(b) ? combined(a, b.plus, a, 0) : isNumber(a) ? combined(b, a.plus, b, 0) : undefined;
  }
}

// ---- nest ----------------------------------------------------------------------------------------------

class Translation {
  private readonly build: NestBuilder;
  private readonly comprehension: Comprehension;
  /** Index expression of each axis: given for the spatial ones, opened by its reduction for the others. */
  private readonly indices: Affine[];
  private readonly known = new Map<Scalar, ScalarId>();
  private readonly positions = new Map<Scalar, { readonly at: Affine | undefined }>();

  constructor(build: NestBuilder, comprehension: Comprehension, at: readonly Affine[]) {
    this.build = build;
    this.comprehension = comprehension;
    this.indices = [...at];
  }

  scalar(scalar: Scalar): ScalarId {
    const known = this.known.get(scalar);
    if (known !== undefined) return known;
    const made = this.translate(scalar);
    this.known.set(scalar, made);
    return made;
  }

  private translate(scalar: Scalar): ScalarId {
    const { build } = this;
    switch (scalar.kind) {
      case "axis":
        return build.indexValue(this.axis(scalar.axis));
      case "constant":
        return build.constant(scalar.value, scalar.dtype);
      case "dim":
        return build.dim(scalar.dim, scalar.dtype);
      case "read": {
        const outside = scalar.outside && this.scalar(scalar.outside);
        const at = scalar.at.map((index) => this.affine(index) ?? build.position(this.scalar(index)));
        return build.operand(scalar.operand, at, outside);
      }
      case "apply": {
        const at = scalar.dtype === "i32" ? this.affine(scalar) : undefined;
        if (at) return build.indexValue(at);
        return build.apply(scalar.fn, scalar.dtype, ...scalar.args.map((arg) => this.scalar(arg)));
      }
      case "reduce": {
        const extents = scalar.axes.map((axis) => this.comprehension.axes[axis]?.extent ?? ONE);
        const over = scalar.axes.map((axis, i) => {
          const opened = build.reduceAxis(this.comprehension.axes[axis]?.name ?? "r", extents[i] ?? ONE);
          this.indices[axis] = build.index(opened);
          return opened;
        });
        return lowerReduction(build, scalar.monoid, over, extents, this.scalar(scalar.body), scalar.dtype);
      }
    }
  }

  private axis(axis: number): Affine {
    const index = this.indices[axis];
    if (!index) throw new Error("an axis of a comprehension is used outside of its reduction");
    return index;
  }

  /** The index as an affine function of axes, where it is one. */
  private affine(scalar: Scalar): Affine | undefined {
    const known = this.positions.get(scalar);
    if (known) return known.at;
    const at = this.affineOf(scalar);
    this.positions.set(scalar, { at });
    return at;
  }

  private affineOf(scalar: Scalar): Affine | undefined {
    const { build } = this;
    if (scalar.dtype !== "i32") return undefined;
    if (scalar.kind === "axis") return this.axis(scalar.axis);
    if (scalar.kind === "constant") return build.literal(scalar.value);
    if (scalar.kind === "dim") return build.literal(scalar.dim);
    if (scalar.kind !== "apply") return undefined;
    const [a, b] = scalar.args.map((arg) => this.affine(arg));
    if (!a) return undefined;
    if (scalar.fn === "neg") return build.scale(a, dimOf(-1));
    if (!b) return undefined;
    if (scalar.fn === "add") return build.add(a, b);
    if (scalar.fn === "sub") return build.add(a, build.scale(b, dimOf(-1)));
    if (scalar.fn !== "mul") return undefined;
    const isSize = (x: Affine) => x.terms.length === 0 && x.scalars.length === 0;
    return isSize(b) ? build.scale(a, b.plus) : isSize(a) ? build.scale(b, a.plus) : undefined;
  }
}

// ---- the record -------------------------------------------------------------------------------------------

export const comprehension: Primitive = {
  name: "tensor",
  doc: "`tensor(i in M, j in N: body)`: the tensor whose element at [i, j] is `body`; its reducers sum over further indices.",
  signature: [],
  class: "comprehension",
  infer(call) {
    const body = argComprehension(call, "body");
    const shape = body.axes.slice(0, body.rank).map(({ extent }) => extent);
    return { type: { dtype: body.body.dtype, shape }, attributes: { body } };
  },
  meaning(args, value, { size }) {
    return new Evaluation(comprehensionOf(value), args, size).run();
  },
  nest(build, value, at) {
    const body = comprehensionOf(value);
    return new Translation(build, body, at).scalar(body.body);
  },
  vjp: comprehensionVjp,
  linear(value, operands) {
    const found = dependenceOf(comprehensionOf(value), operands);
    return typeof found === "object" ? found.span : found !== "fixed";
  },
};
