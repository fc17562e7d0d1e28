/** Programs with state, loops, branches and random nodes: every target does what the interpreter does, run after run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import { type Agreement, agree as agreeOn, noise, type Run } from "./agreement.ts";
import { graphOf, type Interpreter } from "./program.ts";

interface Options extends Omit<Agreement, "within"> {
  readonly settings: Readonly<Record<string, string>>;
}

async function agree(text: string, runs: readonly Run[], within: number, more: Partial<Options> = {}): Promise<void> {
  const { settings = {}, ...agreement } = more;
  await agreeOn(graphOf(text, settings), runs, { ...agreement, within });
}

const programs = suite("programs on targets");
const textOf = (name: string): string => readFileSync(join(import.meta.dirname, "programs", name), "utf8");

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
