/** 09xx: warnings about programs that are right. */
import type { Entry } from "../catalogue.ts";

const silence = (name: string): string =>
  `Where it is meant, \`@allow(${name})\` before the statement or declaration silences the warning in it.`;

export const lints: readonly Entry[] = [
  {
    code: "TFG0901",
    title: "an operator in front of a pipe",
    text: `The pipe binds loosest: \`a + b |> relu\` is \`relu(a + b)\`. Parentheses make that visible, or change it.

${silence("operator_before_pipe")}`,
    wrong: "graph g[N] {\n  input a: f32[N]\n  input b: f32[N]\n  output y = a + b |> relu\n}",
    right: "graph g[N] {\n  input a: f32[N]\n  input b: f32[N]\n  output y = (a + b) |> relu\n}",
  },
  {
    code: "TFG0902",
    title: "a run dim without an upper bound",
    text: `With \`where N <= 1024\` the compiler can say how much memory a run needs at most. A program is right without
one, so this is told only where it was asked for: \`tfgc check --bounds\`.

${silence("unbounded_dim")}`,
    wrong: "graph g[N] {\n  input x: f32[N, 4]\n  output y = relu(x)\n}",
    right: "graph g[N] where N <= 1024 {\n  input x: f32[N, 4]\n  output y = relu(x)\n}",
  },
  {
    code: "TFG0903",
    title: "three or more layers of one kind without names",
    text: `Their variables are numbered in the order of the text: \`dense\`, \`dense_1\`, \`dense_2\`. A layer that is inserted
above renames the weights of those below, and a checkpoint no longer fits, or fits the wrong ones. A \`name=\` stays. In
\`repeat\` the name may hold the index: \`name="block{i}"\`.

${silence("unnamed_layers")}`,
    wrong: `graph g[N] {
  input x: f32[N, 8]
  output y = x |> dense(8) |> dense(8) |> dense(8)
}`,
    right: `graph g[N] {
  input x: f32[N, 8]
  output y = x |> dense(8, name="dense") |> dense(8, name="dense_1") |> dense(8, name="dense_2")
}`,
  },
  {
    code: "TFG0904",
    title: "a division of ints that drops a remainder",
    text: `\`/\` on ints rounds down, so \`1 / 2\` is 0. For a fraction let one of the numbers be a float, to round up write
\`ceil_div(a, b)\`. Nothing is said of the middle of a window, \`TAPS / 2\`, of \`n / k * k\`, or of sizes that depend on
run dims or on the arguments of a function, where rounding down is the rule.

${silence("dropped_remainder")}`,
    wrong: "graph g[N] {\n  input x: f32[N]\n  output y = x * (1 / 2)\n}",
    right: "graph g[N] {\n  input x: f32[N]\n  output y = x * (1.0 / 2)\n}",
  },
  {
    code: "TFG0905",
    title: "a function that hides one of the standard library",
    text: `A local name wins over one of the library, in this file and only there. Choose another name, or say that it is
meant.

${silence("hidden_library_name")}`,
    wrong: `def relu[N](x: f32[N]) -> f32[N] = max(x, 0.01 * x)
graph g[N] {
  input x: f32[N]
  output y = relu(x)
}`,
    right: `def slope[N](x: f32[N]) -> f32[N] = max(x, 0.01 * x)
graph g[N] {
  input x: f32[N]
  output y = slope(x)
}`,
  },
  {
    code: "TFG0906",
    title: "a name that nothing reads",
    text: `A node, a variable, a parameter or an import that nothing reads has no effect. Often an \`output\` is missing, or
another name was read by mistake. A name that begins with \`_\` is let pass.

${silence("unused")}`,
    wrong: "graph g[N] {\n  input x: f32[N]\n  scaled = 2 * x\n  output y = relu(x)\n}",
    right: "graph g[N] {\n  input x: f32[N]\n  scaled = 2 * x\n  output y = relu(scaled)\n}",
  },
  {
    code: "TFG0907",
    title: "a use of something deprecated",
    text: `The declaration is marked \`@deprecated("…")\`; the message repeats what it says to write instead.

${silence("deprecated")}`,
    wrong: `@deprecated("write \`leaky_relu\`") def leak[N](x: f32[N]) -> f32[N] = max(x, 0.2 * x)
graph g[N] {
  input x: f32[N]
  output y = leak(x)
}`,
    right: "graph g[N] {\n  input x: f32[N]\n  output y = leaky_relu(x)\n}",
  },
  {
    code: "TFG0908",
    title: "statements that are never reached",
    text: `What stands behind a \`return\`, or behind an \`if\` of which every branch returns, is not part of the function.

${silence("unreachable")}`,
    wrong: `def f[N](x: f32[N]) -> f32[N] {
  return x
  return 2 * x
}
graph g[N] {
  input x: f32[N]
  output y = f(x)
}`,
    right: `def f[N](x: f32[N]) -> f32[N] {
  return 2 * x
}
graph g[N] {
  input x: f32[N]
  output y = f(x)
}`,
  },
  {
    code: "TFG0909",
    title: "a comment that looks like a division",
    text: `\`//\` begins a comment. What Python writes \`x // 2\` is \`x / 2\` here if \`x\` is an integer, as \`/\` rounds
down then.

${silence("commented_division")}`,
    wrong: "graph g[N] {\n  input x: i32[N]\n  output y = x // 2\n}",
    right: "graph g[N] {\n  input x: i32[N]\n  output y = x / 2\n}",
  },
];
