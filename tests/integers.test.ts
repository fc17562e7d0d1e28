/**
 * Integers as language.md 6.2 has them: on every target, folded by the compiler and computed while checking, against
 * BigInt.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { interpret } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { library } from "../compiler/std/sources.ts";
import { randomNumbers } from "./ops/cases.ts";
import { openTargets } from "./oracle/targets.ts";

const test = suite("integers");

type IntType = "i32" | "u32";
const wrap = (dtype: IntType, x: bigint): bigint => (dtype === "i32" ? BigInt.asIntN(32, x) : BigInt.asUintN(32, x));

function floorDivide(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n;
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

type Meaning = (a: bigint, b: bigint, wrapped: (x: bigint) => bigint) => bigint;
const floorModulo: Meaning = (a, b) => (b === 0n ? 0n : a - b * floorDivide(a, b));

/** Text of an expression in `a` and `b`, and what it is before the result wraps. */
const OPERATIONS: readonly (readonly [name: string, text: string, of: Meaning])[] = [
  ["add", "a + b", (a, b) => a + b],
  ["sub", "a - b", (a, b) => a - b],
  ["mul", "a * b", (a, b) => a * b],
  ["div", "a / b", floorDivide],
  ["mod", "a % b", floorModulo],
  ["neg", "-a", (a) => -a],
  ["square", "a ** 2", (a) => a * a],
  ["fifth", "a ** 5", (a) => a ** 5n],
  // biome-ignore lint/complexity/useMathMinMax: these are BigInts, which Math.max does not take
  ["greater", "max(a, b)", (a, b) => (a > b ? a : b)],
  // biome-ignore lint/complexity/useMathMinMax: as above
  ["lesser", "min(a, b)", (a, b) => (a < b ? a : b)],
  ["size", "abs(a)", (a) => (a < 0n ? -a : a)],
  ["sign", "sign(a)", (a) => (a < 0n ? -1n : a > 0n ? 1n : 0n)],
  ["less", "(a < b) as T", (a, b) => (a < b ? 1n : 0n)],
  [
    "chain",
    "(a * b + 7) / 3 - b % 5",
    (a, b, wrapped) => floorDivide(wrapped(wrapped(a * b) + 7n), 3n) - floorModulo(b, 5n, wrapped),
  ],
];

const EXTREMES: Readonly<Record<IntType, readonly number[]>> = {
  i32: [0, 1, -1, 2, -2, 7, -7, 2147483647, -2147483648, 46341, -46341, 65536],
  u32: [0, 1, 2, 3, 7, 4294967295, 2147483648, 2147483647, 65535, 65536, 65537],
};

function numbersFor(dtype: IntType, count: number, random: () => number): number[] {
  const extremes = EXTREMES[dtype];
  return Array.from({ length: count }, () => {
    if (random() < 0.4) return extremes[Math.floor(random() * extremes.length)] ?? 0;
    const x = Math.floor(random() * 2 ** (random() * 32)) * (dtype === "i32" && random() < 0.5 ? -1 : 1);
    return Number(wrap(dtype, BigInt(x)));
  });
}

function want(dtype: IntType, name: string, a: number, b: number): number {
  const of = OPERATIONS.find(([other]) => other === name)?.[2];
  if (!of) throw new Error(`no ${name}`);
  return Number(
    wrap(
      dtype,
      of(BigInt(a), BigInt(b), (x) => wrap(dtype, x)),
    ),
  );
}

function graphOf(text: string): Graph {
  const { graphs, diagnostics } = checkProgram({ path: "g.tfg", read: () => text, library });
  // That divisions of compile-time numbers round down is what is asked here.
  assert.equal(
    diagnostics.filter(({ code }) => code !== "TFG0904").map(({ code, message }) => `${code} ${message}`),
    [],
  );
  const [graph] = graphs;
  if (!graph) throw new Error("no graph");
  return graph;
}

const outputs = (dtype: IntType, form: (text: string) => string): string =>
  OPERATIONS.map(([name, text]) => `output ${name} = ${form(text.replace("T", dtype))}`).join("\n");

for (const dtype of ["i32", "u32"] as const) {
  test(`${dtype} in vectors and one by one, on every target`, async () => {
    const whole = `graph g[N] { input a: ${dtype}[N] input b: ${dtype}[N]\n${outputs(dtype, (text) => text)}
      output total = sum(a) output times = prod(a) }`;
    const single = `graph g[N] { input a: ${dtype}[N] input b: ${dtype}[N]
      ${outputs(dtype, (text) => `tensor(i in N: ${text.replace(/\b([ab])\b/g, "$1[i]")})`)} }`;
    const random = randomNumbers(dtype === "i32" ? 1 : 2);
    for (const text of [whole, single]) {
      const graph = graphOf(text);
      const targets = await openTargets(graph, new Map());
      const fetches = graph.outputs.map(({ name }) => name);
      for (const count of [1, 3, 401]) {
        const [a, b] = [numbersFor(dtype, count, random), numbersFor(dtype, count, random)];
        const feeds = new Map<string, NdArray>([
          ["a", { dtype, shape: [count], data: Float64Array.from(a) }],
          ["b", { dtype, shape: [count], data: Float64Array.from(b) }],
        ]);
        const expected = new Map(OPERATIONS.map(([name]) => [name, a.map((x, i) => want(dtype, name, x, b[i] ?? 0))]));
        expected.set("total", [
          Number(
            wrap(
              dtype,
              a.reduce((sum, x) => sum + BigInt(x), 0n),
            ),
          ),
        ]);
        expected.set("times", [Number(a.reduce((product, x) => wrap(dtype, product * BigInt(x)), 1n))]);
        const results: [string, ReadonlyMap<string, NdArray>][] = [
          ["interpreter", interpret(graph, { feeds, variables: new Map(), fetches })],
        ];
        for (const [name, target] of targets) results.push([name, await target.run(feeds, fetches)]);
        for (const [target, got] of results)
          for (const name of fetches) {
            const found = got.get(name)?.data ?? [];
            expected.get(name)?.forEach((x, i) => {
              assert.is((found[i] ?? Number.NaN) + 0, x, `${target}: ${name} of ${a[i]} and ${b[i]}`);
            });
          }
      }
    }
  });

  test(`${dtype} folded by the passes, and computed while checking`, () => {
    const random = randomNumbers(dtype === "i32" ? 3 : 4);
    for (let round = 0; round < 12; round++) {
      const [a, b] = [numbersFor(dtype, 6, random), numbersFor(dtype, 6, random)];
      // Constant tensors: the compiler folds each output to one constant.
      const folded = graphOf(
        `const a: ${dtype}[6] = [${a}] const b: ${dtype}[6] = [${b}]\ngraph g {\n${outputs(dtype, (text) => text)} }`,
      );
      const { graph } = runPasses(folded, { verify: true });
      for (const { name, value } of graph.outputs) {
        const made = graph.values[value];
        assert.is(made?.op, "constant", name);
        const data = made?.attributes.data;
        const numbers = typeof data === "object" && "data" in data ? [...data.data] : [];
        assert.equal(
          numbers.map((x) => x + 0),
          a.map((x, i) => want(dtype, name, x, b[i] ?? 0)),
          `${name} of ${a} and ${b}`,
        );
      }
      // Numbers with a declared type: they are arithmetic of that type before there is a graph.
      const [x, y] = [a[0] ?? 0, b[0] ?? 0];
      const known = graphOf(
        `const a: ${dtype} = ${x} const b: ${dtype} = ${y}\ngraph g {\n${outputs(dtype, (text) => text)} }`,
      );
      for (const { name } of known.outputs) {
        const found = interpret(known, { feeds: new Map(), variables: new Map(), fetches: [name] }).get(name);
        assert.is((found?.data[0] ?? Number.NaN) + 0, want(dtype, name, x, y), `${name} of ${x} and ${y}`);
        assert.is(found?.dtype, dtype, name);
      }
    }
  });
}

test("literals adapt to what they meet, typed values and indices do not", () => {
  const said = (text: string): string[] =>
    checkProgram({ path: "g.tfg", read: () => text, library }).diagnostics.map(
      ({ code, message }) => `${code} ${message}`,
    );
  const program = (expression: string): string =>
    `const K: i32 = 3 config C: int = 2
     graph g[N] { input f: f32[N] input i: i32[N] input u: u32[N] output o = ${expression} output used = [sum(f), sum(i) as f32, sum(u) as f32] }`;
  for (const right of [
    "f * 2",
    "f + C",
    "f * N",
    "u + 4294967295",
    "i + -2147483648",
    "u * C",
    "f + 0x10",
    "i + K",
    "tensor(n in N: i[n] + n)",
  ])
    assert.equal(said(program(right)), [], right);
  for (const [wrong, message] of [
    ["u + 4294967296", "TFG0210 4294967296 does not fit into `u32`"],
    ["u - (-1)", "TFG0210 -1 does not fit into `u32`"],
    ["i + 2147483648", "TFG0210 2147483648 does not fit into `i32`"],
    ["i + 0.5", "TFG0304 `i32` and `f32` do not mix in `+`"],
    ["i + u", "TFG0304 `i32` and `u32` do not mix in `+`"],
    ["i + f", "TFG0304 `i32` and `f32` do not mix in `+`"],
    ["f + K", "TFG0304 `f32` and `i32` do not mix in `+`"],
    ["tensor(n in N: f[n] + n)", "TFG0304 `f32` and `i32` do not mix in `+`"],
    ["tensor(n in N: u[n] + n)", "TFG0304 `u32` and `i32` do not mix in `+`"],
    ["mean(i)", "TFG0304 `mean` takes floats, not `i32`"],
  ] as const)
    assert.equal(said(program(wrong)), [message], wrong);
});

test.run();
