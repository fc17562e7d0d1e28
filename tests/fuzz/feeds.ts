/** Numbers for the inputs of a graph: the same for one seed, whatever else is left of the program. */
import { evaluateDim } from "../../compiler/ir/dims.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import type { DType } from "../../compiler/ir/types.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { randomNumbers } from "../ops/cases.ts";
import { bitsOf, numbersOfBits } from "../oracle/small-floats.ts";
import type { Numbers } from "./sizes.ts";

const hash = (text: string): number =>
  [...text].reduce((state, c) => Math.imul(state ^ c.charCodeAt(0), 16777619), 2166136261);

function element(dtype: DType, name: string, next: () => number): number {
  switch (dtype) {
    case "f32":
      // On a grid sums are exact, so that ties and edges are the same for everyone.
      return name.startsWith("grid") ? Math.floor(next() * 17 - 8) / 4 : Math.fround(next() * 4 - 2);
    case "i32":
      return name.startsWith("big") ? Math.floor(next() * 2 ** 32) - 2 ** 31 : Math.floor(next() * 13) - 4;
    case "u32":
      return Math.floor(next() * (name.startsWith("big") ? 2 ** 32 : 11));
    case "bool":
      return next() < 0.5 ? 1 : 0;
    case "u8":
      return Math.floor(next() * 256);
    case "i8":
      return Math.floor(next() * 256) - 128;
    case "f16":
    case "bf16":
      return numbersOfBits(dtype, [bitsOf(dtype, next() * 8 - 4)])[0] ?? 0;
  }
}

export function randomArray(dtype: DType, shape: readonly number[], name: string, seed: number): NdArray {
  const next = randomNumbers(hash(name) ^ Math.imul(seed, 2654435761));
  const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => element(dtype, name, next));
  return { dtype, shape, data };
}

export const feedsOf = (graph: Graph, sizes: Numbers, seed: number): Map<string, NdArray> =>
  new Map(
    graph.inputs.map(({ name, type }) => {
      const shape = type.shape.map((dim) => evaluateDim(dim, (symbol) => sizes[symbol] ?? 1));
      return [name, randomArray(type.dtype, shape, name, seed)];
    }),
  );

/** Each float moved by one to sixteen units in its last place: less than results may differ by. */
export function nudged(arrays: ReadonlyMap<string, NdArray>, seed: number): Map<string, NdArray> {
  const next = randomNumbers(seed);
  const by = 2 ** -(22 - 2 * (seed % 3));
  return new Map(
    [...arrays].map(([name, array]): [string, NdArray] => [
      name,
      array.dtype === "f32"
        ? { ...array, data: array.data.map((x) => x * (1 + (next() - 0.5) * by) + (next() - 0.5) * by * 0.25) }
        : array,
    ]),
  );
}
