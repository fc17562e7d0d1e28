/** Loops with random bodies are their own turns written out, in the interpreter and on a target. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openTargets } from "./oracle/targets.ts";
import { arrayOf, graphOf, Interpreter, type Nested } from "./program.ts";

const loops = suite("loops and their turns");
const RUNS = { numRuns: 30, seed: 11 };

/** An f32[N] of carries `p` and `q`, element `v`, and `c` and `s` from outside; bounded, so that turns do not explode. */
const body: fc.Memo<string> = fc.memo((depth) => {
  const name = fc.constantFrom("p", "q", "v", "c", "(0.5 + 0.0 * c)");
  if (depth <= 1) return name;
  const e = () => body(depth - 1);
  const two = (make: (a: string, b: string) => string) => fc.tuple(e(), e()).map(([a, b]) => make(a, b));
  return fc.oneof(
    name,
    two((a, b) => `(0.5 * ${a} + ${b})`),
    two((a, b) => `(${a} - 0.5 * ${b})`),
    two((a, b) => `tanh(${a} * ${b})`),
    two((a, b) => `max(${a}, ${b})`),
    two((a, b) => `(if sum(${a}) > 0 then ${a} else ${b})`),
    two((a, b) => `select(${a} > s, ${a}, ${b})`),
    two((a, b) => `tanh(${a} + scan(${b}, init=s, axis=0, fn(k, w) => 0.5 * k + w))`),
    two((a, b) => `while([${a}, ${b}], max=2, cond=fn((g, h)) => sum(g) < s, fn((g, h)) => [h, 0.5 * g])[0]`),
    e().map((a) => `cumsum(${a}, axis=0)`),
    e().map((a) => `reverse(${a}, axis=0)`),
  );
});

const program = (a: string, b: string, y: string): string => `graph g[N] {
  input x: f32[N, 3]
  input c: f32[N]
  input s: f32
  turned = scan(x, init=[c, 2.0 * c], axis=1, fn((p, q), v) { return [${a}, ${b}], ${y} })
  turn = fn(p, q, v) => [${a}, ${b}, ${y}]
  t0 = turn(c, 2.0 * c, x[:, 0])
  t1 = turn(t0[0], t0[1], x[:, 1])
  t2 = turn(t1[0], t1[1], x[:, 2])
  output ys = turned.ys + 0.0 * (s + sum(x))
  output last = stack(turned.last, axis=0) + 0.0 * (s + sum(x))
  output ys_unrolled = stack([t0[2], t1[2], t2[2]], axis=1) + 0.0 * (s + sum(x))
  output last_unrolled = stack([t2[0], t2[1]], axis=0) + 0.0 * (s + sum(x))
}`;

const feedsOf = (n: number): Readonly<Record<string, Nested>> => {
  const at = (i: number): number => Math.fround(Math.sin(7 * i + n));
  const row = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => at(from + i));
  return { x: Array.from({ length: n }, (_, i) => row(3 * i, 3)), c: row(50, n), s: 0.125 };
};

loops("a scan gives what its turns give one behind the other", async () => {
  await fc.assert(
    fc.asyncProperty(body(3), body(3), body(3), fc.integer({ min: 1, max: 5 }), async (a, b, y, n) => {
      const graph = graphOf(program(a, b, y));
      const feeds = feedsOf(n);
      const interpreter = new Interpreter(graph);
      const arrays = new Map(Object.entries(feeds).map(([name, nested]) => [name, arrayOf("f32", nested)]));
      const opened = await openTargets(graph, new Map(), ["wasm fma"]);
      const ran = await opened.get("wasm fma")?.run(arrays, ["ys", "last"]);
      for (const name of ["ys", "last"]) {
        const turned = interpreter.numbers(name, feeds);
        const unrolled = interpreter.numbers(`${name}_unrolled`, feeds);
        // One and the same arithmetic in float64.
        assert.equal(turned, unrolled, name);
        const rounded = new Interpreter(graph, 0, "dtype").numbers(name, feeds);
        for (const [i, x] of rounded.entries()) {
          const z = ran?.get(name)?.data[i] ?? Number.NaN;
          assert.ok(
            Math.abs(x - z) <= 1e-4 * Math.max(1, Math.abs(x)),
            `${name}[${i}] on wasm is ${z} instead of ${x}`,
          );
        }
      }
    }),
    RUNS,
  );
});

loops.run();
