import { parse } from "./read.ts";
import { render } from "../compiler/diagnostics/render.ts";
import { sourceFile } from "./source.ts";
const cases: string[] = [
  `graph g {
  input x: f32[3]
  a = f(x, 
  b = relu(x)
  c = 1 + 
  output y = a
`,
  `graph g {
  input x: f32[3]
  output y = x
graph h {
  output z = 3 $ 4
  w = "abc
  v = 'single' + “smart”
  q = 1. + .5 + 1e + 0x + 1_000
}`,
  `graph g {
  h = conv2d(x, 32
             kernel_size=3)
  i = conv2d(x 32, act=relu kernel=3)
  j = f(a, b,)
  k = [1, 2, 3,]
  l = x |> relu + 1
  m = a == b == c
  relu(x)
  for i in 3 { }
  inptu z: f32
  input new: f32
  x += 1
  n = a and not b or c
  o = map(x, lambda a, b: a + b)
  p = f(**kwargs)
  q = a ? b : c
  r = a && && b
}`,
  `grph g {
  input x: f32
}
output y = 3
def f(x: f32 -> f32 = x
def g(x f32) -> f32 = x
layer l(x: f32) -> f32 {
  return x
}
}
graph ok { output y = 1 }`,
  `graph g {
  scope "a" {
    x = )
    y = 3
  }
  if a { b = } else { c = 4 4 }
  def f(x: f32) -> f32 = x
  output y = x@w @ relu(x)@v
  z = scan(xs, fn(h, x) { s = h +  return s })
  # comment
  k = x[1, :, ...
  out = 3
}`,
  "graph g { y = " + "(".repeat(10000) + "1" + ")".repeat(10000) + " z = }",
  "graph g { y = " +
    "-".repeat(10000) +
    "1  z = 1" +
    "+1".repeat(5000) +
    "\n w = " +
    "1 ** ".repeat(5000) +
    "1\n }\n graph h { x = }",
  "/* abc\n graph g {",
  "}",
  "graph",
  "graph g",
  "graph g {",
  "import { a, } from 3",
  'import a from "x"',
  'graph g { a = "x{i + }y{" + "{}" + "{a b}" + "\\q" }',
];
for (const c of cases) {
  const t0 = performance.now();
  const { tree, diagnostics } = parse(sourceFile("t.tfg", c));
  const ms = performance.now() - t0;
  console.log(
    "=======",
    ms.toFixed(1),
    "ms",
    tree.declarations
      .map(
        (d) =>
          d.kind +
          ("items" in d
            ? "(" +
              d.items
                .map(
                  (i) =>
                    i.kind +
                    ":" +
                    ("name" in i && i.name && "text" in i.name
                      ? i.name.text
                      : "names" in i
                        ? i.names.map((n) => n.text)
                        : ""),
                )
                .join(" ") +
              ")"
            : ""),
      )
      .join(" ")
      .slice(0, 400),
  );
  for (const d of diagnostics) console.log(render(d));
}
