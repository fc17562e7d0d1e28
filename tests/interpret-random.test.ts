/** Random nodes from source to the interpreter, against the runtime's generator, which shares nothing with it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fnv1a64, philox, randomValues } from "../runtime/random.ts";
import { errorsOf, graphOf, Interpreter } from "./program.ts";

const random = suite("random nodes in the interpreter");

/** The words of a node from the definition in language.md 5.6. */
function wordsOf(path: string, count: number, { seed = 0, iteration = 0, run = 0 } = {}): number[] {
  const hash = fnv1a64(path);
  const low = Number(hash & 0xffffffffn) ^ seed;
  const high = Number(hash >> 32n) ^ Math.floor(seed / 2 ** 32);
  const block = new Uint32Array(4);
  return Array.from({ length: count }, (_, e) => {
    philox(block, e >>> 2, iteration, run, Math.floor(run / 2 ** 32), low, high);
    return block[e & 3] ?? 0;
  });
}
const unit = (word: number): number => (word >>> 8) * 2 ** -24;

function close(actual: readonly number[], expected: ArrayLike<number>, within: number): void {
  assert.is(actual.length, expected.length);
  for (const [i, x] of actual.entries())
    assert.ok(Math.abs(x - (expected[i] ?? Number.NaN)) <= within, `element ${i} is ${x} instead of ${expected[i]}`);
}

const paths = (text: string): string[] =>
  graphOf(text)
    .values.flatMap(({ op, attributes }) => (op === "random_key" ? [String(attributes.path)] : []))
    .sort();

random("bits and uniforms are the words of the definition, for any seed and run", () => {
  const text = `graph g[N] {
    input x: f32[N]
    output bits = random_bits([N, 3])
    output uniform = x + random_uniform([N])
    output scaled = random_uniform([N], min=-1.0, max=3.0)
  }`;
  for (const seed of [0, 7, 2 ** 40 + 5])
    for (const run of [0, 3]) {
      const session = new Interpreter(graphOf(text), seed);
      session.runs = run;
      const x = [0, 0, 0, 0, 0];
      assert.equal(session.numbers("bits", { x }), wordsOf("bits/random_bits", 15, { seed, run }));
      session.runs = run;
      assert.equal(session.numbers("uniform", { x }), wordsOf("uniform/random_uniform", 5, { seed, run }).map(unit));
      session.runs = run;
      const scaled = wordsOf("scaled/random_uniform", 5, { seed, run }).map((word) => unit(word) * 4 - 1);
      close(session.numbers("scaled", { x }), scaled, 1e-15);
    }
});

random("normals agree with initial values of the same path, for even and odd counts", () => {
  const text = (shape: string) => `graph g[N] {
    input x: f32[N]
    z = random_normal([${shape}], mean=2.0, stddev=3.0)
    output y = z + 0.0 * x[0]
    output once = z - z
  }`;
  for (const [shape, sizes] of [
    ["N", [7]],
    ["2, N", [2, 7]],
    ["", []],
  ] as const) {
    const session = new Interpreter(graphOf(text(shape)), 5);
    const x = new Array<number>(7).fill(1);
    const expected = randomValues(["random_normal", 2, 3], "z/random_normal", sizes, 5);
    close(session.numbers("y", { x }), expected, 3e-6);
    assert.ok(session.numbers("once", shape === "" ? {} : { x }).every((difference) => difference === 0));
  }
});

random("truncated normals have the law of a normal of less than two deviations", () => {
  const session = new Interpreter(graphOf("graph g { output y = truncated_normal([20000], mean=1.0, stddev=2.0) }"));
  const sorted = session.numbers("y").sort((a, b) => a - b);
  assert.ok((sorted[0] ?? 0) >= -3 && (sorted.at(-1) ?? 9) <= 5);
  // Kolmogorov and Smirnov: beyond 1.95 / sqrt(n) once in a thousand.
  const erf = (x: number): number => {
    let sum = 0;
    for (let n = 0, term = x; n < 60; n++, term *= (-x * x) / n) sum += term / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * sum;
  };
  const law = (x: number): number => 0.5 + erf((x - 1) / 2 / Math.SQRT2) / erf(Math.SQRT2) / 2;
  const distance = Math.max(...sorted.map((x, i) => Math.abs(law(x) - i / sorted.length)));
  assert.ok(distance < 1.95 / Math.sqrt(sorted.length), `${distance}`);
});

random("a node elsewhere changes no other, and names tell streams apart", () => {
  const before = `layer noisy[..S](x: f32[..S]) -> f32[..S] { return x + random_normal([..S]) }
  def two(x: f32) -> f32 = x + random_uniform([]) * random_uniform([])
  graph g { input x: f32
    output a = random_uniform([]) + noisy(x)
    output b = two(x) + two(x)
    output c = repeat(x, 2, fn(h, i) { n = random_uniform([])  return h + n })
    step s { t = random_uniform([])  w := t + random_uniform([]) }
    state w: f32 = 0.0
  }`;
  assert.equal(paths(before), [
    "a/random_uniform",
    "b/two/random_uniform",
    "b/two/random_uniform_1",
    "b/two_1/random_uniform",
    "b/two_1/random_uniform_1",
    "c/n/random_uniform",
    "c/n/random_uniform_1",
    "noisy/random_normal",
    "s/t/random_uniform",
    "s/w/random_uniform",
  ]);
  const more = before.replace("output b", "output early = random_uniform([]) + two(x)\n output b");
  assert.equal(
    paths(more).filter((path) => !path.startsWith("early/")),
    paths(before),
  );
});

random("in a loop every turn has its own numbers, and a node outside of it the same ones", () => {
  const text = `graph g[A, B] {
    input x: f32[A, B]
    fixed = random_uniform([2])
    output turns = scan(x, init=0.0, over=A, fn(h, row) { return h, random_uniform([2]) }).ys
    output outside = scan(x, init=0.0, over=A, fn(h, row) { return h, fixed }).ys
    output nested = scan(x, init=0.0, over=A, fn(h, row) {
      inner, last = scan(row, init=h, over=B, fn(k, v) { return k, random_uniform([]) })
      return h, inner
    }).ys
    output tried = while(1, max=3, fn(s) => s * random_uniform([]))
  }`;
  const session = new Interpreter(graphOf(text));
  const x = [
    [1, 2],
    [3, 4],
    [5, 6],
  ];
  const at = (fetch: string) => {
    session.runs = 0;
    return session.numbers(fetch, { x });
  };
  const turns = [0, 1, 2].flatMap((iteration) => wordsOf("turns/scan/random_uniform", 2, { iteration }).map(unit));
  assert.equal(at("turns"), turns);
  const fixed = wordsOf("fixed/random_uniform", 2).map(unit);
  assert.equal(at("outside"), [...fixed, ...fixed, ...fixed]);
  const nested = [0, 1, 2, 3, 4, 5].flatMap((iteration) =>
    wordsOf("nested/scan/inner/scan/random_uniform", 1, { iteration }),
  );
  assert.equal(at("nested"), nested.map(unit));
  const product = [0, 1, 2].flatMap((iteration) => wordsOf("tried/while/random_uniform", 1, { iteration }).map(unit));
  session.runs = 0;
  close(session.numbers("tried"), [product.reduce((a, b) => a * b, 1)], 1e-15);
});

random("a categorical choice has the probabilities of the softmax, and never what is impossible", () => {
  const session = new Interpreter(
    graphOf(`graph g[N] {
      input logits: f32[4]
      input _x: f32[N]
      output y = categorical(broadcast(logits, [N, 4]))
    }`),
  );
  const n = 20000;
  const weights = [1, 2, 0, 5];
  const drawn = session.numbers("y", { logits: weights.map(Math.log), _x: new Array<number>(n).fill(0) });
  const counts = weights.map((_, k) => drawn.filter((index) => index === k).length);
  assert.is(counts[2], 0);
  // Chi-square of 2 degrees: beyond 13.8 once in a thousand.
  const chi = [0, 1, 3].map(
    (k) => ((counts[k] ?? 0) - (n * (weights[k] ?? 0)) / 8) ** 2 / ((n * (weights[k] ?? 1)) / 8),
  );
  assert.ok(chi.reduce((a, b) => a + b) < 13.8, `${counts}`);
});

random("random numbers are tensors wherever one is wanted, and still start variables", () => {
  const session = new Interpreter(
    graphOf(`def plus[..S](x: f32[..S]) -> f32[..S] = x + 1
    graph g {
      n = random_normal([4])
      param w: f32[4] = n
      param v: f32[4] = random_normal(stddev=0.5)
      output a = plus(n)[1:3]
      output b = tensor(i in 4: n[i] * w[i] + v[i])
      output c = stack([n, w], axis=0)
      output d = einsum("i, i ->", n, w) * 2
      output e = [random_uniform([]), 1]
      output f = if random_uniform([]) < 0.5 then n else w
    }`),
  );
  for (const fetch of ["a", "b", "c", "d", "e", "f"]) assert.ok(session.numbers(fetch).every(Number.isFinite), fetch);
  assert.equal(errorsOf("graph g { output y = orthogonal([2, 2]) }"), ["TFG0210 orthogonal([2, 2])"]);
  assert.equal(errorsOf("graph g { param w: f32[2] = 2 * random_normal([2]) output y = w }"), [
    "TFG0210 2 * random_normal([2])",
  ]);
  assert.equal(errorsOf("graph g { input s: f32 output y = random_normal([2], stddev=s) }"), ["TFG0210 s"]);
});

random.run();
