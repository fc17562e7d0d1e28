/** The canonical form: what it looks like, and that it keeps words, comments and meaning of whatever parses. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { format } from "../grammar/format.ts";
import { sourceFile } from "../grammar/source.ts";
import { checkFormatted, formatted, isRight, rejoin, scatter, sprinkle, stretch } from "./formatting.ts";
import { mutate, randomNumbers, read } from "./grammar-mutations.ts";

const root = join(import.meta.dirname, "..");
const everyConstruct = readFileSync(join(root, "tests/format/every-construct.tfg"), "utf8");

const sources = globSync(
  ["compiler/std/*.tfg", "samples/**/*.tfg", "tests/cases/**/*.tfg", "tests/diagnostics/*.tfg", "tests/format/*.tfg"],
  { cwd: root },
)
  .sort()
  .map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));
const right = sources.filter(({ text }) => isRight(text));
/** Those that are tried many times over. */
const short = right.filter(({ text }) => text.length < 3000 || text === everyConstruct);

/** Without comments and empty lines. */
const bare = (text: string): string => rejoin(text, (before, after) => (before === "" || after === "" ? "" : "\n"));

// ---- what it looks like ------------------------------------------------------------------------------

const looks = suite("canonical form");

looks("every construct of the grammar is formed anew from its words alone", () => {
  assert.is(formatted(everyConstruct), everyConstruct);
  const lines = everyConstruct.split("\n").filter((line) => line !== "" && !/^\s*\/\//.test(line));
  assert.is(formatted(bare(everyConstruct)), `${lines.join("\n")}\n`);
});

looks("no line of it is too long, and each is broken only where it would be", () => {
  const lines = everyConstruct.split("\n");
  assert.is(Math.max(...lines.map(({ length }) => length)) <= 120, true);
  const sum = (count: number): string => `const c = ${"a".repeat(count)} + b\n`;
  assert.is(formatted(sum(106)), sum(106));
  assert.is(formatted(sum(107)), `const c = ${"a".repeat(107)}\n  + b\n`);
});

looks("a pipe of three stages is one line up to column 80, a shorter one up to the margin", () => {
  const pipe = (length: number, stages: readonly string[]): string => {
    const end = ` |> ${stages.join(" |> ")}`;
    return `const c = ${"x".repeat(length - 10 - end.length)}${end}\n`;
  };
  const three = ["f", "g", "h"];
  assert.is(formatted(pipe(80, three)), pipe(80, three));
  assert.match(formatted(pipe(81, three)), /^const c = x+\n {2}\|> f\n {2}\|> g\n {2}\|> h\n$/);
  assert.is(formatted(pipe(120, ["f", "g"])), pipe(120, ["f", "g"]));
  assert.match(formatted(pipe(121, ["f", "g"])), /^const c = x+\n {2}\|> f\n {2}\|> g\n$/);
  // It counts within what would be one line, too.
  assert.match(formatted(`const c = f(${pipe(80, three).trim().slice(10)}, 1)`), /^const c = f\(\n/);
});

looks("the samples and the library are in it", () => {
  const samples = sources.filter(({ name }) => /^(samples|compiler)/.test(name));
  assert.ok(samples.length >= 3);
  for (const { text } of samples) assert.is(formatted(text), text);
});

/** What is written, and what becomes of it. */
const pairs: readonly (readonly [what: string, written: string, formed: string])[] = [
  ["nothing", "", ""],
  ["white space", " \r\n\t\n", ""],
  [
    "a mark of byte order, and other line ends",
    "\uFEFFconst a = 1\r\n\r\n\r\nconst b = 2\r",
    "const a = 1\n\nconst b = 2\n",
  ],
  [
    "several statements on a line",
    "graph g { a = 1 b = 2 output c = a }",
    "graph g {\n  a = 1\n  b = 2\n  output c = a\n}\n",
  ],
  [
    "empty lines: one between items, none at the ends of blocks or in expressions",
    "\n\nconst a = 1\n\n\n\nconst b = f(1,\n\n  2)\ngraph g {\n\n  x = 1\n\n\n  y = 2\n\n}\n\n\n",
    "const a = 1\n\nconst b = f(1, 2)\ngraph g {\n  x = 1\n\n  y = 2\n}\n",
  ],
  [
    "numbers and strings as they are written",
    'const a = [1E+5,0XfF,1.50,007,"\\t{ a+b }"]',
    'const a = [1E+5, 0XfF, 1.50, 007, "\\t{ a+b }"]\n',
  ],
  ["parentheses that change nothing", "const a = ((1)+(2*3))", "const a = ((1) + (2 * 3))\n"],
  ["signs", "const a = - - x ** - y + ! b", "const a = --x ** -y + !b\n"],
  ["attributes", "@a @b( 1 )\n\n@c def f( @d ( 2 ) @e x :f32 )=x", "@a\n@b(1)\n@c\ndef f(@d(2) @e x: f32) = x\n"],
  [
    "attributes of statements",
    'graph g { @name ( "w" )\n@shared\nparam w: f32 }',
    'graph g {\n  @name("w") @shared param w: f32\n}\n',
  ],
  ["one statement in a step", "graph g { step s {\n x := 1 } }", "graph g {\n  step s { x := 1 }\n}\n"],
  ["one statement in another block", 'test "t" { if a { x = 1 } }', 'test "t" {\n  if a {\n    x = 1\n  }\n}\n'],
];
for (const [what, written, formed] of pairs) {
  looks(what, () => {
    assert.is(formatted(written), formed);
    assert.is(checkFormatted(written), formed);
  });
}

looks("a program with errors is not formatted, and its messages are those of reading it", () => {
  for (const text of ["const a =", "graph g { a = 1; }", "const s = 'a'", "const a = 1 /* open"]) {
    const file = sourceFile("wrong.tfg", text);
    const result = format(file);
    assert.ok("diagnostics" in result && result.diagnostics.length > 0);
    const messages = result.diagnostics.map(({ code, message }) => [code, message]);
    assert.equal(
      messages,
      read(text).diagnostics.map(({ code, message }) => [code, message]),
    );
  }
});

looks.run();

// ---- comments ------------------------------------------------------------------------------------------

const comments = suite("comments in canonical form");

const commented: typeof pairs = [
  ["alone in a file", "  // a  \n\n\n/* b */ // c\n", "// a\n\n/* b */ // c\n"],
  [
    "before, behind and between items",
    "// head\n\n\n/// doc\n   // more\nconst a = 1// behind\n// own\nconst b = 2    /* behind */\n\n// last\n",
    "// head\n\n/// doc\n// more\nconst a = 1  // behind\n// own\nconst b = 2 /* behind */\n\n// last\n",
  ],
  [
    "at the ends of a block",
    "graph g { // opens\n\n\n // first\n\n x = 1 // x\n\n // last\n\n } // closes",
    "graph g {  // opens\n\n  // first\n\n  x = 1  // x\n\n  // last\n}  // closes\n",
  ],
  [
    "alone in a block",
    "graph g { // a\n}\ngraph h {\n// b\n}\ngraph i { /* c */ }",
    "graph g {  // a\n}\ngraph h {\n  // b\n}\ngraph i { /* c */ }\n",
  ],
  [
    "within a list",
    "const a = [1, // one\n 2, /* two */ 3 // three\n // none\n]",
    "const a = [\n  1,  // one\n  2, /* two */ 3  // three\n  // none\n]\n",
  ],
  [
    "within an argument list",
    "const a = f(/* x */ 1, /* y */ 2 /* z */)",
    "const a = f(/* x */ 1, /* y */ 2 /* z */)\n",
  ],
  [
    "between the stages of a pipe",
    "const a = x // the input\n |> f\n // then\n |> g",
    "const a = x  // the input\n  |> f\n  // then\n  |> g\n",
  ],
  [
    "between the branches of a condition",
    "const a = if b // b\n then c // c\n else d",
    "const a = if b  // b\n  then c  // c\n  else d\n",
  ],
  [
    "between parameters",
    "def f(/// doc of x\n x: f32, // x\n y: f32 // y\n) = x",
    "def f(\n  /// doc of x\n  x: f32,  // x\n  y: f32  // y\n)\n  = x\n",
  ],
  [
    "where nothing else may break the line",
    "const // a\n b = - // c\n d // e\n .f",
    "const  // a\n  b = -  // c\n  d  // e\n  .f\n",
  ],
  [
    "a block whose lines begin with stars follows the code, and another stays as it is",
    "graph g {\n/* a\n* b\n      */\nx = 1\n/* a\n     b */\n}",
    "graph g {\n  /* a\n   * b\n   */\n  x = 1\n  /* a\n     b */\n}\n",
  ],
  [
    "no code is broken for a comment that ends its line",
    `const a = f(b, c)  // ${"long ".repeat(30)}\n`,
    `const a = f(b, c)  // ${"long ".repeat(30).trimEnd()}\n`,
  ],
  [
    "documentation stands before what it belongs to, and an empty line that ends it is kept",
    "graph g {\n/// not of x\n\n/// of x\nx = 1 /// not of y\n\n\n/// of y\ny = f(\n/// no\n\n/// no\n1)\n}",
    "graph g {\n  /// not of x\n\n  /// of x\n  x = 1\n  /// not of y\n\n  /// of y\n  y = f(\n    /// no\n\n    /// no\n    1\n  )\n}\n",
  ],
];
for (const [what, written, formed] of commented) {
  comments(what, () => {
    assert.is(formatted(written), formed);
    assert.is(checkFormatted(written), formed);
  });
}

comments.run();

// ---- what is kept --------------------------------------------------------------------------------------

const keeps = suite("what formatting keeps");

keeps("words, comments and meaning of every source of the repository", () => {
  assert.ok(right.length > 100, `only ${right.length} sources are right`);
  for (const { text } of right) checkFormatted(text);
});

keeps("the form depends on words alone where there are no comments and no empty lines", () => {
  const random = randomNumbers(1);
  for (const { text } of right) {
    const expected = formatted(bare(text));
    const scattered = scatter(text, random);
    assert.is(formatted(scattered), expected, scattered);
  }
});

/** Tries `change` on the sources, and how many of the results are programs. */
function tryAll(on: typeof sources, times: number, change: (text: string, random: () => number) => string): number {
  let count = 0;
  for (let seed = 0; seed < times; seed++) {
    const random = randomNumbers(seed);
    for (const { text } of on) {
      const changed = change(text, random);
      if (!isRight(changed)) continue;
      checkFormatted(changed);
      count++;
    }
  }
  return count / (times * on.length);
}

keeps("comments at any place, in any form", () => {
  assert.is(
    tryAll(right, 1, (text, random) => sprinkle(text, random, 0.05)),
    1,
  );
  assert.is(
    tryAll(short, 2, (text, random) => sprinkle(text, random, 0.3)),
    1,
  );
  assert.is(
    tryAll(short, 1, (text, random) => sprinkle(scatter(text, random), random, 0.1)),
    1,
  );
});

keeps("names of any length, so that lines break anywhere", () => {
  assert.is(tryAll(right, 1, stretch), 1);
  assert.is(
    tryAll(short, 2, (text, random) => stretch(stretch(text, random), random)),
    1,
  );
  assert.is(
    tryAll(short, 2, (text, random) => sprinkle(stretch(text, random), random, 0.02)),
    1,
  );
});

keeps("what is left of programs with words lost and exchanged", () => {
  const share = tryAll(short, 8, mutate);
  assert.ok(share > 0.1, `only ${share} of the mutants are programs`);
});

keeps("names that are keywords elsewhere, or operators of other languages", () => {
  const words = "config layer optimizer graph test param state input output train step scope and or not lambda";
  for (const word of words.split(" ")) {
    for (const length of [1, 5, 8, 20]) {
      const long = "x".repeat(length);
      const list = `${word}, ${long}, ${word}[${word}], ${word}(${word}=${word} - 1)`;
      checkFormatted(
        `layer ${word}[${word}](${word}: f32) -> (${word}: f32) = ${word}
        graph ${word}\n[${word}] where ${word} == 1, ${word} > 2 {
          ${word} = if ${word} then ${word} else ${word}
          ${word} := tensor(${word} in ${word}, ${long} in 3: ${word} - ${long} + ${word})
          ${word}, ${long} = fn(${word}, (${word}, ${long})) => ${word}
          ${word}: f32 = ${word}
          ${long} = f(${list}, ${list}, ${word})
          output ${word} = ${word} |> ${word} |> ${word}
          step ${word} { ${word} := [${list}] + [${list}] }
          @${word}(${word}) @${word} @${word}\nstate ${word}: like ${word} = ${word}
          return ${word}, ${word}
        }`,
      );
    }
  }
});

keeps("long and deep programs", () => {
  const many = (count: number, word: string, between: string): string => Array(count).fill(word).join(between);
  const nested = (count: number, open: string, close: string): string => `${open.repeat(count)}x${close.repeat(count)}`;
  const values = [
    many(480, "abc", " + "),
    many(480, "abc", " ** "),
    many(480, "abc", " |> "),
    `abc${"(x)".repeat(400)}`,
    `[${many(5000, "-1.5", ",")}]`,
    `[${many(5000, "name", ",")}]`,
    `x${" as f32".repeat(400)}`,
    nested(450, "-", ""),
    nested(95, "(", ")"),
    nested(95, "f(a, ", ", b)"),
    nested(95, "(1.5 + a * ", ")"),
    nested(45, "f(a - [", "])"),
    nested(95, "[", "]"),
    nested(95, "x[", "]"),
    nested(45, "f(a, fn(x) => ", ")"),
    nested(30, "f(a, fn(x) { return ", " })"),
    nested(95, "sum(k in K: ", ")"),
    nested(95, "if a then b else ", ""),
    nested(95, "if a then ", " else b"),
  ];
  for (const value of values) checkFormatted(`const c = ${value}\n`);
});

keeps.run();
