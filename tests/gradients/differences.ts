/** Gradients against central differences: both by the interpreter, in float64. */
import * as assert from "uvu/assert";
import { differentiate, type Source } from "../../compiler/differentiate/differentiate.ts";
import { isNonNegative } from "../../compiler/ir/affine.ts";
import { dimOf, equalDims, subDims } from "../../compiler/ir/dims.ts";
import type { ValueId } from "../../compiler/ir/graph.ts";
import { isFloat, type TensorType } from "../../compiler/ir/types.ts";
import { interpret } from "../../compiler/interpret.ts";
import { elementsOf } from "../../compiler/ops/points.ts";
import type { Emitter, NdArray } from "../../compiler/ops/primitive.ts";
import { randomNumbers, SIZES, sizeOf } from "../ops/cases.ts";
import type { GraphBuilder } from "../passes/graph-builder.ts";

export function missing(what: string): never {
  throw new Error(what);
}

export function emitterOf(builder: GraphBuilder): Emitter {
  return {
    apply: (name, operands, args) => builder.call(name, operands, args),
    part: (of, index) => builder.part(of, index),
    typeOf: (value) => builder.type(value),
    constant: (value, dtype) => builder.constant([value], [], dtype),
    dim: (dim, dtype) => builder.dim(dim, dtype),
    zeros: (shape) => builder.call("broadcast", [builder.constant([0])], { shape }),
    facts: { equal: equalDims, atLeast: (dim, minimum) => isNonNegative(subDims(dim, dimOf(minimum))) },
  };
}

export function sourceOf(builder: GraphBuilder): Source {
  const emitter = emitterOf(builder);
  return {
    valueAt: (id) => builder.values[id] ?? missing(`no value ${id}`),
    isBarrier: () => false,
    ruleOf: () => undefined,
    emit: (value) => missing(`there are no loops here, but \`${value.op}\``),
    openLoop: () => missing("there are no loops here"),
    replace: () => missing("there are no loops here"),
    copied: () => missing("there are no loops here"),
    emitterFor: () => emitter,
    fail: (value) => missing(`\`${value.op}\` has no vjp`),
  };
}

/** Sum of products. */
export const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

export function randomArray({ dtype, shape }: TensorType, next: () => number): NdArray {
  const sizes = shape.map(sizeOf);
  return { dtype, shape: sizes, data: Float64Array.from({ length: elementsOf(sizes) }, () => next() * 2 - 1) };
}

const STEP = 1e-5;

/**
 * Checks the gradients of all results, each weighted at random, with respect to the float inputs of a graph: along a
 * random direction for each input. `feeds` has the inputs by name.
 */
export function checkGradients(
  builder: GraphBuilder,
  results: readonly ValueId[],
  inputs: ReadonlyMap<string, ValueId>,
  feeds: ReadonlyMap<string, NdArray>,
  seed: number,
  tolerance = 1e-6,
): void {
  const next = randomNumbers(seed + 1);
  const fed = new Map(feeds);
  const emit = emitterOf(builder);
  const floats = results.filter((id) => isFloat(builder.type(id).dtype));
  const seeds = floats.map((value, i) => {
    const type = builder.type(value);
    fed.set(`w${i}`, randomArray({ ...type, dtype: "f32" }, next));
    return { value, cotangent: builder.input(`w${i}`, type.shape) };
  });
  const wanted = [...inputs].filter(([, id]) => isFloat(builder.type(id).dtype));
  const gradients = differentiate(
    sourceOf(builder),
    seeds,
    wanted.map(([, id]) => id),
  );
  for (const [k, [name, id]] of wanted.entries()) {
    const gradient = gradients[k];
    if (gradient === undefined) continue;
    const keys = (value: ValueId) => builder.type(value).shape.map(sizeOf);
    assert.equal(keys(gradient), keys(id), `the gradient of ${name} has its shape`);
    builder.output(`d${name}`, gradient);
  }
  for (const [i, { value, cotangent }] of seeds.entries()) {
    const { shape } = builder.type(value);
    const stored = builder.type(value).dtype === "f32" ? value : emit.apply("cast", [value], { to: "f32" });
    const weighted = emit.apply("mul", [stored, cotangent]);
    builder.output(`y${i}`, emit.apply("reduce_sum", [weighted], { axis: shape.map((_, axis) => axis), keep: false }));
  }
  const graph = builder.graph();
  const dims = new Map(Object.entries(SIZES).filter(([name]) => graph.dims.some((dim) => dim.name === name)));
  const run = (with_: ReadonlyMap<string, NdArray>, fetches: readonly string[]) =>
    interpret(graph, { feeds: with_, variables: new Map(), dims, fetches });
  const valueAt = (with_: ReadonlyMap<string, NdArray>): number =>
    [
      ...run(
        with_,
        seeds.map((_, i) => `y${i}`),
      ).values(),
    ].reduce((sum, { data }) => sum + (data[0] ?? Number.NaN), 0);
  for (const [k, [name]] of wanted.entries()) {
    const x = fed.get(name) ?? missing(`${name} is fed`);
    const direction = Float64Array.from(x.data, () => next() * 2 - 1);
    const moved = (by: number) =>
      new Map(fed).set(name, { ...x, data: x.data.map((value, i) => value + by * (direction[i] ?? 0)) });
    const [above, below] = [valueAt(moved(STEP)), valueAt(moved(-STEP))];
    const expected = (above - below) / (2 * STEP);
    const gradient = gradients[k] === undefined ? undefined : run(fed, [`d${name}`]).get(`d${name}`)?.data;
    const actual = gradient ? dot(gradient, direction) : 0;
    const scale = 1 + Math.abs(above) + (gradient ?? new Float64Array()).reduce((sum, g) => sum + Math.abs(g), 0);
    assert.ok(
      Math.abs(actual - expected) <= tolerance * scale,
      `along ${name}: the gradient says ${actual}, the difference ${expected}`,
    );
  }
}
