/** Reading wrong programs: one message for each mistake, at its place, and everything behind it is still read. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { positionAt } from "../grammar/source.ts";
import { mutate, randomNumbers, read, strayingSpans } from "./grammar-mutations.ts";

const root = join(import.meta.dirname, "..");

/** Each message as `line:column code message`. */
function told(text: string): string[] {
  const reading = read(text);
  assert.equal(strayingSpans(reading), []);
  return reading.diagnostics.map(({ code, message, primary }) => {
    const { line, column } = positionAt(reading.file, primary.span.start);
    return `${line}:${column} ${code} ${message}`;
  });
}

/** The names of what a wrong program still declares and binds. */
function names(text: string): string[] {
  return read(text).tree.declarations.flatMap((declaration) => {
    const own = "name" in declaration && "text" in declaration.name ? [declaration.name.text] : [];
    if (declaration.kind !== "graph") return own;
    const items = declaration.items.flatMap((item) => {
      if ("names" in item) return item.names.map(({ text: name }) => name);
      return "name" in item && "text" in item.name ? [item.name.text] : [item.kind];
    });
    return [...own, ...items];
  });
}

/** The program with every edit of its messages made. */
function repaired(text: string): string {
  const edits = read(text).diagnostics.flatMap(({ helps }) => helps.flatMap((help) => help.edits ?? []));
  let out = text;
  for (const { span, text: put } of edits.toSorted((a, b) => b.span.start - a.span.start)) {
    out = out.slice(0, span.start) + put + out.slice(span.end);
  }
  return out;
}

// ---- several mistakes ----------------------------------------------------------------------------

const recovery = suite("recovery");

recovery("mistakes in several statements and declarations are told in one run", () => {
  const text = `graph g[N] {
  input x: f32[N, 784
  a = f(x,
  b = relu(x)
  c = 1 +
  d = 2 x;
  output y = a
}
def f(x: f32 -> f32 = x
graph h {
  w = )
  z = 3
}
`;
  assert.equal(told(text), [
    "2:22 TFG0101 expected `]` to close the shape of `x`",
    "3:10 TFG0101 expected `)` to close the call of `f`",
    "5:10 TFG0101 expected an expression, found `d`",
    "6:7 TFG0103 missing operator between `2` and `x`",
    "6:10 TFG0102 statements are not separated by `;`",
    "9:13 TFG0101 expected `)` to close the parameters of `f`",
    "11:6 TFG0101 expected an expression, found `)`",
  ]);
  assert.equal(names(text), ["g", "x", "a", "b", "c", "d", "y", "f", "h", "w", "z"]);
});

recovery("a graph that is not closed ends before the next declaration, or at the end of the file", () => {
  const text = "graph g {\n  output y = 1\n\ngraph h {\n  output z = 2\n";
  assert.equal(told(text), [
    "2:15 TFG0101 expected `}` to close the graph `g`",
    "5:15 TFG0101 expected `}` to close the graph `h`",
  ]);
  assert.equal(names(text), ["g", "y", "h", "z"]);
});

recovery("a bracket too many is one mistake, and so is what it cuts off", () => {
  assert.equal(told("graph g { y = f(1)) z = 2 }"), ["1:19 TFG0101 `)` closes nothing"]);
  assert.equal(told("graph g {\n  y = 1\n}\n}\ngraph h { z = }"), [
    "4:1 TFG0101 `}` closes nothing",
    "5:14 TFG0101 expected an expression, found `}`",
  ]);
  assert.equal(told("graph g {\n  y = 1 }\n  z = 2\n  output y\n}\n"), [
    "3:3 TFG0101 a binding belongs in a graph or a function",
  ]);
});

recovery("what is left out of a statement keeps its name", () => {
  const text = "graph g {\n  a = (1 + * 2\n  output b: f32[3] = ]\n  const c = fn =>\n  d = 1\n}";
  assert.is(told(text).length, 3);
  assert.equal(names(text), ["g", "a", "b", "c", "d"]);
});

recovery("a mistake in a block within a block is told there, and the outer statements are whole", () => {
  const text = `graph g {
  scope "a" {
    x = )
    y = 3
  }
  z = scan(xs, fn(h, x) { s = h + return s })
  w = 1
}`;
  assert.equal(told(text), [
    "3:8 TFG0101 expected an expression, found `)`",
    "6:34 TFG0101 expected an expression, found `return`",
  ]);
  assert.equal(names(text), ["g", "scope", "z", "w"]);
});

recovery("lines and columns do not depend on how lines end", () => {
  const lines = ["graph g {", "  a = (1", '  b = "x', "  c = 2 d", "  e = )", "}"];
  const expected = told(lines.join("\n"));
  assert.is(expected.length, 4);
  for (const end of ["\r\n", "\r"]) assert.equal(told(lines.join(end)), expected);
});

recovery("after twenty messages a file says no more", () => {
  assert.is(told(`graph g {\n${"  a = )\n".repeat(50)}}`).length, 20);
});

recovery.run();

// ---- single mistakes -----------------------------------------------------------------------------

const mistakes = suite("mistakes");

/** A statement of a graph, with what is told of it without line and code, and how its edits leave it. */
const statements: readonly (readonly [statement: string, message: string, fixed?: string])[] = [
  ["a = f(1, 2,)", "expected an expression, found `)`", "a = f(1, 2)"],
  ["a = [1, 2", "expected `]` to close the list", "a = [1, 2]"],
  ["a = f(1 2)", "expected `,` before `2`", "a = f(1, 2)"],
  ["a = f(x\n      y=2)", "expected `,` before `y`", "a = f(x,\n      y=2)"],
  ["a = x[1, 2", "expected `]` to close the index of `x`", "a = x[1, 2]"],
  ["a = (1 + 2", "expected `)` to close `(`", "a = (1 + 2)"],
  ["a = f(1} + 2", "expected `)` to close the call of `f`"],
  ["a = (2 x)", "missing operator between `2` and `x`", "a = (2 * x)"],
  ["a = 2x", "missing operator between `2` and `x`", "a = 2 * x"],
  ["a = f(x if c else y)", "a conditional expression is written `if c then a else b`", "a = f(if c then x else y)"],
  ["a = x@w", "`@w` reads as an attribute", "a = x @ w"],
  ["a = f(x)@w + 1", "`@w` reads as an attribute", "a = f(x) @ w + 1"],
  ["a = x @w", "`@w` reads as an attribute", "a = x @ w"],
  ["a = x and y", "`and` is written `&&`", "a = x && y"],
  ["a = not x", "`not` is written `!`", "a = !x"],
  ["a = f(lambda x, y: x)", "a function is written `fn(x) => …`", "a = f(fn(x, y) => x)"],
  ["let a = 1", "a binding has no keyword", "a = 1"],
  ["input a f32[3]", "expected `:`, found `f32`", "input a: f32[3]"],
  ["input a = f32[3]", "`a` needs a type", "input a: f32[3]"],
  ["param a = zeros", "`a` needs a type"],
  ["a: f32[3]", "`a` is declared as nothing"],
  ["while a > 0 { b = 1 }", "there is no `while` statement"],
  ["a = [b for i in 3]", "there is no `for` in a value"],
  ["a = b |> fn(h) => h", "a pipe goes into a name or a call"],
  ["scope enc { a = b }", "expected a string after `scope`, found `enc`", 'scope "enc" { a = b }'],
  ["a = if b then c", "expected `else`, found `z`"],
  ["a = f(b, c c=1)", "`c` is written twice", "a = f(b, c=1)"],
  ["a = f(b, 10x)", "`10x` is neither a number nor a name"],
  ["a = b f(3)", "missing operator between `b` and `f(3)`", "a = b |> f(3)"],
  ["a = b f(c)", "missing operator between `b` and `f(c)`", "a = b * f(c)"],
  ["b |> f", "a value needs a name"],
  ["a = (b, b)", "several values are a list", "a = [b, b]"],
  ["a == b", "expected `=`, found `==`", "a = b"],
  ["a = if b: c else d", "expected `then`, found `:`", "a = if b then c else d"],
  ["a = if b then c else: d", "expected an expression, found `:`", "a = if b then c else d"],
  ["if b: a = c", "expected `{`, found `:`"],
  ["a = where(b > 0, b, 0)", "`where` states a constraint", "a = select(b > 0, b, 0)"],
  ["input a: f32[?, 3]", "`?` is not a dimension"],
  ["a = f(**kwargs)", "arguments are not unpacked with `**`"],
  ["param a: f32\n  a += 1", "`+=` is not part of the language", "param a: f32\n  a := a + 1"],
  ["a += 1", "`+=` is not part of the language"],
  ["a = 1 // 2\n  b = 1 # two", "a comment begins with `//`", "a = 1 // 2\n  b = 1 // two"],
  ["a = 'x'", 'a string is written with `"`', 'a = "x"'],
  ["a = \u201Cx\u201D", 'a string is written with `"`', 'a = "x"'],
  ['a = "x', 'expected `"` to close the string', 'a = "x"'],
  ["a = b \u2212 c", "unknown character `\u2212`", "a = b - c"],
  ["a = b\u00A0+ c", "a no-break space is not part of the language", "a = b + c"],
  ["a = $b", "unknown character `$`"],
  ["a = b ? c : d", "unknown character `?`"],
  ["a = \u00E9t\u00E9", "unknown character `\u00E9`"],
  ["a = b | relu", "unknown character `|`", "a = b |> relu"],
  ["a = 1.", "a number needs digits on both sides of the dot", "a = 1.0"],
  ["a = .5", "a number needs digits on both sides of the dot", "a = 0.5"],
  ["a = 1e", "expected digits in the exponent"],
  ["a = 0x", "expected digits after `0x`"],
  ["a = 1_000", "a number has no `_` between its digits", "a = 1000"],
  ["a = x.1", "results are not selected by number"],
  ["a = f(x).0", "results are not selected by number"],
  ["a = 3.x", "a number needs digits on both sides of the dot"],
  ["a = [1; 2]", "values are separated by `,`", "a = [1, 2]"],
  ["a = f(1);", "statements are not separated by `;`", "a = f(1)"],
  ["a = b = 1", "a statement has one `=`"],
  ["output y := 1", "`:=` updates a variable, and binds no name", "output y = 1"],
  ["return", "expected an expression, found `z`"],
  ["scope a { }", "expected a string after `scope`, found `a`"],
  ["a = 1e999", "this number is too large"],
  ["a = b < c < d", "comparisons do not chain"],
  ["a = b ?? c ?? d", "`??` does not chain"],
  ["a = x |> relu + 1", "`+` cannot follow a pipe"],
  ["a = x |> relu as f32", "`as` cannot follow a pipe"],
  ["relu(x)", "a value needs a name"],
  ["a b", "expected `=`, found `b`"],
  ["input new: f32", "`new` is a keyword, it cannot be a name"],
  ["for i in 3 { }", "there is no `for` statement"],
  ["ouput y = 1", "unknown kind of statement `ouput`", "output y = 1"],
  ["def f() = 1", "a `def` cannot stand within another declaration"],
  ["a = tensor.b(i in N: i)", "only a name can bind indices"],
  ['a = "x{b"', "expected `}` to close `{` in a string"],
  ['a = "x{}"', "expected an expression between `{` and `}`"],
  ['a = "x{b +}"', "expected an expression, found `}`"],
  ['a = "\\q"', "`\\q` is no escape"],
  ["/* a = 1", "expected `*/` to close the comment"],
];

for (const [statement, message, fixed] of statements) {
  mistakes(`${statement.replaceAll("\n", " ")} is told: ${message}`, () => {
    const program = (line: string): string => `graph g {\n  ${line}\n  z = 1\n}\n`;
    const messages = told(program(statement));
    assert.equal(
      messages.map((line) => line.replace(/^\d+:\d+ TFG\d+ /, "")),
      [message],
    );
    if (fixed !== undefined) {
      assert.is(repaired(program(statement)), program(fixed));
      assert.equal(told(program(fixed)), []);
    }
    if (!statement.startsWith("/*")) assert.ok(names(program(statement)).includes("z"));
  });
}

/** Whole files. */
const files: readonly (readonly [text: string, message: string])[] = [
  ["grph g { }", "1:1 TFG0101 unknown kind of declaration `grph`"],
  ["output y = 1", "1:1 TFG0101 `output` belongs in a graph or a function"],
  ["x = 1", "1:1 TFG0101 a binding belongs in a graph or a function"],
  ["graph", "1:6 TFG0101 expected a name, found the end of the file"],
  ["graph g", "1:8 TFG0101 expected `{`, found the end of the file"],
  ["graph g {", "1:10 TFG0101 expected `}` to close the graph `g`"],
  ["}", "1:1 TFG0101 `}` closes nothing"],
  ["42", "1:1 TFG0101 expected a declaration, found `42`"],
  ['import a from "x"', "1:8 TFG0101 an import names what it takes in braces"],
  ["import numpy as np", "1:8 TFG0101 an import names what it takes in braces"],
  ["class Net { }", "1:1 TFG0101 there is no `class`"],
  ["graph g(N) { }", "1:8 TFG0101 expected `[` or `{`, found `(`"],
  ["graph g[N]\n  input x: f32[N]\n}", "1:11 TFG0101 expected `{`, found `input`"],
  ["def f(x) = x", "1:7 TFG0101 `x` needs a type"],
  ["def f(x: f32): f32 = x", "1:14 TFG0101 expected `->`, found `:`"],
  ["def f(x: f32):\n  return x", "1:14 TFG0101 expected `=` or `{`, found `:`"],
  ["def f(x: f32) -> (f32, f32) = x", "1:19 TFG0101 several results have names"],
  ["function f(x: f32) = x", "1:1 TFG0101 unknown kind of declaration `function`"],
  ["def f(x f32) = x", "1:8 TFG0101 expected `:`, found `f32`"],
  ["def f(x: f32) -> f32 x", "1:21 TFG0101 expected `=` or `{`, found `x`"],
  ["def f[T: foat](x: T) = x", "1:10 TFG0101 `foat` is no class of dtypes"],
];

for (const [text, message] of files) {
  mistakes(`${text} is told: ${message}`, () => assert.equal(told(text), [message]));
}

mistakes.run();

// ---- hostile input -------------------------------------------------------------------------------

const hostile = suite("hostile input");

hostile("deep nesting of every kind is a message, not an overflow of the stack", () => {
  const deep = 4_000;
  const wrap = (open: string, middle: string, close: string): string => {
    return `graph g { y = ${open.repeat(deep)}${middle}${close.repeat(deep)}\n}`;
  };
  const texts = [
    `graph g { y = ${"(".repeat(10_000)}1${")".repeat(10_000)} }`,
    wrap("[", "1", "]"),
    wrap("f(", "1", ")"),
    wrap("x[", "1", "]"),
    wrap("-", "1", ""),
    wrap("if a then ", "1", " else 2"),
    wrap("fn(x) => ", "1", ""),
    wrap("1 ** ", "1", ""),
    wrap("1 + ", "1", ""),
    wrap("", "x", "[0]"),
    wrap("", "x", " |> f"),
    `graph g {${'scope "a" {'.repeat(deep)}${"}".repeat(deep)}}`,
    `graph g { ${"if a { } else ".repeat(deep)} { } }`,
    "(".repeat(deep),
    `graph g { y = ${"(".repeat(deep)}`,
    `graph g { ${"{".repeat(deep)}`,
  ];
  for (const text of texts) {
    const { diagnostics, milliseconds } = read(text);
    assert.ok(diagnostics.length >= 1, text.slice(0, 40));
    assert.ok(milliseconds < 3000, `${text.slice(0, 40)} took ${milliseconds} ms`);
  }
});

hostile("random small mistakes are told, in bounded time, with spans inside of the file", () => {
  const sources = globSync(["compiler/std/*.tfg", "tests/diagnostics/*.tfg", "samples/**/*.tfg"], { cwd: root }).map(
    (file) => readFileSync(join(root, file), "utf8"),
  );
  const first = 20_260;
  for (let seed = first; seed < first + 300; seed++) {
    const random = randomNumbers(seed);
    const text = mutate(sources[Math.floor(random() * sources.length)] ?? "", random);
    const reading = read(text);
    assert.equal(strayingSpans(reading), [], `seed ${seed}`);
    assert.ok(reading.diagnostics.length <= 40, `seed ${seed}`);
    assert.ok(reading.milliseconds < 2000, `seed ${seed} took ${reading.milliseconds} ms`);
  }
});

hostile("any characters at all are read without a throw", () => {
  const random = randomNumbers(7);
  for (let times = 0; times < 200; times++) {
    const length = Math.floor(random() * 200);
    const codes = Array.from({ length }, () => Math.floor(random() * (random() < 0.8 ? 128 : 0x10000)));
    assert.equal(strayingSpans(read(String.fromCharCode(...codes))), [], JSON.stringify(codes));
  }
});

hostile.run();
