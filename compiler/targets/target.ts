/** The targets that run on a CPU, as templates see them. */
import type { Target } from "../tile/target.ts";
import { expandDoubles, expandLanes } from "./math.ts";

/**
 * WebAssembly with relaxed SIMD. On V8 and x86 (Xeon, 128-bit peak 46.9 GF/s, a product 516 x 512 x 48) tiles of 4 x 8
 * give 43 to 46 GF/s, written out 4 and 8 times; 6 x 8 gives 35 to 42: more rows need more pointers than there are
 * registers. Both keep the multipliers busy, whose results take 4 cycles and of which 2 start in each.
 */
export const fma: Target = {
  name: "fma",
  lanes: 4,
  word: 4,
  tile: { rows: 4, columns: 8, unroll: 4 },
  expand: expandLanes,
};

/** WebAssembly with SIMD: a product and a sum for each step, half the speed on the same machine. */
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
