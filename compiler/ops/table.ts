/** All primitives. The only place that lists them. */
import { comprehension } from "./comprehension.ts";
import { cumsum } from "./cumulative.ts";
import { branch, cast, clamp, elementwise, integerPower, select } from "./elementwise.ts";
import { gather, iota, oneHot, take } from "./index.ts";
import { concat, pad, stack, updateSlice } from "./join.ts";
import { leaves } from "./leaves.ts";
import { cholesky, solve } from "./linear.ts";
import { matmul } from "./matmul.ts";
import { slice, split, unstack } from "./part.ts";
import type { Primitive } from "./primitive.ts";
import { randomBits } from "./random.ts";
import { reductions } from "./reduce.ts";
import { nonzero, scatterAdd } from "./scatter.ts";
import { broadcast, reshape, reverse, stridedSlice, transpose } from "./shape.ts";
import { sort, topk } from "./sort.ts";

const all: readonly Primitive[] = [
  ...leaves,
  ...elementwise,
  integerPower,
  select,
  branch,
  clamp,
  cast,
  comprehension,
  ...reductions,
  matmul,
  reshape,
  transpose,
  broadcast,
  reverse,
  stridedSlice,
  slice,
  split,
  unstack,
  concat,
  stack,
  pad,
  updateSlice,
  gather,
  take,
  oneHot,
  iota,
  scatterAdd,
  nonzero,
  cumsum,
  sort,
  topk,
  solve,
  cholesky,
  randomBits,
];

/** By name, as in `Value.op`. */
export const primitives: Readonly<Record<string, Primitive>> = Object.fromEntries(
  all.map((record) => [record.name, record]),
);

export function primitiveOf(op: string): Primitive {
  const record = primitives[op];
  if (!record) throw new Error(`no primitive ${op}`);
  return record;
}

/**
 * By the name that calls them in `.tfg`. Only `max` and `min` have two: the element-wise one takes two tensors, the
 * reduction one.
 */
export const callees: ReadonlyMap<string, readonly Primitive[]> = (() => {
  const byName = new Map<string, Primitive[]>();
  for (const record of all)
    if (record.callee !== undefined) byName.set(record.callee, [...(byName.get(record.callee) ?? []), record]);
  return byName;
})();

/**
 * The primitive behind each operator sign, which is also the scalar function of that name inside a comprehension
 * (there is none for `@`). Of the two meanings of `-`, this is the one with two operands; `neg` and `not` are the
 * unary ones, `integer_power` takes the place of `pow` when the exponent is an integer literal.
 */
export const operators: Readonly<Record<string, string>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "mod",
  "**": "pow",
  "==": "equal",
  "!=": "not_equal",
  "<": "less",
  "<=": "less_equal",
  ">": "greater",
  ">=": "greater_equal",
  "&&": "and",
  "||": "or",
  "@": "matmul",
};
