/** 03xx: dtypes, shapes and dimensions. */
import type { Entry } from "../catalogue.ts";

export const types: readonly Entry[] = [
  {
    code: "TFG0301",
    title: "shapes that do not agree in a product or a call",
    text: "The labels show the two dimensions that should be equal, by the names of the program.",
    wrong: "graph g[N] {\n  input x: f32[N, 784]\n  param w: f32[728, 10] = zeros\n  output y = x @ w\n}",
    right: "graph g[N] {\n  input x: f32[N, 784]\n  param w: f32[784, 10] = zeros\n  output y = x @ w\n}",
  },
  {
    code: "TFG0302",
    title: "shapes that cannot be broadcast",
    text: `Two shapes go together if one is a scalar, if they have the same rank and each pair of dimensions is equal or one
of it is a literal 1, or if the shorter one equals the tail of the longer. A symbolic dimension is never stretched, so
that a program cannot change its meaning because a batch happens to be 1.`,
    wrong: "graph g[N] {\n  input a: f32[N, 10]\n  input b: f32[N]\n  output z = a + b\n}",
    right: "graph g[N] {\n  input a: f32[N, 10]\n  input b: f32[N]\n  output z = a + b[:, new]\n}",
  },
  {
    code: "TFG0303",
    title: "too few or too many dimensions",
    text: "The rank of the argument does not fit the function. A reduction without `axis` or `over` gives a scalar.",
    wrong: "graph g[N] {\n  input e: f32[N, 4]\n  m = mean(e)\n  output p = dense(m, 10)\n}",
    right: "graph g[N] {\n  input e: f32[N, 4]\n  m = mean(e, over=N)\n  output p = softmax(m)\n}",
  },
  {
    code: "TFG0304",
    title: "dtypes that do not mix",
    text: "Nothing is converted silently between tensors; write `x as f32`. Literals and compile-time ints adapt.",
    wrong: "graph g[K] {\n  input count: i32[K]\n  input weight: f32\n  output z = count * weight\n}",
    right: "graph g[K] {\n  input count: i32[K]\n  input weight: f32\n  output z = count as f32 * weight\n}",
  },
  {
    code: "TFG0305",
    title: "a reshape that would lose or invent elements",
    text: "Both shapes must have the same number of elements, for every value of the dimensions.",
    wrong: "graph g[N] {\n  input x: f32[N, 4, 4]\n  output v = x |> reshape([N, 15])\n}",
    right: "graph g[N] {\n  input x: f32[N, 4, 4]\n  output v = x |> reshape([N, 16])\n}",
  },
  {
    code: "TFG0306",
    title: "an index that is bound but not used",
    text: "A reduction over it would only multiply by its extent; a tensor over it is a `broadcast`.",
    wrong: "graph g[N, K] {\n  input x: f32[N, K]\n  output y = tensor(i in N: sum(u in K, v in K: x[i, u]))\n}",
    right: "graph g[N, K] {\n  input x: f32[N, K]\n  output y = tensor(i in N: sum(u in K: x[i, u]))\n}",
  },
  {
    code: "TFG0307",
    title: "a name of `einsum` that occurs only once",
    text: "A name in one operand and not in the result is usually a slip of the pen. To sum an operand, write `sum`.",
    wrong:
      'graph g[O, I] {\n  input a: f32[O, I]\n  input b: f32[I]\n  output c = einsum("o in_dim, in_dimm -> o", a, b)\n}',
    right:
      'graph g[O, I] {\n  input a: f32[O, I]\n  input b: f32[I]\n  output c = einsum("o in_dim, in_dim -> o", a, b)\n}',
  },
  {
    code: "TFG0308",
    title: "`over` names no axis, or more than one",
    text: "`over=N` stands for the axis whose dimension is N; with two such axes write `axis=0` or `axis=1`.",
    wrong: "graph g[N] {\n  input gram: f32[N, N]\n  output r = mean(gram, over=N)\n}",
    right: "graph g[N] {\n  input gram: f32[N, N]\n  output r = mean(gram, axis=1)\n}",
  },
  {
    code: "TFG0309",
    title: "an axis that does not exist",
    text: "Axes count from 0, or from the end with -1.",
    wrong: "graph g[N, T] {\n  input x: f32[N, T, 16]\n  output r = sum(x, axis=3)\n}",
    right: "graph g[N, T] {\n  input x: f32[N, T, 16]\n  output r = sum(x, axis=2)\n}",
  },
  {
    code: "TFG0310",
    title: "a constraint of a function that does not hold",
    text: "The function states in its `where` what its callers must make sure of.",
    wrong: `def halves[N](x: f32[N]) -> f32[N] where N % 2 == 0 = x
graph g {
  input x: f32[7]
  output y = halves(x)
}`,
    right: `def halves[N](x: f32[N]) -> f32[N] where N % 2 == 0 = x
graph g {
  input x: f32[8]
  output y = halves(x)
}`,
  },
  {
    code: "TFG0311",
    title: "dimensions that cannot be proved equal",
    text: `The message prints both as the compiler understands them. State what you know in the \`where\` of the graph: it is
checked when the inputs are fed. Or change one of the shapes.`,
    wrong: `graph g[H] {
  input x: f32[H]
  half = tensor(i in H / 2: x[2 * i])
  up = tensor(i in (H + 1) / 2: x[i])
  output y = half + up
}`,
    right: `graph g[H] where H % 2 == 0 {
  input x: f32[H]
  half = tensor(i in H / 2: x[2 * i])
  up = tensor(i in (H + 1) / 2: x[i])
  output y = half + up
}`,
  },
  {
    code: "TFG0312",
    title: "a size that must be known when compiling",
    text: "Variables, loop counts, kernel sizes and lists have sizes that do not change from run to run.",
    wrong: "graph g[N] {\n  input x: f32[N, 4]\n  param w: f32[N, 4] = zeros\n  output y = x * w\n}",
    right: "graph g[N] {\n  input x: f32[N, 4]\n  param w: f32[4] = zeros\n  output y = x * w\n}",
  },
  {
    code: "TFG0313",
    title: "a constraint that is not linear",
    text: "In `where`, sums and multiples of dimensions can be compared, and `d % k == 0` stated. This keeps proofs decidable.",
    wrong: "graph g[N] where N * N <= 4096 {\n  input x: f32[N, N]\n  output y = sum(x)\n}",
    right: "graph g[N] where N <= 64 {\n  input x: f32[N, N]\n  output y = sum(x)\n}",
  },
  {
    code: "TFG0314",
    title: "branches of different types",
    text: "Where the condition is known only at run time both branches exist, and their types must be equal.",
    wrong: "graph g[N] {\n  input x: f32[N, 8]\n  input c: bool\n  output y = if c then x else sum(x)\n}",
    right: "graph g[N] {\n  input x: f32[N, 8]\n  input c: bool\n  output y = if c then x else -x\n}",
  },
  {
    code: "TFG0315",
    title: "an index that can be out of range",
    text: "Say what the value is there, as `x[i - 1] ?? 0.0`, or choose extents so that it cannot happen.",
    wrong: "graph g[N] {\n  input x: f32[N]\n  output d = tensor(i in N: x[i] - x[i - 1])\n}",
    right: "graph g[N] {\n  input x: f32[N]\n  output d = tensor(i in N: x[i] - x[i - 1] ?? 0.0)\n}",
  },
  {
    code: "TFG0316",
    title: "a 64-bit type in a graph",
    text: "The GPUs of the web have no 64-bit numbers. `@accepts(i64)` on an input converts 64-bit data when it is fed.",
    wrong: "graph g[N] {\n  input ids: i64[N]\n  output e = ids\n}",
    right: "graph g[N] {\n  @accepts(i64) input ids: i32[N]\n  output e = ids\n}",
  },
  {
    code: "TFG0317",
    title: "an `assert` that is false or cannot be evaluated",
    text: `An \`assert\` is checked when compiling, or before a run from dimensions and integer states of rank 0. What kernels
compute is not known then.`,
    wrong: `config D: int = 10
config HEADS: int = 4
graph g[N] {
  input x: f32[N, D]
  assert D % HEADS == 0, "HEADS must divide D"
  output y = 2 * x
}`,
    right: `config D: int = 12
config HEADS: int = 4
graph g[N] {
  input x: f32[N, D]
  assert D % HEADS == 0, "HEADS must divide D"
  output y = 2 * x
}`,
  },
];
