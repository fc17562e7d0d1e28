/** `where` and `assert` on sizes: what holds by proof, what is checked at the feeds, and what callers owe. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { interpret } from "../compiler/interpret.ts";
import { library } from "../compiler/std/sources.ts";
import { openSession, TfgError } from "../runtime/index.ts";
import { compiledOf } from "./oracle/targets.ts";

const test = suite("constraints");

const check = (text: string) => checkProgram({ path: "g.tfg", read: () => text, library });
/** The errors; what a lint thinks of the programs is another matter. */
const said = (text: string): string[] =>
  check(text)
    .diagnostics.filter(({ severity }) => severity === "error")
    .map(({ code, message }) => `${code} ${message}`);

test("every kind of constraint is checked when the dims are known, by sessions and by the interpreter", async () => {
  const text = `graph g[N, M, K] where N <= 12, M % 2 == 0, K % 4 == 3, 2 * M == N, N / 3 >= 2 {
    input n: f32[N] input m: f32[M] input k: f32[K]
    assert N % M == 0 assert K != 11 assert K > M && K < 20
    output y = sum(n) + sum(m) + sum(k)
  }`;
  const { graphs, diagnostics } = check(text);
  assert.equal(diagnostics, []);
  const [graph] = graphs;
  if (!graph) throw new Error("no graph");
  const session = await openSession(await compiledOf(graph));
  const outcome = async (run: () => unknown): Promise<string> => {
    try {
      await run();
      return "runs";
    } catch (error) {
      // `2 * M == N` is told by the lengths of the feeds themselves, `!=` is an assertion.
      if (error instanceof TfgError)
        return error.code === "TFG0801" || error.code === "TFG0812" ? "TFG0802" : error.code;
      throw error;
    }
  };
  for (let n = 1; n <= 14; n++)
    for (let m = 1; m <= 7; m++)
      for (let k = 1; k <= 21; k++) {
        const holds =
          n <= 12 &&
          m % 2 === 0 &&
          k % 4 === 3 &&
          2 * m === n &&
          Math.floor(n / 3) >= 2 &&
          n % m === 0 &&
          k !== 11 &&
          k > m &&
          k < 20;
        const [a, b, c] = [n, m, k].map((size) => new Float32Array(size).fill(1)) as [
          Float32Array,
          Float32Array,
          Float32Array,
        ];
        assert.is(
          await outcome(() => session.run("y", { n: a, m: b, k: c })),
          holds ? "runs" : "TFG0802",
          `${n} ${m} ${k}`,
        );
        const array = (data: Float32Array) => ({
          dtype: "f32" as const,
          shape: [data.length],
          data: Float64Array.from(data),
        });
        const feeds = new Map([
          ["n", array(a)],
          ["m", array(b)],
          ["k", array(c)],
        ]);
        assert.is(
          await outcome(() => interpret(graph, { feeds, variables: new Map(), fetches: ["y"] })),
          holds ? "runs" : "TFG0802",
          `interpreter: ${n} ${m} ${k}`,
        );
      }
  session[Symbol.dispose]();
});

test("obligations go outward to the graph that can state them", () => {
  const inner = "def inner[D](x: f32[D], heads: int) -> f32[D] where D % heads == 0 = x";
  const outer = "def outer[D](x: f32[D]) -> f32[D] = inner(x, 8)";
  const graph = (where: string): string =>
    `${inner}\n${outer}\ngraph g[D]${where} { input x: f32[D] output y = outer(x) }`;
  assert.equal(said(graph(" where D % 16 == 0")), []);
  assert.equal(said(graph("")), ["TFG0311 cannot prove that D is divisible by 8"]);
  assert.equal(said(`${inner}\n${outer}\ngraph g { input x: f32[12] output y = outer(x) }`), [
    "TFG0310 12 is not divisible by 8",
  ]);
});

test("constraints that no dims satisfy are refused", () => {
  const graph = (where: string): string[] => said(`graph g[N] where ${where} { input x: f32[N] output y = x }`);
  assert.equal(graph("N >= 4, N <= 3"), ["TFG0317 `N <= 3` never holds"]);
  assert.equal(graph("N <= 0"), ["TFG0317 `N <= 0` never holds"]);
  assert.equal(graph("N % 4 == 5"), ["TFG0317 `N % 4 == 5` never holds"]);
  assert.equal(graph("N % 4 == 1, N % 2 == 0"), ["TFG0317 `N % 2 == 0` never holds"]);
  assert.equal(graph("N % 4 == 1, N % 6 == 3"), []);
  assert.equal(graph("N >= 4, N <= 4"), []);
});

test("generics are told by other arguments, by facts, or not at all", () => {
  const halves = "def halves[N](x: f32[2 * N]) -> f32[N] = x[:N] + x[N:]";
  const graph = (head: string, input: string): string[] =>
    said(`${halves}\ngraph g${head} { input x: f32[${input}] output y = halves(x) }`);
  assert.equal(graph("[H]", "2 * H"), []);
  assert.equal(graph("[H] where H % 2 == 0", "H"), []);
  assert.equal(graph("", "8"), []);
  assert.equal(graph("[H]", "H"), ["TFG0311 cannot infer `N` of `halves` from f32[H]"]);
  assert.equal(graph("", "7"), ["TFG0301 cannot infer `N` of `halves` from f32[7]"]);
  const packs = (params: string, call: string): string[] =>
    said(`def f[..A, ..B](${params}) -> f32[..B, ..A] = transpose(reshape(z, [prod(A), prod(B)])) |> reshape([..B, ..A])
      graph g[N] { input z: f32[N, 3, 2] input x: f32[N] output y = ${call} output used = sum(x) + sum(z) }`);
  assert.equal(packs("z: f32[..A, ..B], x: f32[..A]", "f(z, x)"), []);
  assert.equal(packs("z: f32[..A, ..B]", "f(z)"), [
    "TFG0208 nothing says which dimensions of f32[N, 3, 2] are `..A` and which `..B`",
  ]);
});

test.run();
