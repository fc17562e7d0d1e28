/** 04xx to 06xx: variables and effects, gradients, modules. */
import type { Entry } from "../catalogue.ts";

export const variables: readonly Entry[] = [
  {
    code: "TFG0402",
    title: "a variable inside a `def`",
    text: "A `def` is a pure function. Only a `layer` or a `graph` owns variables, and only they may call layers.",
    wrong: `def head[..B, I](x: f32[..B, I]) -> f32[..B, 10] {
  param w: f32[I, 10] = zeros
  return x @ w
}`,
    right: `layer head[..B, I](x: f32[..B, I]) -> f32[..B, 10] {
  param w: f32[I, 10] = zeros
  return x @ w
}`,
  },
  {
    code: "TFG0403",
    title: "an update outside of a step",
    text: "In a graph an update belongs to a `step`, which is fetched to make it happen.",
    wrong: "graph g {\n  param w: f32[3] = ones\n  w := 0.9 * w\n  output y = w\n}",
    right: "graph g {\n  param w: f32[3] = ones\n  step decay { w := 0.9 * w }\n  output y = w\n}",
  },
  {
    code: "TFG0404",
    title: "two layers of one name",
    text: "To share the weights write `reuse=`; for separate weights choose another name.",
    wrong: `graph g[N] {
  input a: f32[N, 8]
  on_a = dense(a, 1, name="disc")
  on_b = dense(a, 1, name="disc")
  output y = on_a + on_b
}`,
    right: `graph g[N] {
  input a: f32[N, 8]
  on_a = dense(a, 1, name="disc")
  on_b = dense(a, 1, name="disc_b")
  output y = on_a + on_b
}`,
  },
  {
    code: "TFG0405",
    title: "`reuse=` of a layer that does not fit",
    text: "`reuse=` names an instance of the same layer, with variables of the same types, in the same graph.",
    wrong: `graph g[N] {
  input a: f32[N, 8]
  input b: f32[N, 8]
  on_a = dense(a, 1, name="disc")
  output y = on_a + dense(b, 1, reuse="disk")
}`,
    right: `graph g[N] {
  input a: f32[N, 8]
  input b: f32[N, 8]
  on_a = dense(a, 1, name="disc")
  output y = on_a + dense(b, 1, reuse="disc")
}`,
  },
  {
    code: "TFG0406",
    title: "a variable that is updated twice in one run",
    text: "All updates are committed together at the end of a run, so two of them would contradict each other.",
    wrong: `graph g {
  state count: i32 = 0
  step tick {
    count := count + 1
    count := count + 2
  }
  output y = count
}`,
    right: "graph g {\n  state count: i32 = 0\n  step tick { count := count + 3 }\n  output y = count\n}",
  },
  {
    code: "TFG0407",
    title: "a quantised parameter that would be trained",
    text: "Parameters of type q8 or q4 hold rounded weights; they can be read, not trained.",
  },
  {
    code: "TFG0410",
    title: "a function that calls itself",
    text: "Calls are written out when compiling, so there is no recursion. The message shows the cycle.",
    wrong: `def halved[N](x: f32[N], times: int) -> f32[N]
  = if times == 0 then x else halved(0.5 * x, times - 1)
graph g[N] {
  input x: f32[N]
  output y = halved(x, 3)
}`,
    right: `graph g[N] {
  input x: f32[N]
  output y = repeat(x, 3, fn(h, i) => 0.5 * h)
}`,
  },
  {
    code: "TFG0411",
    title: "an update inside of a loop",
    text: "`:=` commits once, at the end of a run. What changes from one turn of a `scan` or `while` to the next is its carry.",
    wrong: `graph g[T] {
  input x: f32[T]
  state total: f32 = 0.0
  step add {
    last = scan(x, init=0.0, over=T, fn(h, v) {
      total := total + v
      return h + v
    })
  }
  output y = total
}`,
    right: `graph g[T] {
  input x: f32[T]
  state total: f32 = 0.0
  step add { total := scan(x, init=total, over=T, fn(h, v) => h + v) }
  output y = total
}`,
  },
  {
    code: "TFG0501",
    title: "a value that does not depend on what it is differentiated by",
    text: "Its gradient is zero everywhere, so a train step would do nothing. The label shows where the path ends.",
    wrong: `graph g[N] {
  input x: f32[N, 4]
  y = x |> dense(1)
  loss = mean(stop_gradient(y) ** 2)
  train step = minimize(loss, adam())
}`,
    right: `graph g[N] {
  input x: f32[N, 4]
  y = x |> dense(1)
  loss = mean(y ** 2)
  train step = minimize(loss, adam())
}`,
  },
  {
    code: "TFG0502",
    title: "a gradient of something that is no scalar",
    text: "A loss is one number, usually the mean over the examples.",
    wrong: `graph g[N] {
  input x: f32[N, 4]
  e = (x |> dense(1))[:, 0] ** 2
  train step = minimize(e, sgd())
}`,
    right: `graph g[N] {
  input x: f32[N, 4]
  e = (x |> dense(1))[:, 0] ** 2
  train step = minimize(mean(e), sgd())
}`,
  },
  {
    code: "TFG0503",
    title: "a gradient of integers",
    text: "A derivative says what a small step does, and integers and bools do not take small steps. Only f32 tensors are differentiated, and only with respect to f32 tensors.",
    wrong: `graph g[N] {
  input ids: i32[N]
  loss = mean((ids as f32) ** 2)
  output y = grad(loss, ids)
}`,
    right: `graph g[N] {
  input ids: i32[N]
  x = ids as f32
  loss = mean(x ** 2)
  output y = grad(loss, x)
}`,
  },
  {
    code: "TFG0504",
    title: "the adjoint of a function that is not linear",
    text: "`adjoint(f, x, shape=…)` applies the transpose of a linear function. Linear are sums, products with what does not depend on the argument, and all that moves elements; the label shows the first operation that is neither.",
    wrong: `graph g[N] {
  input x: f32[N, 4]
  output y = adjoint(fn(z) => exp(2 * z), x, shape=[N, 4])
}`,
    right: `graph g[N] {
  input x: f32[N, 4]
  output y = adjoint(fn(z) => 2 * z, x, shape=[N, 4])
}`,
  },
  {
    code: "TFG0601",
    title: "a file that cannot be read",
    text: "Paths are relative to the file that imports, or to the folder from which the command is started.",
    wrong: 'import { block } from "blocks"\ngraph g[N] {\n  input x: f32[N, 4]\n  output y = x |> block\n}',
  },
  {
    code: "TFG0602",
    title: "a name that a module does not have",
    text: "Everything at the top level of a module can be imported, except names that begin with `_`.",
    wrong: 'import { dence } from "std/nn"\ngraph g[N] {\n  input x: f32[N, 4]\n  output y = x |> dence(2)\n}',
    right: 'import { dense } from "std/nn"\ngraph g[N] {\n  input x: f32[N, 4]\n  output y = x |> dense(2)\n}',
  },
  {
    code: "TFG0603",
    title: "an empty file",
    text: "The file has no declaration: nothing but white space and comments.",
    wrong: "\n",
  },
];
