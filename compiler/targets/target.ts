/** The targets that run on a CPU, as templates see them. */
import type { Target } from "../tile/target.ts";
import { expandDoubles, expandLanes } from "./math.ts";

/** WebAssembly with relaxed SIMD: 12 accumulators, 2 vectors of B and 1 of A fill the 15 registers of x86. */
export const fma: Target = {
  name: "fma",
  lanes: 4,
  word: 4,
  tile: { rows: 6, columns: 8, unroll: 2 },
  expand: expandLanes,
};

/** WebAssembly with SIMD. A product that is added needs one more register, so its tile is lower. */
export const base: Target = {
  name: "base",
  lanes: 4,
  word: 4,
  tile: { rows: 4, columns: 8, unroll: 2 },
  expand: expandLanes,
};

/** JavaScript: numbers are doubles, memory is viewed as Float32Array and Int32Array. */
export const js: Target = {
  name: "js",
  lanes: 1,
  word: 1,
  tile: { rows: 4, columns: 4, unroll: 1 },
  expand: expandDoubles,
};
