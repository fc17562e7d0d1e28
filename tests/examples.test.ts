/** The programs of `samples/`: what they compute without training is the same on every target, run after run. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { selectOutputs } from "../compiler/index.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { verifyGraph } from "../compiler/ir/verify.ts";
import { library } from "../compiler/std/sources.ts";
import { agree, nested, noise, type Results, type Run } from "./agreement.ts";
import { openTargets } from "./oracle/targets.ts";
import { arrayOf, Interpreter, type Nested } from "./program.ts";

const root = resolve(import.meta.dirname, "..");
const examples = suite("examples");

/** The graphs of a sample, by name. Its warnings are of the kinds given and no others. */
function graphsOf(
  name: string,
  warnings: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  change: (text: string) => string = (text) => text,
) {
  const path = `samples/${name}/${name}.tfg`;
  const text = change(readFileSync(join(root, path), "utf8"));
  const read = (asked: string): string | undefined => (asked === path ? text : undefined);
  const { graphs, diagnostics } = checkProgram({ path, read, library, set: new Map(Object.entries(settings)) });
  assert.equal([...new Set(diagnostics.map(({ code }) => code))], warnings, `what ${path} is told`);
  for (const graph of graphs) verifyGraph(graph);
  return (graph: string): Graph => {
    const found = graphs.find((other) => other.name === graph);
    if (!found) throw new Error(`${path} has no graph ${graph}`);
    return found;
  };
}

const filled = (shape: readonly number[], seed: number, to: (x: number) => number = (x) => x): Nested =>
  nested(
    noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ).map(to),
    shape,
  );
const grey = (x: number): number => x + 0.5;
const below =
  (count: number) =>
  (x: number): number =>
    Math.floor((x + 0.5) * count);
const numbers = (results: Results | undefined, name: string): number[] => Array.from(results?.get(name)?.data ?? []);

/** Weights that are neither zeros nor ones, so that biases and scales count; variances stay positive. */
const shaken =
  (scale: number, gain = 1) =>
  (interpreter: Interpreter): void => {
    for (const [name, { dtype, shape, data }] of interpreter.variables) {
      if (!/(bias|beta|gamma|mean|variance)$/.test(name)) continue;
      const by = noise(data.length, name.length);
      interpreter.variables.set(name, {
        dtype,
        shape,
        data: Float64Array.from(data, (x, i) =>
          Math.fround((name.endsWith("gamma") ? gain * x : x) + scale * (by[i] ?? 0)),
        ),
      });
    }
  };

examples("session", async () => {
  const graph = graphsOf("session", ["TFG0106"]);
  const [results] = await agree(graph("arithmetic"), [{ fetches: ["sum", "difference", "both"] }], { within: 0 });
  assert.equal([numbers(results, "sum"), numbers(results, "difference"), numbers(results, "both")], [[8], [2], [8, 2]]);
  const feeds = { x: filled([5, 3], 1), y: filled([5, 1], 2) };
  await agree(
    graph("linear"),
    [
      { fetches: ["prediction", "loss"], feeds },
      { fetches: ["loss"], feeds },
    ],
    { within: 1e-6, seed: 42 },
  );
});

examples("mnist_inference", async () => {
  const graph = graphsOf("mnist_inference", [])("mnist");
  const runs = [1, 3].map((n): Run => ({ fetches: ["probs"], feeds: { image: filled([n, 28, 28, 1], n, grey) } }));
  await agree(graph, runs, { within: 1e-5, of: "largest", prepare: shaken(0.2) });
});

examples("lenet", async () => {
  const graph = graphsOf("lenet", ["TFG0106"])("lenet");
  const image = (n: number): Nested => filled([n, 28, 28, 1], n, grey);
  const fetches = ["probs", "predicted", "loss", "accuracy", "logits"];
  const runs: Run[] = [
    { fetches, feeds: { image: image(2), label: filled([2], 5, below(10)) } },
    { fetches: ["predicted"], feeds: { image: image(1) } },
  ];
  await agree(selectOutputs(graph, fetches), runs, { within: 1e-5, of: "largest", prepare: shaken(0.2) });
});

examples("resnet, for two sizes of image", async () => {
  const graph = graphsOf("resnet", ["TFG0903"], { CLASSES: "10" })("resnet18");
  const run = (n: number, h: number, w: number): Run => ({
    fetches: ["probs"],
    feeds: { image: filled([n, h, w, 3], n + h) },
  });
  await agree(graph, [run(1, 32, 32), run(1, 32, 64)], { within: 1e-4, of: "largest", prepare: shaken(0.2) });
});

examples("mobilenet_v2: on every target as it is, beside the interpreter with images of 96 x 96", async () => {
  const prepare = shaken(0.2, 2.5);
  const small = graphsOf("mobilenet_v2", ["TFG0903"], {}, (text) => text.replace("224, 224", "96, 96"))("mobilenet_v2");
  const feeds = { image: filled([1, 96, 96, 3], 1) };
  await agree(small, [{ fetches: ["probs"], feeds }], { within: 1e-4, of: "largest", prepare });

  // 300 million products take the interpreter half a minute.
  const graph = graphsOf("mobilenet_v2", ["TFG0903"])("mobilenet_v2");
  const interpreter = new Interpreter(graph);
  prepare(interpreter);
  const image = arrayOf("f32", filled([1, 224, 224, 3], 1));
  const given: (readonly number[])[] = [];
  for (const [, opened] of await openTargets(graph, interpreter.variables))
    given.push(Array.from((await opened.run(new Map([["image", image]]), ["probs"])).get("probs")?.data ?? []));
  const [first = []] = given;
  assert.is(given.length, 3);
  assert.is(first.length, 1000);
  const largest = Math.max(...first);
  for (const other of given)
    for (const [k, x] of first.entries())
      assert.ok(Math.abs(x - (other[k] ?? Number.NaN)) <= 1e-4 * largest, `probs[${k}] is ${x} and ${other[k]}`);
});

examples("lstm", async () => {
  const graph = graphsOf("lstm", ["TFG0106"])("char_rnn");
  const text = (b: number, t: number, seed: number): Nested => filled([b, t], seed, below(96));
  const runs: Run[] = [
    { fetches: ["loss", "next"], feeds: { text: text(2, 6, 1), target: text(2, 6, 2) } },
    { fetches: ["next"], feeds: { text: text(1, 1, 3) } },
    { fetches: ["next"], feeds: { text: text(3, 9, 4) } },
  ];
  await agree(graph, runs, { within: 1e-5, of: "largest", prepare: shaken(0.2) });
});

examples("vae", async () => {
  const graph = graphsOf("vae", ["TFG0106"])("vae");
  const image = (n: number): Nested => filled([n, 28, 28, 1], n, grey);
  const runs: Run[] = [
    { fetches: ["loss"], feeds: { image: image(2) } },
    // Another run of the same feeds draws other numbers.
    { fetches: ["loss"], feeds: { image: image(2) } },
    { fetches: ["decoded"], feeds: { latent: filled([3, 20], 3, (x) => 3 * x) } },
    { fetches: ["loss", "decoded"], feeds: { image: image(1), latent: filled([1, 20], 4) } },
  ];
  const [first, second] = await agree(graph, runs, { within: 1e-5, of: "largest", seed: 5, prepare: shaken(0.2) });
  assert.is.not(numbers(first, "loss")[0], numbers(second, "loss")[0]);
});

examples("dcgan", async () => {
  const graph = graphsOf("dcgan", ["TFG0106"])("dcgan");
  const noiseOf = (n: number): Nested => filled([n, 100], n, (x) => 2 * x);
  const runs: Run[] = [
    { fetches: ["sample"], feeds: { noise: noiseOf(2) } },
    {
      fetches: ["d_loss", "g_loss", "sample"],
      feeds: { noise: noiseOf(1), real: filled([1, 28, 28, 1], 7, (x) => 2 * x) },
    },
    { fetches: ["g_loss"], feeds: { noise: noiseOf(1) } },
  ];
  await agree(graph, runs, { within: 1e-5, of: "largest", prepare: shaken(0.2) });
});

examples("linear_regression", async () => {
  const graph = graphsOf("linear_regression", ["TFG0106"]);
  const truth = [0.5, -2, 1.25];
  const rows = Array.from({ length: 12 }, (_, i) => noise(3, i + 1));
  const feeds = { x: rows, y: rows.map((row) => row.reduce((sum, x, j) => sum + x * (truth[j] ?? 0), 0)) };
  const [results] = await agree(graph("regression"), [{ fetches: ["solution", "residual"], feeds }], { within: 1e-4 });
  numbers(results, "solution").forEach((x, j) => {
    assert.ok(Math.abs(x - (truth[j] ?? 0)) < 1e-4, `coefficient ${j} is ${x}`);
  });
  const online = { x: noise(9, 1), y: noise(9, 2) };
  const runs: Run[] = [{ fetches: ["loss", "gradient"], feeds: online }];
  const prepare = (interpreter: Interpreter): void => {
    interpreter.variables.set("slope", { dtype: "f32", shape: [], data: Float64Array.of(0.75) });
    interpreter.variables.set("intercept", { dtype: "f32", shape: [], data: Float64Array.of(-0.5) });
  };
  const [given] = await agree(graph("online"), runs, { within: 1e-6, prepare });
  const exact = online.x.reduce((sum, x, i) => sum + (2 / 9) * x * (0.75 * x - 0.5 - (online.y[i] ?? 0)), 0);
  assert.ok(Math.abs((numbers(given, "gradient")[0] ?? 0) - exact) < 1e-6);
});

examples("kmeans: inertia never rises, and ten steps in one are ten single steps", async () => {
  const graph = graphsOf("kmeans", [], { K: "3" })("kmeans");
  // Three heaps around (-0.6, -0.4), (0.1, 0.7) and (0.6, -0.5).
  const middles = [
    [-0.6, -0.4],
    [0.1, 0.7],
    [0.6, -0.5],
  ];
  const points = Array.from({ length: 90 }, (_, i) =>
    noise(2, i + 1).map((x, j) => 0.5 * x + (middles[i % 3]?.[j] ?? 0)),
  );
  const single = Array.from({ length: 10 }, (): Run => ({ fetches: ["inertia", "update"], feeds: { points } }));
  const last: Run = { fetches: ["inertia", "assignment"], feeds: { points } };
  const agreement = { within: 1e-5, seed: 4 } as const;
  const steps = await agree(graph, [...single, last], agreement);
  const inertia = steps.map((results) => numbers(results, "inertia")[0] ?? Number.NaN);
  inertia.slice(1).forEach((x, i) => {
    assert.ok(x <= (inertia[i] ?? 0) + 1e-7, `inertia ${inertia[i]} rose to ${x}`);
  });
  assert.ok((inertia.at(-1) ?? 1) < 0.8 * (inertia[0] ?? 0), "ten steps make a difference");
  const [, whole] = await agree(graph, [{ fetches: ["converge"], feeds: { points } }, last], agreement);
  assert.equal(numbers(whole, "assignment"), numbers(steps.at(-1), "assignment"));
  assert.ok(Math.abs((numbers(whole, "inertia")[0] ?? 0) - (inertia.at(-1) ?? 0)) < 1e-6);
  // The heaps are far apart: each is one cluster.
  const clusters = numbers(whole, "assignment");
  assert.is(new Set(clusters.slice(0, 3)).size, 3);
  clusters.forEach((cluster, i) => {
    assert.is(cluster, clusters[i % 3], `point ${i}`);
  });
});

examples("gpt2: with its cache, token after token, the logits are those of the whole prefix", async () => {
  const settings = { VOCAB: "31", D: "16", LAYERS: "2", HEADS: "2", CONTEXT: "12", BATCH: "2" };
  const fetches = ["logits", "greedy", "next", "advance", "reset"];
  const graph = selectOutputs(graphsOf("gpt2", [], settings)("gpt2"), fetches);
  const prepare = (interpreter: Interpreter): void => {
    for (const [name, { dtype, shape, data }] of interpreter.variables)
      if (!/position|keys|values/.test(name))
        interpreter.variables.set(name, {
          dtype,
          shape,
          data: Float64Array.from(noise(data.length, name.length + 3), (x, i) => Math.fround(0.5 * x + (data[i] ?? 0))),
        });
  };
  const ids = [noise(12, 1).map(below(31)), noise(12, 2).map(below(31))];
  const tokens = (from: number, to: number): Readonly<Record<string, Nested>> => ({
    tokens: ids.map((row) => row.slice(from, to)),
  });
  const step = (from: number, to: number): Run => ({
    fetches: ["logits", "greedy", "next", "advance"],
    feeds: tokens(from, to),
  });
  const grown: Run[] = [step(0, 4), ...[4, 5, 6, 7, 8].map((i) => step(i, i + 1)), step(9, 12)];
  const full: Run = step(11, 12);
  const whole = [4, 5, 6, 7, 8, 9, 12].map((to): Run => ({ fetches: ["logits"], feeds: tokens(0, to) }));
  const given = await agree(graph, [...grown, full, { fetches: ["reset"] }, ...whole], {
    within: 1e-5,
    of: "largest",
    seed: 3,
    prepare,
  });
  const [ended, again] = [given.slice(0, grown.length), given.slice(grown.length + 2)];
  for (const [i, results] of ended.entries()) {
    const [cached, plain] = [numbers(results, "logits"), numbers(again[i], "logits")];
    assert.is(cached.length, 2 * 31);
    const largest = Math.max(...plain.map(Math.abs));
    for (const [k, x] of cached.entries())
      assert.ok(
        Math.abs(x - (plain[k] ?? Number.NaN)) <= 1e-5 * largest,
        `run ${i}: logits[${k}] is ${x}, not ${plain[k]}`,
      );
  }
  assert.is(given[grown.length]?.size, 0, "the window is full");
});

/** The program of the spectrogram once more, in float64, as its definitions read. */
function spectrogram(audio: readonly number[]): number[] {
  const [WIN, HOP, TAPS] = [512, 128, 31];
  const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const taps = Array.from(
    { length: TAPS },
    (_, n) => sinc(0.4 * (n - 15)) * (0.54 - 0.46 * Math.cos((2 * Math.PI * n) / (TAPS - 1))),
  );
  const filtered = audio.map((_, t) => taps.reduce((sum, tap, k) => sum + (audio[t + k - 15] ?? 0) * tap, 0));
  const decibels: number[] = [];
  for (let f = 0; f < Math.floor((audio.length - WIN) / HOP) + 1; f++)
    for (let b = 0; b <= WIN / 2; b++) {
      let [re, im] = [0, 0];
      for (let n = 0; n < WIN; n++) {
        const x = (filtered[f * HOP + n] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / WIN));
        re += x * Math.cos((2 * Math.PI * b * n) / WIN);
        im -= x * Math.sin((2 * Math.PI * b * n) / WIN);
      }
      decibels.push(10 * Math.log10(re ** 2 + im ** 2 + 1e-10));
    }
  return decibels;
}

examples("spectrogram agrees with a direct computation", async () => {
  const graph = graphsOf("spectrogram", [])("spectrogram");
  // In decibels the rounding of what nearly cancels is as large as the tones are; amplitudes are compared.
  const amplitude = (x: number): number => 10 ** (x / 20);
  for (const [length, seed] of [
    [1100, 1],
    [512, 2],
  ] as const) {
    const audio = noise(length, seed);
    const runs: Run[] = [{ fetches: ["decibels"], feeds: { audio } }];
    const [results] = await agree(graph, runs, { within: 1e-6, of: "largest", view: amplitude });
    const direct = spectrogram(audio).map(amplitude);
    const own = numbers(results, "decibels").map(amplitude);
    assert.is(own.length, direct.length);
    const largest = Math.max(...direct);
    own.forEach((x, i) => {
      assert.ok(Math.abs(x - (direct[i] ?? Number.NaN)) < 1e-6 * largest, `bin ${i} is ${x}, not ${direct[i]}`);
    });
  }
});

examples.run();
