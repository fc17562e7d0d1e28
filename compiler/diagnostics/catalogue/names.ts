/** 02xx: names and arguments. */
import type { Entry } from "../catalogue.ts";

export const names: readonly Entry[] = [
  {
    code: "TFG0201",
    title: "an unknown name",
    text: `The name is neither bound here nor declared at top level, imported, or part of the standard library. Names are
case-sensitive. If a name is near, the message proposes it.`,
    wrong: "graph g[N] {\n  input image: f32[N, 28, 28, 1]\n  output y = image |> conv2D(32, 3, relu)\n}",
    right: "graph g[N] {\n  input image: f32[N, 28, 28, 1]\n  output y = image |> conv2d(32, 3, relu)\n}",
  },
  {
    code: "TFG0202",
    title: "a name that is bound twice",
    text: `A name is one node of the graph: it can be fetched, and it means the same wherever it is read. Give the second
node its own name, or join the steps by pipes so that the one between needs none.`,
    wrong: "graph g[N] {\n  input h: f32[N, 8]\n  x = relu(h)\n  x = dense(x, 10)\n  output y = x\n}",
    right: "graph g[N] {\n  input h: f32[N, 8]\n  x = h |> relu |> dense(10)\n  output y = x\n}",
  },
  {
    code: "TFG0203",
    title: "an unknown argument",
    text: "The function has no argument of this name. The note lists those that it has, with their defaults.",
    wrong: "graph g[N] {\n  input image: f32[N, 28, 28, 1]\n  output y = image |> conv2d(filters=32, kernal_size=3)\n}",
    right: "graph g[N] {\n  input image: f32[N, 28, 28, 1]\n  output y = image |> conv2d(filters=32, kernel_size=3)\n}",
  },
  {
    code: "TFG0204",
    title: "nodes that need each other",
    text: "A graph has no cycles. A value that is carried from one run to the next is a `state`, updated with `:=`.",
    wrong: "graph g[N] {\n  input e: f32[N]\n  loss = mean(scale * e)\n  scale = 1 / loss\n  output y = loss\n}",
    right: "graph g[N] {\n  input e: f32[N]\n  loss = mean(scale * e)\n  scale = 1 / max(e)\n  output y = loss\n}",
  },
  {
    code: "TFG0205",
    title: "an unknown dimension",
    text: `Dimensions are declared before they are used: \`graph g[N]\`, \`def f[N](…)\`. A misspelt one is an error and not a
new dimension.`,
    wrong: "graph g[Batch] {\n  input y: i32[Btach]\n  output z = y\n}",
    right: "graph g[Batch] {\n  input y: i32[Batch]\n  output z = y\n}",
  },
  {
    code: "TFG0206",
    title: "an input that nothing uses",
    text: "No output and no step reads the input, so it could never be fed. A name that begins with `_` is let pass.",
    wrong: "graph g[N] {\n  input x: f32[N, 4]\n  input label: i32[N]\n  output y = relu(x)\n}",
    right: "graph g[N] {\n  input x: f32[N, 4]\n  input _label: i32[N]\n  output y = relu(x)\n}",
  },
  {
    code: "TFG0207",
    title: "`None` as a dimension",
    text: "A size that is only known when the graph runs has a name: `graph g[N] { input image: f32[N, 28, 28, 1] … }`.",
    wrong: "graph g {\n  input image: f32[None, 4]\n  output y = relu(image)\n}",
    right: "graph g[N] {\n  input image: f32[N, 4]\n  output y = relu(image)\n}",
  },
  {
    code: "TFG0208",
    title: "a missing argument",
    text: "The function has a parameter without a default value, and the call gives none.",
    wrong: "graph g[N] {\n  input x: f32[N, 4]\n  output y = dense(x)\n}",
    right: "graph g[N] {\n  input x: f32[N, 4]\n  output y = dense(x, 10)\n}",
  },
  {
    code: "TFG0209",
    title: "too many arguments",
    text: "The call gives more arguments than the function has, or one of them twice.",
    wrong: "graph g[N] {\n  input x: f32[N, 4]\n  output y = relu(x, 3)\n}",
    right: "graph g[N] {\n  input x: f32[N, 4]\n  output y = relu(x)\n}",
  },
  {
    code: "TFG0210",
    title: "an argument of the wrong kind",
    text: `A tensor, a compile-time number, a string, a list and a function are different kinds; the argument is of another
one than the parameter, or its value makes no sense there.`,
    wrong: 'graph g[N] {\n  input x: f32[N, 4]\n  output y = dense(x, "ten")\n}',
    right: "graph g[N] {\n  input x: f32[N, 4]\n  output y = dense(x, 10)\n}",
  },
  {
    code: "TFG0211",
    title: "an unknown dtype",
    text: "The dtypes of tensors are f32, i32, u32 and bool, and f16, bf16, i8 and u8 as storage.",
    wrong: "graph g[N] {\n  input x: float32[N]\n  output y = x\n}",
    right: "graph g[N] {\n  input x: f32[N]\n  output y = x\n}",
  },
  {
    code: "TFG0212",
    title: "an attribute that is unknown or out of place",
    text: `Attributes are a closed list, so that a misspelt one is not silently without effect. Each belongs to certain
declarations or statements, and stands before them once.`,
    wrong: 'graph g {\n  @nane("v") param w: f32[3] = zeros\n  output y = w\n}',
    right: 'graph g {\n  @name("v") param w: f32[3] = zeros\n  output y = w\n}',
  },
];
