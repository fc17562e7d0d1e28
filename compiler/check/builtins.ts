import { GRADIENT_BUILTINS } from "./gradient-builtins.ts";

/**
 * Functions that only elaboration can carry out: loops, questions about types, patterns, random starts of
 * variables. Each with its signature, for messages.
 */
export const BUILTINS: ReadonlyMap<string, string> = new Map([
  ["repeat", "repeat(x, n, fn(h, i) => …)"],
  ["fold", "fold(x, list, fn(h, item) => …)"],
  ["scan", "scan(xs, init=h, over=T, fn(h, x) => …)"],
  ["while", "while(init, max=n, cond=fn(c) => …, fn(c) => …)"],
  ["ceil_div", "ceil_div(a, b)"],
  ["len", "len(list)"],
  ["rank", "rank(x)"],
  ["shape", "shape(x)"],
  ["einsum", 'einsum("b i, i o -> b o", x, w)'],
  ["rearrange", 'rearrange(x, "a (b c) -> a c b", b = …)'],
  ...GRADIENT_BUILTINS,
  ["random_uniform", "random_uniform(shape, min = 0.0, max = 1.0)"],
  ["random_normal", "random_normal(shape, mean = 0.0, stddev = 1.0)"],
  ["truncated_normal", "truncated_normal(shape, mean = 0.0, stddev = 1.0)"],
  ["random_bits", "random_bits(shape)"],
  ["orthogonal", "orthogonal(shape, gain = 1.0)"],
]);
