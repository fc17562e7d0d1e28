/** Graphs by hand, typed by the primitives' own rules; for tests of what comes after the checker. */
import { sourceFile } from "../../grammar/source.ts";
import {
  addDims,
  ceilDivDims,
  type Dim,
  dimOf,
  dimSymbol,
  dimSymbols,
  floorDivDims,
  maxDims,
  ONE,
  scaleDim,
  subDims,
  ZERO,
} from "../../compiler/ir/dims.ts";
import type { Comprehension, Graph, Scalar, Value, ValueId } from "../../compiler/ir/graph.ts";
import type { DType, TensorType } from "../../compiler/ir/types.ts";
import type { Argument } from "../../compiler/ops/primitive.ts";
import { primitiveOf } from "../../compiler/ops/table.ts";
import { callOf } from "../ops/cases.ts";

const span = { file: sourceFile("built.tfg", "graph built {}\n"), start: 0, end: 5 };
export type Size = number | string | Dim;
export const size = (of: Size): Dim =>
  typeof of === "number" ? dimOf(of) : typeof of === "string" ? dimSymbol(of) : of;

export class GraphBuilder {
  readonly values: Value[] = [];
  readonly #inputs: Graph["inputs"][number][] = [];
  readonly #variables: Graph["variables"][number][] = [];
  readonly #outputs: Graph["outputs"][number][] = [];
  readonly #steps: Graph["steps"][number][] = [];
  readonly #updates: Graph["updates"][number][] = [];
  #loops = 0;

  type(id: ValueId): TensorType {
    const value = this.values[id];
    if (!value) throw new Error(`no value ${id}`);
    return value.type;
  }

  #push(value: Omit<Value, "span">): ValueId {
    return this.values.push({ ...value, span }) - 1;
  }

  input(name: string, shape: readonly Size[], dtype: DType = "f32"): ValueId {
    const type = { dtype, shape: shape.map(size) };
    this.#inputs.push({ name, type, doc: "", span });
    return this.#push({ op: "input", args: [], attributes: { name }, type });
  }

  variable(name: string, shape: readonly number[]): ValueId {
    this.#variables.push({ name, dtype: "f32", shape, trainable: true, init: { fn: "fill", value: 0 }, doc: "", span });
    return this.#push({
      op: "variable",
      args: [],
      attributes: { name },
      type: { dtype: "f32", shape: shape.map(dimOf) },
    });
  }

  constant(data: readonly number[], shape: readonly number[] = [], dtype: DType = "f32"): ValueId {
    const type = { dtype, shape: shape.map(dimOf) };
    return this.#push({ op: "constant", args: [], attributes: { data: { data: Float64Array.from(data) } }, type });
  }

  dim(dim: Dim, dtype: DType): ValueId {
    return this.#push({ op: "dim", args: [], attributes: { dim }, type: { dtype, shape: [] } });
  }

  call(op: string, args: readonly ValueId[], given: Readonly<Record<string, Argument>> = {}): ValueId {
    const operands = args.map((arg) => this.type(arg));
    const { type, attributes = {}, more } = primitiveOf(op).infer(callOf(operands, given));
    return this.#push({ op, args, attributes, type, ...(more ? { more } : {}) });
  }

  part(of: ValueId, index: number): ValueId {
    const type = this.values[of]?.more?.[index - 1];
    if (!type) throw new Error(`no part ${index}`);
    return this.#push({ op: "part", args: [of], attributes: { index }, type });
  }

  /**
   * A loop over `times` iterations. `body` gets the carries, the parts of `xs` (scanned along their first axes) and the
   * counter; it gives the next carries, what is stacked along the first axis of a further result, and the condition. The
   * results: the carries after the last iteration, then the stacks.
   */
  loop(
    times: Size,
    inits: readonly ValueId[],
    xs: readonly ValueId[],
    body: (
      carries: readonly ValueId[],
      parts: readonly ValueId[],
      counter: ValueId,
    ) => { readonly next: readonly ValueId[]; readonly stacked?: readonly ValueId[]; readonly condition?: ValueId },
  ): readonly ValueId[] {
    const loop = this.#loops++;
    const carries = inits.map((init, index) =>
      this.#push({ op: "carry", args: [init], attributes: { loop, index }, type: this.type(init) }),
    );
    const parts = xs.map((x) => {
      const { dtype, shape } = this.type(x);
      return this.#push({
        op: "element",
        args: [x],
        attributes: { loop, axis: 0 },
        type: { dtype, shape: shape.slice(1) },
      });
    });
    const counter = this.#push({ op: "counter", args: [], attributes: { loop }, type: { dtype: "i32", shape: [] } });
    const { next, stacked = [], condition } = body(carries, parts, counter);
    const types = [
      ...inits.map((init) => this.type(init)),
      ...stacked.map((y) => ({ dtype: this.type(y).dtype, shape: [size(times), ...this.type(y).shape] })),
    ];
    const [type, ...more] = types;
    if (!type) throw new Error("a loop carries something");
    const node = this.#push({
      op: "loop",
      args: [...carries, ...next, ...stacked, ...(condition === undefined ? [] : [condition])],
      attributes: {
        loop,
        times: size(times),
        carries: carries.length,
        axes: stacked.map(() => 0),
        bounded: condition !== undefined,
      },
      type,
      ...(more.length > 0 ? { more } : {}),
    });
    return [node, ...more.map((_, i) => this.part(node, i + 1))];
  }

  /** The comprehension; `body` gets the indices of the binders, spatial ones first. */
  tensor(
    args: readonly ValueId[],
    spatial: readonly Size[],
    reduce: readonly Size[],
    body: (
      axes: readonly Scalar[],
      read: (operand: number, at: readonly Scalar[], outside?: number) => Scalar,
    ) => Scalar,
  ): ValueId {
    const extents = [...spatial, ...reduce].map(size);
    const axes = extents.map((_, axis) => scalar({ dtype: "i32", kind: "axis", axis }));
    const read = (operand: number, at: readonly Scalar[], outside?: number): Scalar =>
      scalar({
        dtype: this.type(args[operand] ?? -1).dtype,
        kind: "read",
        operand,
        at,
        ...(outside === undefined ? {} : { outside: scalar({ dtype: "f32", kind: "constant", value: outside }) }),
      });
    const made = body(axes, read);
    const comprehension: Comprehension = {
      rank: spatial.length,
      axes: extents.map((extent, i) => ({ name: `i${i}`, extent })),
      body: made,
    };
    const shape = spatial.map(size);
    return this.#push({ op: "tensor", args, attributes: { body: comprehension }, type: { dtype: made.dtype, shape } });
  }

  /** `conv2d_op` of the standard library. */
  conv(x: ValueId, kernel: ValueId, strides: readonly [number, number], same: boolean): ValueId {
    const [n, h, w] = this.type(x).shape;
    const [kh, kw, c, f] = this.type(kernel).shape;
    if (!n || !h || !w || !kh || !kw || !c || !f) throw new Error("ranks");
    const geometry = [h, w].map((extent, i) => window(extent, [kh, kw][i] ?? kh, strides[i] ?? 1, same));
    const [rows, columns] = geometry;
    if (!rows || !columns) throw new Error("ranks");
    return this.tensor([x, kernel], [n, rows.out, columns.out, f], [kh, kw, c], (a, read) => {
      const [an, ai, aj, af, au, av, ac] = a as [Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar];
      const at = (i: Scalar, stride: number, u: Scalar, before: Dim): Scalar =>
        apply(
          "sub",
          "i32",
          apply("add", "i32", apply("mul", "i32", i, int(stride)), u),
          scalar({ dtype: "i32", kind: "dim", dim: before }),
        );
      const product = apply(
        "mul",
        "f32",
        read(0, [an, at(ai, strides[0], au, rows.before), at(aj, strides[1], av, columns.before), ac], 0),
        read(1, [au, av, ac, af]),
      );
      return scalar({ dtype: "f32", kind: "reduce", monoid: "sum", axes: [4, 5, 6], body: product });
    });
  }

  step(name: string, updates: readonly { readonly variable: string; readonly value: ValueId }[]): void {
    this.#steps.push({ name, doc: "", span });
    for (const { variable, value } of updates) this.update(variable, value, [name]);
  }

  update(variable: string, value: ValueId, when: readonly string[]): void {
    this.#updates.push({ variable, value, when, span });
  }

  output(name: string, value: ValueId): void {
    this.#outputs.push({ name, value, doc: "", span });
  }

  graph(): Graph {
    const names = new Set<string>();
    for (const value of this.values) for (const dim of value.type.shape) dimSymbols(dim, names);
    return {
      name: "built",
      doc: "",
      span,
      dims: [...names].sort().map((name) => ({ name, span })),
      checks: [],
      steps: this.#steps,
      updates: this.#updates,
      assertions: [],
      inputs: this.#inputs,
      variables: this.#variables,
      outputs: this.#outputs,
      values: this.values,
      calls: [],
    };
  }
}

type Unspanned<T> = T extends unknown ? Omit<T, "span"> : never;
export const scalar = (of: Unspanned<Scalar>): Scalar => ({ ...of, span }) as Scalar;
export const int = (value: number): Scalar => scalar({ dtype: "i32", kind: "constant", value });
export const apply = (fn: string, dtype: DType, ...args: readonly Scalar[]): Scalar =>
  scalar({ dtype, kind: "apply", fn, args });

/** Output size and padding before, as TensorFlow pads. */
export function window(extent: Dim, kernel: Dim, stride: number, same: boolean): { out: Dim; before: Dim } {
  if (!same) return { out: addDims(floorDivDims(subDims(extent, kernel), dimOf(stride)), ONE), before: ZERO };
  const out = ceilDivDims(extent, dimOf(stride));
  const total = maxDims(subDims(addDims(scaleDim(subDims(out, ONE), stride), kernel), extent), ZERO);
  return { out, before: floorDivDims(total, dimOf(2)) };
}
