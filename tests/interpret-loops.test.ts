/** `scan`, `while` and the run-time `if` from source to the interpreter, against numbers that are known or computed here. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorsOf, graphOf, Interpreter, type Nested } from "./program.ts";

const loops = suite("loops in the interpreter");

const run = (
  text: string,
  fetch: string,
  feeds: Readonly<Record<string, Nested>> = {},
  settings: Readonly<Record<string, string>> = {},
): number[] => new Interpreter(graphOf(text, settings)).numbers(fetch, feeds);

function close(actual: readonly number[], expected: readonly number[], within = 1e-9): void {
  assert.is(actual.length, expected.length);
  for (const [i, x] of expected.entries()) {
    const y = actual[i] ?? Number.NaN;
    assert.ok(Math.abs(x - y) <= within * Math.max(1, Math.abs(x)), `element ${i} is ${y} instead of ${x}`);
  }
}

loops("a scan gives the outputs of all turns at the scanned axis, and the last carry", () => {
  const text = `graph g[N, T] {
    input x: f32[N, T]
    ys, last = scan(x, init=zeros([N]), over=T, fn(h, v) { return h + v, 10 * (h + v) })
    output outs = ys
    output total = last
    output carries = scan(x, init=zeros([N]), axis=1, fn(h, v) => h + v)
    output count = scan(x, init=0, over=T, fn(n, v) => n + 1)
    output listed = scan(x, init=zeros([2]), over=T, fn(h, v) { return [h[1], h[0] + v[0]], [v[0], 1] }).last
    output stacked = scan(x, init=zeros([2]), over=T, fn(h, v) { return [h[1], h[0] + v[0]], [v[0], 1] }).ys
    output reversed = scan(transpose(x), init=zeros([N]), axis=0, fn(h, v) { return v, h }).ys
  }`;
  const x = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  assert.equal(run(text, "outs", { x }), [10, 30, 60, 40, 90, 150]);
  assert.equal(run(text, "total", { x }), [6, 15]);
  assert.equal(run(text, "carries", { x }), [6, 15]);
  assert.equal(run(text, "count", { x }), [3]);
  assert.equal(run(text, "listed", { x }), [2, 4]);
  assert.equal(run(text, "stacked", { x }), [1, 2, 3, 1, 1, 1]);
  assert.equal(run(text, "reversed", { x }), [0, 0, 1, 4, 2, 5]);
});

loops("carries are values: exchanged, kept, replaced by what stands outside or by a constant", () => {
  const text = `graph g[T] {
    input x: f32[T]
    input a: f32
    output pair = while([1.0, 2.0], max=3, fn((p, q)) => [q, p])
    output kept = while([a, a], max=3, fn((p, q)) => [p, q + 1.0])
    output outside = while([1.0, 2.0], max=2, fn((p, q)) => [a, p])
    output constant = while([1.0, 2.0], max=2, fn((p, q)) => [7.0, p])
    output unread = while(a, max=T - 1, fn(p) => 3.0)
    output never = while(a, max=5, cond=fn(p) => x[0] > 0, fn(p) => 3.0)
    output none = while([a, 4.0], max=0, fn((p, q)) => [q, p])
  }`;
  const feeds = { x: [-1, 2], a: 5 };
  assert.equal(run(text, "pair", feeds), [2, 1]);
  assert.equal(run(text, "kept", feeds), [5, 8]);
  assert.equal(run(text, "outside", feeds), [5, 5]);
  assert.equal(run(text, "constant", feeds), [7, 7]);
  assert.equal(run(text, "unread", feeds), [3]);
  assert.equal(run(text, "unread", { x: [1], a: 5 }), [5]);
  assert.equal(run(text, "never", feeds), [5]);
  assert.equal(run(text, "never", { x: [1], a: 5 }), [3]);
  assert.equal(run(text, "none", feeds), [5, 4]);
});

loops("Fibonacci and a product up to a run dim, with literals that take the dtype of the body", () => {
  const text = `graph g[T] {
    input x: f32[T]
    fib = while([0, 1], max=T, fn((p, q)) => [q, p + q])
    output nth = fib[0]
    output both = stack(fib, axis=0)
    output power = while(1, max=T, fn(p) => 2 * p)
    output scaled = while(1, max=T, fn(p) => p * x[0])
    output mixed = while([0, 1], max=T, fn((i, p)) => [i + 1, p * gather(x, i)])[1]
  }`;
  const graph = graphOf(text);
  const dtype = (name: string) =>
    graph.values[graph.outputs.find((output) => output.name === name)?.value ?? 0]?.type.dtype;
  assert.equal([dtype("nth"), dtype("power"), dtype("scaled"), dtype("mixed")], ["i32", "i32", "f32", "f32"]);
  const x = Array.from({ length: 20 }, () => 2);
  assert.equal(run(text, "both", { x }), [6765, 10946]);
  assert.equal(run(text, "power", { x }), [2 ** 20]);
  assert.equal(run(text, "scaled", { x: [3, 0, 0] }), [27]);
  assert.equal(run(text, "mixed", { x: [3, 4, 5] }), [60]);
});

loops("Newton's root ends when its condition is false, or at its bound", () => {
  const text = `graph g {
    input a: f32
    found = while([1.0, 0.0], max=50, cond=fn((r, n)) => abs(r * r - a) > 1e-9, fn((r, n)) => [0.5 * (r + a / r), n + 1.0])
    output root = found[0]
    output turns = found[1]
    output bounded = while(1.0, max=2, fn(r) => 0.5 * (r + a / r))
  }`;
  close(run(text, "root", { a: 2 }), [Math.SQRT2]);
  assert.equal(run(text, "turns", { a: 2 }), [4]);
  assert.equal(run(text, "turns", { a: 1 }), [0]);
  close(run(text, "bounded", { a: 2 }), [17 / 12]);
});

loops("power iteration finds the greatest eigenvalue", () => {
  const text = `graph g {
    input m: f32[2, 2]
    v = while(ones([2]), max=60, fn(v) { w = m @ v  return w / sqrt(sum(w * w)) })
    output eigenvalue = sum(v * (m @ v))
  }`;
  close(
    run(text, "eigenvalue", {
      m: [
        [2, 1],
        [1, 3],
      ],
    }),
    [(5 + Math.sqrt(5)) / 2],
  );
});

loops("several sequences are scanned side by side, each over its own axis of the dim", () => {
  const text = `graph g[B, T] {
    input x: f32[B, T]
    input m: bool[T, B]
    output last = scan([x, m], init=zeros([B]), over=T, fn(h, (v, keep)) => select(keep, v, h))
  }`;
  const feeds = {
    x: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    m: [
      [true, true],
      [true, false],
      [false, false],
    ],
  };
  assert.equal(run(text, "last", feeds), [2, 4]);
});

loops("loops nest, and an inner one that depends on nothing of the outer one stands outside", () => {
  const text = `graph g[A, B] {
    input x: f32[A, B]
    input y: f32[B]
    rows = scan(x, init=0.0, over=A, fn(total, row) {
      inner, last = scan(row, init=total, over=B, fn(s, v) { return s + v, s * v })
      return last, inner
    })
    output outs = rows.ys
    output total = rows.last
    output fixed = scan(x, init=0.0, over=A, fn(s, row) => s + scan(y, init=1.0, over=B, fn(p, v) => p * v))
    output power = while(1, max=3, fn(n) => while(n, max=2, fn(m) => 2 * m))
  }`;
  const feeds = {
    x: [
      [1, 2],
      [3, 4],
    ],
    y: [2, 5],
  };
  assert.equal(run(text, "outs", feeds), [0, 2, 9, 24]);
  assert.equal(run(text, "total", feeds), [10]);
  assert.equal(run(text, "fixed", feeds), [20]);
  assert.equal(run(text, "power", feeds), [64]);
});

const CELLS = `
layer gru_unit[B, I, H](x: f32[B, I], h: f32[B, H]) -> f32[B, H] {
  z, r = split(sigmoid(dense(concat([x, h], axis=-1), 2 * H, name="gates")), 2, axis=-1)
  return (1 - z) * h + z * dense(concat([x, r * h], axis=-1), H, tanh, name="candidate")
}`;

loops("an LSTM in a scan is its cell unrolled, with one instance of the weights", () => {
  const text = `graph g[B] {
    input x: f32[B, 3, 2]
    h0 = zeros([B, 4])
    output scanned = lstm(x, 4, name="rnn")
    s0 = lstm_cell(x[:, 0], h0, h0, name="cell")
    s1 = lstm_cell(x[:, 1], s0.h, s0.c, reuse="cell")
    s2 = lstm_cell(x[:, 2], s1.h, s1.c, reuse="cell")
    output unrolled = stack([s0.h, s1.h, s2.h], axis=1)
  }`;
  const session = new Interpreter(graphOf(text));
  assert.equal(
    session.graph.variables.map(({ name }) => name),
    ["rnn/basic_lstm_cell/kernel", "rnn/basic_lstm_cell/bias", "cell/kernel", "cell/bias"],
  );
  for (const part of ["kernel", "bias"]) {
    const value = session.variables.get(`rnn/basic_lstm_cell/${part}`);
    if (value) session.variables.set(`cell/${part}`, value);
  }
  const x = [0, 1].map((b) => [0, 1, 2].map((t) => [Math.sin(b + 2 * t), Math.cos(b * t)]));
  close(session.numbers("scanned", { x }), session.numbers("unrolled", { x }), 1e-12);
});

loops("a GRU in a scan is its cell unrolled; the layers in it have the names of one turn", () => {
  const text = `${CELLS}
  graph g[B, T] {
    input x: f32[B, T, 2]
    output scanned = scan(x, init=zeros([B, 3]), over=T, fn(h, v) { n = gru_unit(v, h, name="gru")  return n, n }).ys
    output first = gru_unit(x[:, 0], zeros([B, 3]), reuse="gru")
  }`;
  const session = new Interpreter(graphOf(text));
  assert.equal(
    session.graph.variables.map(({ name }) => name),
    ["gru/gates/kernel", "gru/gates/bias", "gru/candidate/kernel", "gru/candidate/bias"],
  );
  const x = [[[0.5, -1]]];
  close(session.numbers("scanned", { x }), session.numbers("first", { x }), 1e-12);
});

loops("layers that a trial of a dtype made leave no name behind", () => {
  const text = `graph g {
    input x: f32[1, 2]
    output y = while(1, max=2, fn(s) => s * sum(dense(x, 2)))
    output z = dense(x, 2)
  }`;
  assert.equal(
    graphOf(text).variables.map(({ name }) => name),
    ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"],
  );
});

loops("an item that a trial is the first to need is elaborated once, and its errors are told", () => {
  const text = (item: string) => `graph g {
    input x: f32
    output y = while(1, max=2, fn(s) => s * later)
    later = ${item}
  }`;
  assert.equal(run(text("2 * x"), "y", { x: 3 }), [36]);
  assert.equal(errorsOf(text("x * unknown_name")), ["TFG0201 unknown_name"]);
});

loops("a scalar condition of the run chooses between values, piece by piece for several", () => {
  const text = `graph g[N] {
    input x: f32[N]
    input c: bool
    output one = if c then x else -x
    a, b = if c then [x, 2 * x] else [3 * x, 4 * x]
    output two = a + b
    output elements = tensor(i in N: if c then x[i] else 0.0)
    output number = if c then 1 else 2.5
  }`;
  const graph = graphOf(text);
  assert.is(graph.values.filter(({ op }) => op === "if").length, 4);
  assert.equal(run(text, "one", { x: [1, 2], c: false }), [-1, -2]);
  assert.equal(run(text, "two", { x: [1, 2], c: true }), [3, 6]);
  assert.equal(run(text, "two", { x: [1, 2], c: false }), [7, 14]);
  assert.equal(run(text, "elements", { x: [1, 2], c: true }), [1, 2]);
  assert.equal(run(text, "number", { x: [1], c: true }), [1]);
});

loops.run();
