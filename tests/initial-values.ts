/** What a session starts a variable with, for the interpreter. */
import type { Variable } from "../compiler/ir/graph.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { randomValues } from "../runtime/random.ts";

export function initialValues({ name, dtype, shape, init }: Variable, seed = 0): NdArray {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = ((): ArrayLike<number> => {
    switch (init.fn) {
      case "fill":
        return new Float64Array(count).fill(init.value);
      case "data":
        return init.data.data;
      case "random_uniform":
        return randomValues([init.fn, init.min, init.max], name, shape, seed);
      case "orthogonal":
        return randomValues([init.fn, init.gain], name, shape, seed);
      default:
        return randomValues([init.fn, init.mean, init.stddev], name, shape, seed);
    }
  })();
  return { dtype, shape, data: Float64Array.from(data, dtype === "f32" ? Math.fround : Number) };
}
