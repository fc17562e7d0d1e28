/** Reading right programs: every construct of the grammar, precedence, spans, documentation. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Expression, SyntaxFile } from "../grammar/syntax.ts";
import { Grammar } from "../grammar/parser.ts";
import { printSyntax } from "../grammar/print.ts";
import { expectations } from "../grammar/repair.ts";
import { spanText } from "../grammar/source.ts";
import { read, strayingSpans } from "./grammar-mutations.ts";

const root = join(import.meta.dirname, "..");

/** The tree of a program that must have no mistake. */
function tree(text: string): SyntaxFile {
  const reading = read(text);
  assert.equal(
    reading.diagnostics.map(({ message }) => message),
    [],
    text,
  );
  assert.equal(strayingSpans(reading), []);
  return reading.tree;
}

function expression(text: string): Expression {
  const [declaration] = tree(`const probe = ${text}`).declarations;
  assert.ok(declaration?.kind === "const");
  return declaration.value;
}

/** An expression with all its parentheses. */
function shape(node: Expression): string {
  switch (node.kind) {
    case "number":
      return `${node.value}${node.isFloat ? "f" : ""}`;
    case "string":
      return `"${node.parts.map((part) => ("text" in part ? part.text : `{${shape(part.value)}}`)).join("")}"`;
    case "boolean":
      return String(node.value);
    case "name":
      return node.name;
    case "list":
      return `[${node.items.map(({ spread, value }) => (spread ? ".." : "") + shape(value)).join(" ")}]`;
    case "unary":
      return `(${node.operator}${shape(node.operand)})`;
    case "binary":
      return `(${shape(node.left)} ${node.operator} ${shape(node.right)})`;
    case "pipe":
      return `(${shape(node.left)} |> ${shape(node.right)})`;
    case "coalesce":
      return `(${shape(node.value)} ?? ${shape(node.outside)})`;
    case "cast":
      return `(${shape(node.value)} as ${node.to.text})`;
    case "member":
      return `${shape(node.value)}.${node.name.text}`;
    case "call":
      return `${shape(node.callee)}(${node.args.map(({ name, value }) => (name ? `${name.text}=` : "") + shape(value)).join(" ")})`;
    case "index":
      return `${shape(node.value)}[${node.slices.map(sliceShape).join(" ")}]`;
    case "comprehension":
      return `${node.callee.text}{${node.binders.map(({ name, extent }) => `${name.text} in ${shape(extent)}`).join(" ")}: ${shape(node.body)}}`;
    case "conditional":
      return `(if ${shape(node.condition)} ${shape(node.then)} ${shape(node.else)})`;
    case "lambda": {
      const names = node.patterns.map(({ names: parts, isTuple }) => {
        const text = parts.map((part) => part.text).join(" ");
        return isTuple ? `(${text})` : text;
      });
      const { body } = node;
      return `fn(${names.join(" ")})${body.kind === "block" ? `{${body.statements.length}}` : shape(body)}`;
    }
    case "parenthesized":
      return `<${shape(node.value)}>`;
    case "error":
      return "error";
  }
}

type Slice = Extract<Expression, { kind: "index" }>["slices"][number];

function sliceShape(slice: Slice): string {
  if (slice.kind === "rest") return "...";
  if (slice.kind === "new") return "new";
  if (slice.kind === "at") return shape(slice.value);
  return [slice.from, slice.to, slice.step].map((part) => (part === undefined ? "" : shape(part))).join(":");
}

function reads(text: string, expected: string): void {
  assert.is(shape(expression(text)), expected, text);
}

// ---- the grammar itself ----------------------------------------------------------------------------

const grammar = suite("grammar");

grammar("is valid: no ambiguity, no left recursion, nothing unreachable", () => {
  new Grammar(expectations, false);
});

grammar("reads every program of the repository without a message, with spans inside of each other", () => {
  const files = globSync(["compiler/std/*.tfg", "samples/**/*.tfg"], { cwd: root });
  assert.ok(files.length >= 2);
  for (const file of files) tree(readFileSync(join(root, file), "utf8"));
});

grammar("reads nothing from an empty file, from white space and from comments", () => {
  for (const text of ["", "\n", " \t\r\n", "// a\n/* b */ /** c **/ /// d\n//// e", "\uFEFF"]) {
    assert.equal(tree(text).declarations, []);
  }
});

grammar.run();

// ---- declarations and statements ---------------------------------------------------------------------

const declarations = suite("declarations");

const everything = `import { a, b as c } from "std/nn"
import * as all from "./all.tfg"
/// How many.
config K: int = 3
const L = [1, 2]
const M: f32 = 1.0
@checkpoint @gradient(fn(x, y, dy) => dy) def plain(x: f32) -> f32 = x
def full[T: float, N, ..S](@a x: T[N, ..S], f: fn = plain, q: q4(block=32)[N]) -> (u: T, v: f32[2])
    where N > 1, N % 2 == 0 {
  return x, 1
}
layer none() { }
optimizer sgd(lr: f32 = 0.01) for p, g { @name("Slot") state m: like p = 0
  p := p - lr * g }
graph g[N, T] where N <= 4 {
  @accepts(i64) input ids: i32[N]
  input rate: f32 = 0.1
  output y
  output z: f32[N] = y
  output s = y
  param w: f32[3] = zeros
  param v: f32[]
  state t: i32 = 0
  train fit = minimize(y, sgd())
  step tick { t := t + 1 }
  y = 1
  h, k = f(y)
  r: f32[N] = y
  assert N > 2, "too few"
  assert N > 2
  if N > 3 { o = 1 } else if N > 2 { o = 2 } else { o = 3 }
  if training { }
  scope "in" { p = 1 }
}
test "adds" { assert 1 + 1 == 2 }
`;

declarations("every kind is read, with its parts", () => {
  const file = tree(everything);
  assert.equal(
    file.declarations.map(({ kind }) => kind),
    ["import", "import", "config", "const", "const", "function", "function", "function", "optimizer", "graph", "test"],
  );
  const graph = file.declarations.find((declaration) => declaration.kind === "graph");
  assert.ok(graph);
  assert.equal(
    graph.items.map(({ kind }) => kind),
    [
      ...["input", "input", "output", "output", "output", "param", "param", "state", "train", "step"],
      ...["binding", "binding", "binding", "assert", "assert", "if", "if", "scope"],
    ],
  );
});

declarations("are printed as a stable tree", () => {
  const text = printSyntax(tree("graph g[N] {\n  /// Twice.\n  output y: f32[N] = 2 * x[..., 0]\n}\n"));
  assert.is(
    text,
    `file 1:1-5:1
  graph 1:1-4:2 name=g
    generics: dim 1:9-1:10 name=N
    output 3:3-3:35 doc="Twice." name=y
      type: type 3:13-3:19 name=f32
        dims: expr 3:17-3:18
          value: name 3:17-3:18 name="N"
      value: binary 3:22-3:35 operator="*"
        left: number 3:22-3:23 value=2 isFloat=false
        right: index 3:26-3:35
          value: name 3:26-3:27 name="x"
          slices: rest 3:28-3:31
          slices: at 3:33-3:34
            value: number 3:33-3:34 value=0 isFloat=false
`,
  );
});

declarations("generics are dims, packs and dtypes; parameters have types, `fn`, defaults and attributes", () => {
  const full = tree(everything).declarations[6];
  assert.ok(full?.kind === "function");
  assert.equal(
    full.generics.map((generic) => [generic.kind, generic.name.text, generic.kind === "dtype" ? generic.class : ""]),
    [
      ["dtype", "T", "float"],
      ["dim", "N", ""],
      ["pack", "S", ""],
    ],
  );
  const [x, f, q] = full.params;
  assert.is(x?.attributes[0]?.name.text, "a");
  assert.ok(x !== undefined && x.type !== "fn" && x.type.dims?.[1]?.kind === "pack");
  assert.is(f?.type, "fn");
  assert.is(f?.default?.kind, "name");
  assert.ok(q !== undefined && q.type !== "fn" && q.type.args?.[0]?.name?.text === "block");
  assert.is(full.result?.kind, "named");
  assert.is(full.where.length, 2);
  assert.is(full.form, "def");
  assert.is(spanText(full.keyword), "def");
});

declarations("a shape without dimensions differs from no shape", () => {
  const graph = tree(everything).declarations[9];
  assert.ok(graph?.kind === "graph");
  const [, v] = graph.items.filter((item) => item.kind === "param");
  assert.equal(v?.type.dims, []);
  const rate = graph.items[1];
  assert.ok(rate?.kind === "input" && rate.type.dims === undefined);
});

declarations("`else if` is an `if` within the `else`", () => {
  const graph = tree(everything).declarations[9];
  assert.ok(graph?.kind === "graph");
  const first = graph.items.find((item) => item.kind === "if");
  assert.ok(first?.else?.kind === "if");
  assert.is(spanText(first.else.span), "if N > 2 { o = 2 } else { o = 3 }");
  assert.ok(first.else.else?.kind === "block");
});

declarations("words that start statements are names everywhere else", () => {
  const words = "config layer optimizer graph test param state input output train step scope".split(" ");
  for (const word of words) {
    const graph = tree(
      `graph ${word}[${word}] { ${word} = 1 ${word} := 2 ${word}, a = 3 ${word}: f32 = ${word} b = ${word}(${word}=${word}).${word} }`,
    ).declarations[0];
    assert.ok(graph?.kind === "graph");
    assert.equal(
      graph.items.map(({ kind }) => kind),
      ["binding", "update", "binding", "binding", "binding"],
      word,
    );
  }
  const graph = tree("graph g { train step = f()\n output input = 1\n input output: f32\n step train { } }")
    .declarations[0];
  assert.ok(graph?.kind === "graph");
  assert.equal(
    graph.items.map((item) => ("name" in item && "text" in item.name ? `${item.kind} ${item.name.text}` : "")),
    ["train step", "output input", "input output", "step train"],
  );
});

declarations("the words of other languages' operators are names where they can be nothing else", () => {
  for (const word of ["and", "or", "not", "lambda"]) {
    tree(`layer ${word}(x: f32) -> f32 = x - 1`);
    const graph = tree(
      `graph ${word}[N] { ${word} = [1] output x = ${word} - 1 output y = ${word}[0] - f(${word}, 1) }`,
    ).declarations[0];
    assert.ok(graph?.kind === "graph");
    assert.equal(
      graph.items.map(({ kind }) => kind),
      ["binding", "output", "output"],
      word,
    );
  }
});

declarations("attributes may follow each other on a line", () => {
  const graph = tree('graph g { param a: f32 @b("c") @d @e @f(1) param w: f32 @g("h") @i\nparam v: f32 }')
    .declarations[0];
  assert.ok(graph?.kind === "graph");
  assert.equal(
    graph.items.map(({ attributes }) => attributes.map(({ name }) => name.text)),
    [[], ["b", "d", "e", "f"], ["g", "i"]],
  );
});

declarations("statements need no separator, on one line or on several", () => {
  const graph = tree("graph g { a = 1 b = 2 c := 3 d, e = 4 output f param h: f32 = zeros state s: f32 i = [1] }")
    .declarations[0];
  assert.ok(graph?.kind === "graph");
  assert.is(graph.items.length, 8);
});

declarations("documentation belongs to the next declaration, statement, item or parameter", () => {
  const file = tree(`/// About the file.

/// About g,
///   in two lines.
@a graph g {
  a = 1 /// Of b.
  // not documentation
  b = 2
  //// nor this
  c = 3
}
def f(
  /// The argument.
  x: f32) = x
`);
  const [g, f] = file.declarations;
  assert.ok(g?.kind === "graph" && f?.kind === "function");
  assert.is(g.doc, "About g,\n  in two lines.");
  assert.equal(
    g.items.map(({ doc }) => doc),
    ["", "Of b.", ""],
  );
  assert.is(f.params[0]?.doc, "The argument.");
});

declarations.run();

// ---- expressions ---------------------------------------------------------------------------------

const expressions = suite("expressions");

expressions("operators bind as the grammar has it", () => {
  reads("a || b && c == d .. e + f * -g ** h", "(a || (b && (c == (d .. (e + (f * (-(g ** h))))))))");
  reads("-x ** 2", "(-(x ** 2))");
  reads("2 ** -x ** 3", "(2 ** (-(x ** 3)))");
  reads("2 ** -x * y", "((2 ** (-x)) * y)");
  reads("a ** b ** c", "(a ** (b ** c))");
  reads("a - b - c", "((a - b) - c)");
  reads("a / b * c % d @ e", "((((a / b) * c) % d) @ e)");
  reads("--x", "(-(-x))");
  reads("!a && !b", "((!a) && (!b))");
  reads("-a.b", "(-a.b)");
  reads("(a < b) == false", "(<(a < b)> == false)");
});

expressions("a pipe binds loosest, and its stages are calls, names and members", () => {
  reads("a + b |> relu |> f(1) |> m.g", "((((a + b) |> relu) |> f(1)) |> m.g)");
  reads("x |> f[0]", "(x |> f[0])");
});

expressions("`as` binds tighter than signs and operators, `??` tighter than powers", () => {
  reads("-x as f32 * y", "((-(x as f32)) * y)");
  reads("a as f32 as i32", "((a as f32) as i32)");
  reads("x[i] ?? 0.0 * k", "((x[i] ?? 0f) * k)");
  reads("x[i] ?? -inf", "(x[i] ?? (-inf))");
  reads("-x[i] ?? 1 ** 2", "(-((x[i] ?? 1) ** 2))");
});

expressions("ranges need no spaces, and numbers with dots have digits on both sides", () => {
  reads("0..12", "(0 .. 12)");
  reads("0 .. n - 1", "(0 .. (n - 1))");
  reads("[1.5, 2e3, 2.5E-3, 0x1F, 007]", "[1.5f 2000f 0.0025f 31 7]");
});

expressions("a call has arguments or binds indices", () => {
  reads("f()", "f()");
  reads("f(a, b=c)(d)", "f(a b=c)(d)");
  reads(
    "tensor(i in M, j in N: sum(k in K: a[i, k] * b[k, j]))",
    "tensor{i in M j in N: sum{k in K: (a[i k] * b[k j])}}",
  );
  reads("f(i, x[a:b])", "f(i x[a:b:])");
});

expressions("slices may be anything between colons", () => {
  reads("x[:, new, ..., 1:2:3]", "x[:: new ... 1:2:3]");
  reads("x[1:, :2, ::3, 1::2, :2:3, -1, a:b]", "x[1:: :2: ::3 1::2 :2:3 (-1) a:b:]");
});

expressions("lists spread packs", () => {
  reads("[]", "[]");
  reads("[1, ..S, [2]]", "[1 ..S [2]]");
});

expressions("conditions and functions are expressions", () => {
  reads("if a then b else if c then d else e", "(if a b (if c d e))");
  reads("1 + (if a then b else c)", "(1 + <(if a b c)>)");
  reads("fn() => 1", "fn()1");
  reads("fn(h, (a, b)) => h + a", "fn(h (a b))(h + a)");
  reads("scan(xs, init=[h], over=T, fn(h, x) { y = h return y, y })", "scan(xs init=[h] over=T fn(h x){2})");
});

expressions("strings have holes and escapes", () => {
  reads('"h{i}"', '"h{i}"');
  reads('"{a + 1}-{f(b)}"', '"{(a + 1)}-{f(b)}"');
  reads('"a\\"b\\\\c\\{d\\}\\t"', '"a"b\\c{d}\t"');
  reads('""', '""');
  reads('"b t (h d) -> b t h d"', '"b t (h d) -> b t h d"');
});

expressions("the parts of a string stand where they are written", () => {
  const value = expression('"layer {i + 1}!"');
  assert.ok(value.kind === "string");
  assert.equal(
    value.parts.map(({ span }) => spanText(span)),
    ["layer ", "{i + 1}", "!"],
  );
  const [, hole] = value.parts;
  assert.ok(hole !== undefined && "value" in hole && hole.value.kind === "binary");
  assert.is(spanText(hole.value.right.span), "1");
});

expressions("spans are the source of each node", () => {
  const value = expression("(a + b)[0].c |> f(x, y=2)");
  assert.ok(value.kind === "pipe" && value.left.kind === "member" && value.right.kind === "call");
  assert.is(spanText(value.span), "(a + b)[0].c |> f(x, y=2)");
  assert.is(spanText(value.left.value.span), "(a + b)[0]");
  assert.is(spanText(value.right.args[1]?.span ?? value.span), "y=2");
});

expressions("a line that goes on may begin with an operator, a pipe or `else`", () => {
  reads("a\n  + b\n  |> f\n  |> g(1)", "(((a + b) |> f) |> g(1))");
  reads("if a\n then b\n else c", "(if a b c)");
});

expressions.run();
