/** Writing comprehensions: scalars over a growing list of axes and operands, from which tensors are made. */
import type { Span } from "../../grammar/source.ts";
import { addAffine, affineOf, axisIndex, scaleAffine } from "../ir/affine.ts";
import { type Dim, dimOf, literalOf, ONE } from "../ir/dims.ts";
import type { Comprehension, Monoid, Scalar, ValueId } from "../ir/graph.ts";
import type { Affine } from "../ir/nest.ts";
import type { DType } from "../ir/types.ts";
import type { Emitter } from "./primitive.ts";
import { scalarFunction, scalarResult } from "./scalar.ts";

/** The scalars that one is computed from. */
export function partsOf(scalar: Scalar): readonly Scalar[] {
  switch (scalar.kind) {
    case "read":
      return scalar.outside ? [...scalar.at, scalar.outside] : scalar.at;
    case "apply":
      return scalar.args;
    case "reduce":
      return [scalar.body];
    default:
      return [];
  }
}

/** The scalar with each part replaced. */
export function withParts(scalar: Scalar, of: (part: Scalar) => Scalar): Scalar {
  switch (scalar.kind) {
    case "read": {
      const { outside, ...read } = scalar;
      return { ...read, at: scalar.at.map(of), ...(outside ? { outside: of(outside) } : {}) };
    }
    case "apply":
      return { ...scalar, args: scalar.args.map(of) };
    case "reduce":
      return { ...scalar, body: of(scalar.body) };
    default:
      return scalar;
  }
}

/** A replacement of scalars that keeps shared ones shared. */
export function rewriting(step: (scalar: Scalar, within: (part: Scalar) => Scalar) => Scalar): (of: Scalar) => Scalar {
  const done = new Map<Scalar, Scalar>();
  const rewrite = (scalar: Scalar): Scalar => {
    const before = done.get(scalar);
    if (before) return before;
    const made = step(scalar, rewrite);
    done.set(scalar, made);
    return made;
  };
  return rewrite;
}

/** A property of a scalar from those of its parts, computed once for shared ones. */
export function folding<T>(step: (scalar: Scalar, parts: (part: Scalar) => T) => T): (of: Scalar) => T {
  const done = new WeakMap<Scalar, T>();
  const fold = (scalar: Scalar): T => {
    const before = done.get(scalar);
    if (before !== undefined) return before;
    const made = step(scalar, fold);
    done.set(scalar, made);
    return made;
  };
  return fold;
}

/** How many scalars lie within each other. */
export const depthOf = folding<number>((scalar, within) => 1 + Math.max(0, ...partsOf(scalar).map(within)));

/** The axes that a scalar depends on; those of reductions within it are their own. */
export const freeAxes = folding<ReadonlySet<number>>((scalar, parts) => {
  if (scalar.kind === "axis") return new Set([scalar.axis]);
  const axes = new Set(partsOf(scalar).flatMap((part) => [...parts(part)]));
  if (scalar.kind === "reduce") for (const axis of scalar.axes) axes.delete(axis);
  return axes;
});

/**
 * Numbers that are equal for scalars of equal values at every point, among those of one call. What is shared is named by
 * its number: spelt out, `h * h + h` of `h` of `h` would double with every step.
 */
export function scalarNumbers(): (scalar: Scalar) => number {
  const numbers = new Map<string, number>();
  return folding<number>((scalar, parts) => {
    const key = `${scalarText(scalar)}(${partsOf(scalar).map(parts).join()})`;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

/** What a scalar does with its parts. */
function scalarText(scalar: Scalar): string {
  switch (scalar.kind) {
    case "axis":
      return `a${scalar.axis}`;
    case "constant":
      return `${Object.is(scalar.value, -0) ? "-0" : scalar.value}:${scalar.dtype}`;
    case "dim":
      return `d${scalar.dim.key}:${scalar.dtype}`;
    case "read":
      return `r${scalar.operand}:${scalar.dtype}${scalar.outside ? "?" : ""}`;
    case "apply":
      return `${scalar.fn}:${scalar.dtype}`;
    case "reduce":
      return `${scalar.monoid}{${scalar.axes.join()}}:${scalar.dtype}`;
  }
}

/** An index as a sum of multiples of axes, where it is one. */
export const affineScalar = folding<Affine | false>((scalar, parts) => {
  if (scalar.kind === "axis") return axisIndex(scalar.axis);
  if (scalar.kind === "constant") return Number.isInteger(scalar.value) && affineOf(scalar.value);
  if (scalar.kind === "dim") return affineOf(scalar.dim);
  if (scalar.kind !== "apply" || scalar.dtype !== "i32") return false;
  const [a, b] = scalar.args.map(parts);
  if (!a) return false;
  if (scalar.fn === "neg") return scaleAffine(a, dimOf(-1));
  if (!b) return false;
  if (scalar.fn === "add") return addAffine(a, b);
  if (scalar.fn === "sub") return addAffine(a, scaleAffine(b, dimOf(-1)));
  if (scalar.fn !== "mul") return false;
  return b.terms.length === 0 ? scaleAffine(a, b.plus) : a.terms.length === 0 && scaleAffine(b, a.plus);
});

/** Axes and operands of the comprehensions that one gradient is written with. */
export class ScalarWriter {
  readonly axes: { readonly name: string; readonly extent: Dim }[];
  readonly operands: ValueId[];
  readonly emit: Emitter;
  readonly span: Span;

  constructor(emit: Emitter, span: Span, axes: Comprehension["axes"], operands: readonly ValueId[]) {
    this.emit = emit;
    this.span = span;
    this.axes = [...axes];
    this.operands = [...operands];
  }

  newAxis(name: string, extent: Dim): number {
    return this.axes.push({ name, extent }) - 1;
  }

  extent(axis: number): Dim {
    return this.axes[axis]?.extent ?? ONE;
  }

  axis(axis: number): Scalar {
    return { kind: "axis", axis, dtype: "i32", span: this.span };
  }

  constant(value: number, dtype: DType): Scalar {
    return { kind: "constant", value, dtype, span: this.span };
  }

  size(dim: Dim, dtype: DType = "i32"): Scalar {
    const literal = literalOf(dim);
    return literal === undefined ? { kind: "dim", dim, dtype, span: this.span } : this.constant(literal, dtype);
  }

  apply(fn: string, ...args: readonly Scalar[]): Scalar {
    const dtype = scalarResult(
      scalarFunction(fn),
      args.map((arg) => arg.dtype),
    );
    if (dtype === undefined) throw new Error(`\`${fn}\` does not take ${args.map((arg) => arg.dtype).join(", ")}`);
    return { kind: "apply", fn, args, dtype, span: this.span };
  }

  reduce(monoid: Monoid, axes: readonly number[], body: Scalar): Scalar {
    const dtype = monoid === "argmax" || monoid === "argmin" ? "i32" : body.dtype;
    return { kind: "reduce", monoid, axes, body, dtype, span: this.span };
  }

  /** An element of a value; `outside` is what there is around it. */
  read(value: ValueId, at: readonly Scalar[], outside?: number): Scalar {
    const known = this.operands.indexOf(value);
    const operand = known >= 0 ? known : this.operands.push(value) - 1;
    const { dtype } = this.emit.typeOf(value);
    const read = { kind: "read", operand, at, dtype, span: this.span } as const;
    return outside === undefined ? read : { ...read, outside: this.constant(outside, dtype) };
  }

  /** An element of operand `k`. */
  element(k: number, at: readonly Scalar[]): Scalar {
    return { kind: "read", operand: k, at, dtype: this.emit.typeOf(this.operands[k] ?? -1).dtype, span: this.span };
  }

  shapeOf(operand: number): readonly Dim[] {
    return this.emit.typeOf(this.operands[operand] ?? -1).shape;
  }

  affine(at: Affine): Scalar {
    let sum: Scalar | undefined;
    for (const { axis, times } of at.terms) {
      const index = this.axis(axis);
      const isNegated = literalOf(times) === -1;
      const term = literalOf(times) === 1 || (isNegated && sum) ? index : this.apply("mul", index, this.size(times));
      sum = sum ? this.apply(isNegated ? "sub" : "add", sum, term) : term;
    }
    if (!sum) return this.size(at.plus);
    return literalOf(at.plus) === 0 ? sum : this.apply("add", sum, this.size(at.plus));
  }

  /** The tensor whose element at the given axes is `body`. */
  tensor(spatial: readonly number[], body: Scalar): ValueId {
    const axes = [...spatial];
    const operands: number[] = [];
    const place = <T>(list: T[], item: T): number => {
      const known = list.indexOf(item);
      return known >= 0 ? known : list.push(item) - 1;
    };
    const renumber = rewriting((scalar, within) => {
      if (scalar.kind === "axis") return { ...scalar, axis: place(axes, scalar.axis) };
      if (scalar.kind === "reduce") {
        const over = scalar.axes.map((axis) => place(axes, axis));
        return { ...scalar, axes: over, body: within(scalar.body) };
      }
      const made = withParts(scalar, within);
      return made.kind === "read" ? { ...made, operand: place(operands, made.operand) } : made;
    });
    const made = renumber(body);
    const comprehension: Comprehension = {
      rank: spatial.length,
      axes: axes.map((axis) => this.axes[axis] ?? { name: "i", extent: ONE }),
      body: made,
    };
    return this.emit.apply(
      "tensor",
      operands.map((operand) => this.operands[operand] ?? -1),
      { body: comprehension },
    );
  }
}
