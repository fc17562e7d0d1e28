/** Programs with state, loops, branches and random nodes: every target does what the interpreter does, run after run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileGraph } from "../compiler/index.ts";
import { packKernels } from "../compiler/targets/module.ts";
import { type Kernels, openSession, Tensor, TfgError } from "../runtime/index.ts";
import { hostArray, TARGETS, type TargetName } from "./oracle/targets.ts";
import { arrayOf, graphOf, Interpreter, type Nested } from "./program.ts";

interface Run {
  readonly fetches: readonly string[];
  readonly feeds?: Readonly<Record<string, Nested>>;
}

/** Of a session like the interpreter's; the code and text of the error, if the run fails. */
async function sessionsOf(interpreter: Interpreter) {
  const { graph, variables, seed } = interpreter;
  const { program, code } = await compileGraph(graph, { targets: { wasm: true, js: true }, verify: true });
  const { wasm, js } = code;
  if (!wasm || js === undefined) throw new Error("both targets were asked for");
  const kernels: Kernels = {
    wasm: { code: await packKernels(wasm), split: wasm.fma.length },
    js: new Function(`return ${js};`)() as NonNullable<Kernels["js"]>,
  };
  const open = async (target: TargetName) => {
    const session = await openSession(
      { program, kernels },
      { device: target === "js" ? "js" : "wasm", profile: target === "wasm base" ? "base" : "auto", seed },
    );
    for (const [name, { dtype, data }] of variables) await session.params[name]?.set(hostArray(dtype, data));
    return { target, session };
  };
  return Promise.all(TARGETS.map(open));
}

/** Runs on each target and by the interpreter, and compares results and variables after each. */
async function agree(text: string, runs: readonly Run[], within: number, more: Partial<Options> = {}): Promise<void> {
  const graph = graphOf(text, more.settings ?? {});
  const interpreter = new Interpreter(graph, more.seed ?? 0, "dtype");
  more.prepare?.(interpreter);
  const opened = await sessionsOf(interpreter);
  const isClose = (x: number, y: number): boolean =>
    Object.is(x, y) || x === y || Math.abs(x - y) <= within * Math.max(1, Math.abs(x));
  for (const [i, { fetches, feeds = {} }] of runs.entries()) {
    let failure: string | undefined;
    let results = new Map<string, { readonly data: ArrayLike<number>; readonly shape: readonly number[] }>();
    try {
      results = interpreter.run(fetches, feeds);
    } catch (error) {
      if (!(error instanceof TfgError)) throw error;
      failure = error.code;
    }
    for (const { target, session } of opened) {
      const where = `${target}, run ${i} of ${fetches.join(", ")}`;
      const fed = Object.fromEntries(
        Object.entries(feeds).map(([name, nested]) => {
          const { shape, data, dtype } = arrayOf(
            graph.inputs.find((input) => input.name === name)?.type.dtype ?? "f32",
            nested,
          );
          return [name, { shape, data: hostArray(dtype, data) }];
        }),
      );
      let got: Readonly<Record<string, unknown>> = {};
      let wrong: string | undefined;
      try {
        got = await session.run(fetches, fed);
      } catch (error) {
        if (!(error instanceof TfgError)) throw error;
        wrong = error.code;
      }
      assert.is(wrong, failure, where);
      for (const [name, { data, shape }] of results) {
        const result = got[name];
        const numbers = result instanceof Tensor ? [...result.data].map(Number) : [Number(result)];
        if (result instanceof Tensor) assert.equal([...result.shape], [...shape], `${where}: shape of ${name}`);
        Array.from(data).forEach((x, k) => {
          assert.ok(isClose(x, numbers[k] ?? Number.NaN), `${where}: ${name}[${k}] is ${numbers[k]} instead of ${x}`);
        });
      }
      for (const [name, { data }] of interpreter.variables) {
        const own = (await session.params[name]?.get()) as ArrayLike<number> | Tensor | undefined;
        const numbers = own instanceof Tensor ? own.data : own;
        Array.from(data).forEach((x, k) => {
          const y = Number(numbers?.[k] ?? Number.NaN);
          assert.ok(isClose(x, y), `${where}: variable ${name}[${k}] is ${y} instead of ${x}`);
        });
      }
    }
  }
  for (const { session } of opened) session[Symbol.dispose]();
}

interface Options {
  readonly settings: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly prepare: (interpreter: Interpreter) => void;
}

const programs = suite("programs on targets");
const textOf = (name: string): string => readFileSync(join(import.meta.dirname, "programs", name), "utf8");

/** Numbers without pattern, always the same. */
function noise(count: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}
const rows = (n: number, width: number, seed = 1): number[][] => {
  const all = noise(n * width, seed);
  return Array.from({ length: n }, (_, i) => all.slice(i * width, (i + 1) * width));
};

programs("updates read what was before the run, in every order and across fetches", async () => {
  const text = textOf("updates.tfg");
  const x = noise(5);
  const runs: Run[] = [
    { fetches: ["z", "swap"] },
    { fetches: ["z"] },
    { fetches: ["swap", "rotate"] },
    { fetches: ["rotate"] },
    { fetches: ["y", "z", "swap"], feeds: { x } },
    { fetches: ["y"], feeds: { x: noise(9, 3) } },
    ...[0, 1, 2, 3].map((): Run => ({ fetches: ["decay"] })),
    { fetches: ["clear", "decay"] },
    { fetches: ["clear", "y"], feeds: { x } },
  ];
  await agree(text, runs, 1e-6);
});

programs("loops with their outputs, exchanged carries, conditions, and loops in loops", async () => {
  const text = textOf("loops.tfg");
  const fetches = [
    "ys",
    "last",
    "swapped",
    "fib",
    "root",
    "unread",
    "none",
    "nested",
    "fixed",
    "chosen",
    "counted",
    "triangle",
  ];
  const all = (n: number, t: number): Run => ({ fetches, feeds: { x: rows(n, t, n + t), a: 2.5 } });
  await agree(text, [all(2, 3), all(1, 1), all(5, 7), { fetches: ["root"], feeds: { a: 9 } }, all(2, 3)], 1e-5);
});

programs("recurrent layers in scans", async () => {
  const text = textOf("recurrent.tfg");
  const feeds = (b: number, t: number) => ({
    x: Array.from({ length: b }, (_, i) => rows(t, 5, i + t)),
  });
  const fetches = ["lstm_out", "gru_out", "masked"];
  await agree(
    text,
    [
      { fetches, feeds: feeds(2, 6) },
      { fetches, feeds: feeds(1, 1) },
      { fetches, feeds: feeds(3, 4) },
    ],
    1e-5,
  );
});

programs("random nodes: bits and uniforms alike in every bit, normals within 1e-6, in loops too", async () => {
  const exact = textOf("random.tfg");
  const feeds = { _x: rows(3, 5) };
  const fetches = ["bits", "uniform", "turns", "nested", "choice"];
  const runs: Run[] = [
    { fetches, feeds },
    { fetches, feeds },
    { fetches: ["scalar", "order", "reseed"] },
    { fetches: ["reseed"] },
  ];
  for (const seed of [0, 2 ** 33 + 7]) await agree(exact, runs, 0, { seed });
  const near = textOf("normals.tfg");
  const all = { fetches: ["odd", "even", "cut", "scaled"], feeds: { _x: noise(501) } };
  await agree(near, [all, all], 1e-6, { seed: 3 });
});

programs("GPT-2 in small: prompt, tokens one by one, a full window, a reset", async () => {
  const settings = { VOCAB: "17", D: "12", LAYERS: "2", HEADS: "3", CONTEXT: "8" };
  const prepare = (interpreter: Interpreter): void => {
    for (const [name, { dtype, shape, data }] of interpreter.variables)
      if (!/position|keys|values|gamma/.test(name))
        interpreter.variables.set(name, {
          dtype,
          shape,
          data: Float64Array.from(noise(data.length, name.length + 3), Math.fround),
        });
  };
  const step = (...tokens: number[]): Run => ({
    fetches: ["logits", "greedy", "advance"],
    feeds: { tokens: [tokens] },
  });
  const runs = [step(3, 1, 4, 1), step(5), step(9), step(2, 6), step(5), { fetches: ["reset"] }, step(3, 1), step(4)];
  await agree(textOf("gpt2.tfg"), runs, 1e-4, { settings, prepare });
});

programs("k-means, by steps and by its loop", async () => {
  const feeds = { points: rows(40, 2) };
  const runs: Run[] = [
    { fetches: ["inertia"], feeds },
    { fetches: ["inertia", "update"], feeds },
    { fetches: ["converge"], feeds },
    { fetches: ["assignment", "inertia"], feeds },
  ];
  await agree(textOf("kmeans.tfg"), runs, 1e-4, { settings: { K: "3" }, seed: 1 });
});

programs.run();
