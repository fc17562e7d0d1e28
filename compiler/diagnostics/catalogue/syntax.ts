/** 01xx: what cannot be read. */
import type { Entry } from "../catalogue.ts";

export const syntax: readonly Entry[] = [
  {
    code: "TFG0101",
    title: "the text does not fit the grammar",
    text: `The message says what was expected and points just behind the last word that fits. Where a bracket is missing
it also shows the bracket that was opened.

The compiler goes on with the next statement, so that several mistakes are reported in one run.`,
    wrong: "graph g[N] {\n  input x: f32[N, 784\n  output y = x\n}",
    right: "graph g[N] {\n  input x: f32[N, 784]\n  output y = x\n}",
  },
  {
    code: "TFG0102",
    title: "a semicolon between statements",
    text: "A statement ends where the next one begins: every statement starts with a name, a keyword or an attribute.",
    wrong: "graph g {\n  a = 1;\n  output y = a\n}",
    right: "graph g {\n  a = 1\n  output y = a\n}",
  },
  {
    code: "TFG0103",
    title: "two values without an operator between them",
    text: "A product is always written with `*`.",
    wrong: "graph g[N] {\n  input x: f32[N]\n  output y = 2 x\n}",
    right: "graph g[N] {\n  input x: f32[N]\n  output y = 2 * x\n}",
  },
  {
    code: "TFG0104",
    title: "a conditional expression in the order of Python",
    text: "The condition comes first: `if c then a else b`.",
    wrong: "graph g[N] {\n  input x: f32[N]\n  output y = relu(x) if training else x\n}",
    right: "graph g[N] {\n  input x: f32[N]\n  output y = if training then relu(x) else x\n}",
  },
  {
    code: "TFG0105",
    title: "a matrix product that reads as an attribute",
    text: '`@` followed at once by a letter begins an attribute, as `@name("w")`. The matrix product stands between spaces.',
    wrong: "graph g[N] {\n  input x: f32[N, 4]\n  param w: f32[4, 2]\n  output y = x@w\n}",
    right: "graph g[N] {\n  input x: f32[N, 4]\n  param w: f32[4, 2]\n  output y = x @ w\n}",
  },
  {
    code: "TFG0106",
    title: "a construct that is not built yet",
    text: "The program may be right, but this version of the compiler cannot translate it. It never guesses.",
  },
  {
    code: "TFG0107",
    title: "a variable that is assigned with `=`",
    text: `\`=\` binds a new node and \`:=\` updates a variable when the run ends. A name is bound once, so \`=\` cannot mean
both.`,
    wrong: "graph g {\n  param w: f32[3] = zeros\n  step decay {\n    w = 0.9 * w\n  }\n}",
    right: "graph g {\n  param w: f32[3] = zeros\n  step decay {\n    w := 0.9 * w\n  }\n}",
  },
];
