/** Random well-typed graphs of primitives, for what happens between them: fusion, layouts, buffers that are reused. */
import { type Dim, dimOf, dimSymbol, literalOf, mulDims, ONE, productOf } from "../../compiler/ir/dims.ts";
import type {
  Attributes,
  Comprehension,
  Graph,
  Input,
  Output,
  Scalar,
  Value,
  ValueId,
  Variable,
} from "../../compiler/ir/graph.ts";
import type { TensorType } from "../../compiler/ir/types.ts";
import { broadcastShapes } from "../../compiler/ops/broadcast.ts";
import type { Argument } from "../../compiler/ops/primitive.ts";
import { primitiveOf } from "../../compiler/ops/table.ts";
import { callOf, randomNumbers, span } from "./cases.ts";

const N = dimSymbol("N");
const M = dimSymbol("M");
const DIMS: readonly Dim[] = [N, M, ONE, dimOf(2), dimOf(3), dimOf(5), dimOf(8), dimOf(9)];
/** Smooth functions of bounded slope: a rounding error stays one. */
const UNARY = ["neg", "abs", "tanh", "sin", "cos", "erf"] as const;
const BINARY = ["add", "sub", "mul", "maximum", "minimum"] as const;

export function randomGraph(seed: number, steps: number): Graph {
  return new Growth(randomNumbers(seed)).grow(seed, steps);
}

class Growth {
  private readonly next: () => number;
  private readonly values: Value[] = [];
  private readonly inputs: Input[] = [];
  private readonly variables: Variable[] = [];
  /** Float values that a step may read. */
  private readonly open: ValueId[] = [];

  constructor(next: () => number) {
    this.next = next;
  }

  grow(seed: number, steps: number): Graph {
    this.input([N]);
    this.input([M]);
    for (let i = 1 + this.below(3); i > 0; i--) this.input(this.shape(1 + this.below(4)));
    const first = this.open.length;
    for (let i = 0; i < steps; i++) this.step();
    const made = this.open.slice(first);
    // The last value and some of those before it: a fetched value must be there though its readers were fused.
    const chosen = made.filter((_, i) => i === made.length - 1 || this.chance(0.25));
    const outputs: Output[] = chosen.map((value, i) => ({ name: `y${i}`, value, doc: "", span: span() }));
    // Inputs are outputs too: then every run needs all of them, and N and M are bound in every graph.
    for (const [i, value] of this.open.slice(0, first).entries())
      outputs.push({ name: `same${i}`, value, doc: "", span: span() });
    const dims = ["N", "M"].map((name) => ({ name, span: span() }));
    return {
      name: `fuzz${seed}`,
      doc: "",
      span: span(),
      dims,
      checks: [],
      steps: [],
      updates: [],
      assertions: [],
      inputs: this.inputs,
      variables: this.variables,
      outputs,
      values: this.values,
      calls: [],
    };
  }

  private step(): void {
    const pick = this.next();
    const x = this.any();
    const { shape } = this.type(x);
    if (pick < 0.16) this.call(this.pick(UNARY), [x]);
    else if (pick < 0.38) this.binary(x);
    else if (pick < 0.48) this.reduction(x);
    else if (pick < 0.54) this.softmax(x);
    else if (pick < 0.62) this.product(x);
    else if (pick < 0.72) this.window(x);
    else if (pick < 0.77 && shape.length > 0) this.call("transpose", [x], { perm: this.permutation(shape.length) });
    else if (pick < 0.83) this.reshape(x);
    else if (pick < 0.87) this.pad(x);
    else if (pick < 0.91) this.slice(x);
    else if (pick < 0.94) this.concat(x);
    else if (pick < 0.97) this.call("reverse", [x], { axis: shape.length > 0 ? [this.below(shape.length)] : [] });
    else this.split(x);
  }

  private binary(x: ValueId): void {
    const fits = this.open.filter(
      (y) => "shape" in broadcastShapes(this.type(x).shape, this.type(y).shape, (a, b) => a.key === b.key),
    );
    const y = this.pick(fits);
    const op = this.pick(BINARY);
    // One factor is bounded, so that values do not outgrow the precision of what follows.
    if (op === "mul") this.call(op, [x, this.value("tanh", [y])]);
    else this.call(op, this.chance(0.5) ? [x, y] : [y, x]);
  }

  private reduction(x: ValueId): void {
    const axis = this.type(x).shape.flatMap((_, i) => (this.chance(0.5) ? [i] : []));
    const own = { axis, keep: this.chance(0.5) };
    const op = this.pick(["reduce_mean", "reduce_max", "reduce_min", "reduce_sum"]);
    if (op === "reduce_sum") this.call("mul", [this.value(op, [x], own), this.constant(0.125)]);
    else this.call(op, [x], own);
  }

  private softmax(x: ValueId): void {
    if (this.type(x).shape.length === 0) return;
    const axis = [this.type(x).shape.length - 1];
    const bounded = this.value("tanh", [x]);
    const greatest = this.value("reduce_max", [bounded], { axis, keep: true });
    const e = this.value("exp", [this.value("sub", [bounded, greatest])]);
    this.call("div", [e, this.value("reduce_sum", [e], { axis, keep: true })]);
  }

  /** x @ w, scaled so that values keep their size. */
  private product(x: ValueId): void {
    const { shape } = this.type(x);
    const inner = shape[shape.length - 1];
    const rows = inner && literalOf(inner);
    if (rows === undefined) return;
    const w = this.variable([rows, 1 + this.below(11)]);
    const product = this.value("matmul", [x, w]);
    const scale = this.constant(1 / rows);
    this.call("mul", [product, scale]);
  }

  /** A strided window with padding over one axis, as convolutions have it; sum over channels too, or maximum. */
  private window(x: ValueId): void {
    const { shape } = this.type(x);
    if (shape.length < 2) return;
    const axis = this.below(shape.length - 1);
    const extent = shape[axis];
    const channels = shape[shape.length - 1];
    const count = channels && literalOf(channels);
    if (!extent || count === undefined || shape.length > 4) return;
    const taps = 1 + this.below(4);
    const stride = 1 + this.below(2);
    const before = this.below(3);
    const isPool = this.chance(0.3);
    const filters = isPool ? count : 1 + this.below(9);
    const w = isPool ? undefined : this.variable([taps, count, filters]);
    const spatial = shape.slice(0, -1).map((dim, i) => ({ name: `i${i}`, extent: dim }));
    const rank = shape.length;
    const index = (of: number): Scalar => ({ kind: "axis", axis: of, dtype: "i32", span: span() });
    const number = (value: number, dtype: "i32" | "f32" = "i32"): Scalar => ({
      kind: "constant",
      value,
      dtype,
      span: span(),
    });
    const apply = (fn: string, dtype: "i32" | "f32", ...args: Scalar[]): Scalar => ({
      kind: "apply",
      fn,
      args,
      dtype,
      span: span(),
    });
    const at = apply(
      "sub",
      "i32",
      apply("add", "i32", apply("mul", "i32", index(axis), number(stride)), index(rank)),
      number(before),
    );
    const channel = isPool ? rank - 1 : rank + 1;
    const read: Scalar = {
      kind: "read",
      operand: 0,
      at: shape.map((_, i) => (i === axis ? at : i === rank - 1 ? index(channel) : index(i))),
      outside: number(isPool ? -1 : 0, "f32"),
      dtype: "f32",
      span: span(),
    };
    const weight: Scalar = {
      kind: "read",
      operand: 1,
      at: [index(rank), index(rank + 1), index(rank - 1)],
      dtype: "f32",
      span: span(),
    };
    const body: Comprehension = {
      rank,
      axes: [
        ...spatial,
        { name: "f", extent: dimOf(filters) },
        { name: "u", extent: dimOf(taps) },
        ...(isPool ? [] : [{ name: "c", extent: dimOf(count) }]),
      ],
      body: {
        kind: "reduce",
        monoid: isPool ? "max" : "sum",
        axes: isPool ? [rank] : [rank, rank + 1],
        body: isPool ? read : apply("mul", "f32", read, weight),
        dtype: "f32",
        span: span(),
      },
    };
    const made = this.value("tensor", w === undefined ? [x] : [x, w], { body });
    this.call("mul", [made, this.constant(1 / (isPool ? 1 : taps * count))]);
  }

  /** Merges two neighbours, splits an axis, or flattens. */
  private reshape(x: ValueId): void {
    const { shape } = this.type(x);
    const at = this.below(Math.max(shape.length - 1, 1));
    const [a, b] = [shape[at], shape[at + 1]];
    const size = a && literalOf(a);
    if (a && b && this.chance(0.5))
      this.call("reshape", [x], { shape: [...shape.slice(0, at), mulDims(a, b), ...shape.slice(at + 2)] });
    else if (a && size !== undefined && size % 2 === 0)
      this.call("reshape", [x], { shape: [...shape.slice(0, at), dimOf(2), dimOf(size / 2), ...shape.slice(at + 1)] });
    else this.call("reshape", [x], { shape: this.chance(0.5) ? [productOf(shape)] : [ONE, ...shape] });
  }

  private pad(x: ValueId): void {
    const pads = this.type(x).shape.flatMap(() => [dimOf(this.below(2)), dimOf(this.below(3))]);
    this.call("pad", [x], { pads, value: this.pick([0, 0, 1.5]) });
  }

  private slice(x: ValueId): void {
    const { shape } = this.type(x);
    const axes = shape.flatMap((dim, i) => ((literalOf(dim) ?? 0) > 1 ? [i] : []));
    if (axes.length === 0) return;
    const axis = this.pick(axes);
    const extent = literalOf(shape[axis] ?? ONE) ?? 1;
    const size = 1 + this.below(extent - 1);
    this.call("slice", [x], { axis, at: dimOf(this.below(extent - size + 1)), size: dimOf(size) });
  }

  private concat(x: ValueId): void {
    const { shape } = this.type(x);
    if (shape.length === 0) return;
    const axis = this.below(shape.length);
    const fits = this.open.filter((y) => {
      const other = this.type(y).shape;
      return other.length === shape.length && other.every((dim, i) => i === axis || dim.key === shape[i]?.key);
    });
    this.call("concat", [x, this.pick(fits)], { axis });
  }

  private split(x: ValueId): void {
    const { shape } = this.type(x);
    const axis = shape.findIndex((dim) => (literalOf(dim) ?? 1) % 2 === 0);
    if (axis < 0) return;
    const first = this.value("split", [x], { axis, n: 2 });
    this.open.push(first);
    for (const type of this.values[first]?.more ?? []) this.open.push(this.add("part", [first], { index: 1 }, type));
  }

  // ---- values ------------------------------------------------------------------------------------------------

  /** A value that later steps may read, if it did not become too large. */
  private call(op: string, args: readonly ValueId[], own: Readonly<Record<string, Argument>> = {}): void {
    const value = this.value(op, args, own);
    const { shape } = this.type(value);
    const isSmall =
      shape.length <= 5 &&
      shape.reduce((count, dim) => count * (literalOf(dim) ?? 4), 1) <= 1500 &&
      shape.every((dim) => dim.terms.length <= 2);
    if (isSmall) this.open.push(value);
  }

  private value(op: string, args: readonly ValueId[], own: Readonly<Record<string, Argument>> = {}): ValueId {
    const { type, attributes, more } = primitiveOf(op).infer(
      callOf(
        args.map((arg) => this.type(arg)),
        own,
      ),
    );
    return this.add(op, args, attributes ?? {}, type, more ?? []);
  }

  private add(
    op: string,
    args: readonly ValueId[],
    attributes: Attributes,
    type: TensorType,
    more: readonly TensorType[] = [],
  ): ValueId {
    return this.values.push({ op, args, attributes, type, span: span(), ...(more.length > 0 ? { more } : {}) }) - 1;
  }

  private input(shape: readonly Dim[]): void {
    const name = `x${this.inputs.length}`;
    const type: TensorType = { dtype: "f32", shape };
    this.inputs.push({ name, type, doc: "", span: span() });
    this.open.push(this.add("input", [], { name }, type));
  }

  private variable(shape: readonly number[]): ValueId {
    const name = `w${this.variables.length}`;
    this.variables.push({
      name,
      dtype: "f32",
      shape,
      trainable: true,
      init: { fn: "fill", value: 0 },
      doc: "",
      span: span(),
    });
    return this.add("variable", [], { name }, { dtype: "f32", shape: shape.map(dimOf) });
  }

  private constant(value: number): ValueId {
    return this.add(
      "constant",
      [],
      { data: { data: Float64Array.of(Math.fround(value)) } },
      { dtype: "f32", shape: [] },
    );
  }

  private type(id: ValueId): TensorType {
    const value = this.values[id];
    if (!value) throw new Error(`no value ${id}`);
    return value.type;
  }

  /** Mostly what was made last, so that chains grow. */
  private any(): ValueId {
    const recent = this.open.slice(-4);
    return this.chance(0.7) ? this.pick(recent) : this.pick(this.open);
  }
  private shape(rank: number): readonly Dim[] {
    return Array.from({ length: rank }, () => this.pick(DIMS));
  }
  private permutation(rank: number): readonly number[] {
    const axes = Array.from({ length: rank }, (_, i) => i);
    return Array.from({ length: rank }, () => axes.splice(this.below(axes.length), 1)[0] ?? 0);
  }
  private below(n: number): number {
    return Math.floor(this.next() * n);
  }
  private chance(p: number): boolean {
    return this.next() < p;
  }
  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}
