/** Whole programs with state and loops, in small, by the interpreter. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, graphOf, Interpreter, type Nested } from "./program.ts";

const programs = suite("programs in the interpreter");
const textOf = (name: string): string => readFileSync(join(import.meta.dirname, "programs", name), "utf8");

/** Numbers without pattern, always the same. */
function noise(count: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

programs("GPT-2 with its cache, prompt first and then token by token, equals the whole prefix at once", () => {
  const small = { VOCAB: "17", D: "12", LAYERS: "2", HEADS: "3", CONTEXT: "10" };
  const session = new Interpreter(graphOf(textOf("gpt2.tfg"), small), 3);
  // The initial weights are so small that attention would hardly matter.
  for (const [name, { dtype, shape, data }] of session.variables)
    if (!/position|keys|values|gamma/.test(name))
      session.variables.set(name, { dtype, shape, data: Float64Array.from(noise(data.length, name.length + 3)) });
  const prompt = [3, 1, 4, 1, 5];
  const sequence = [...prompt];
  const logits: number[][] = [];
  const step = (tokens: Nested): void => {
    const results = session.run(["logits", "greedy", "advance"], { tokens: [tokens] });
    logits.push([...(results.get("logits")?.data ?? [])]);
    sequence.push(results.get("greedy")?.data[0] ?? -1);
  };
  step(prompt);
  while (sequence.length < 10) step([sequence.at(-1) ?? -1]);
  assert.equal(session.variable("position"), [9]);
  for (const [i, expected] of logits.entries()) {
    const whole = new Interpreter(session.graph, 3);
    for (const [name, value] of session.variables)
      if (!/position|keys|values/.test(name)) whole.variables.set(name, value);
    const again = whole.run(["logits"], { tokens: [sequence.slice(0, prompt.length + i)] }).get("logits")?.data ?? [];
    expected.forEach((x, k) => {
      assert.ok(Math.abs(x - (again[k] ?? Number.NaN)) < 1e-9, `logit ${k} of token ${i}`);
    });
  }
  // The window holds 10: one more token, then it is full, and stays as it is.
  step([sequence.at(-1) ?? -1]);
  const before = session.variable("h0/attn/keys");
  assert.is(
    codeOf(() => session.run(["next", "advance"], { tokens: [[1]] })),
    "TFG0812",
  );
  assert.equal([session.variable("position"), session.variable("h0/attn/keys")], [[10], before]);
  session.run(["reset"]);
  assert.equal(session.variable("position"), [0]);
  const next = session.run(["next"], { tokens: [prompt] }).get("next")?.data[0] ?? -1;
  assert.ok(Number.isInteger(next) && next >= 0 && next < 17);
});

programs("k-means comes to rest where a step changes nothing, at the means of its clusters", () => {
  const session = new Interpreter(graphOf(textOf("kmeans.tfg"), { K: "3" }), 1);
  const middles = [
    [-0.6, -0.5],
    [0.7, -0.2],
    [0.1, 0.8],
  ];
  const points = noise(120).reduce<number[][]>((pairs, x, i) => {
    if (i % 2 === 0) pairs.push([x * 0.3 + (middles[(i / 2) % 3]?.[0] ?? 0)]);
    else pairs.at(-1)?.push(x * 0.3 + (middles[((i - 1) / 2) % 3]?.[1] ?? 0));
    return pairs;
  }, []);
  const inertia = () => session.numbers("inertia", { points })[0] ?? Number.NaN;
  const start = inertia();
  session.run(["update"], { points });
  const once = inertia();
  session.run(["converge"], { points });
  const end = inertia();
  assert.ok(end <= once && once <= start && end < 0.05, `${start}, ${once}, ${end}`);
  const centers = session.variable("centers");
  session.run(["update"], { points });
  for (const [i, x] of session.variable("centers").entries())
    assert.ok(Math.abs(x - (centers[i] ?? Number.NaN)) < 1e-12, "at rest");
  const assignment = session.numbers("assignment", { points });
  for (const k of [0, 1, 2]) {
    const own = points.filter((_, i) => assignment[i] === k);
    assert.is(own.length, 20);
    for (const axis of [0, 1]) {
      const mean = own.reduce((sum, point) => sum + (point[axis] ?? 0), 0) / own.length;
      assert.ok(Math.abs(mean - (centers[2 * k + axis] ?? Number.NaN)) < 1e-12);
    }
  }
});

programs.run();
