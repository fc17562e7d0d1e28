import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluateDim } from "../compiler/ir/dims.ts";
import { needsOfFetch } from "../compiler/ir/needs.ts";
import { printGraph } from "../compiler/ir/print.ts";
import { interpret } from "../compiler/interpret.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { openTargets } from "./oracle/targets.ts";
import { randomNumbers } from "./ops/cases.ts";
import { randomArray } from "./passes/compare.ts";
import { randomGraph } from "./passes/random-graph.ts";

const test = suite("random graphs on every target");

/** `COUNT` and `SEED` in the environment run more of them, or one again. */
const count = Number(process.env.COUNT ?? 120);
const first = Number(process.env.SEED ?? 1);
const DIMS: Readonly<Record<string, number>> = { N: 3, M: 2, P: 5 };

test(`${count} random graphs from seed ${first} give the interpreter's results on every target`, async () => {
  for (let seed = first; seed < first + count; seed++) {
    const graph = randomGraph(seed);
    const next = randomNumbers(seed);
    const feeds = new Map(
      graph.inputs.map((input) => [
        input.name,
        randomArray(
          input.type.dtype,
          input.type.shape.map((dim) => evaluateDim(dim, (name) => DIMS[name] ?? 1)),
          next,
        ),
      ]),
    );
    const variables = new Map(graph.variables.map((v) => [v.name, randomArray(v.dtype, v.shape, next)]));
    for (const { data } of [...feeds.values(), ...variables.values()]) data.set(Float32Array.from(data));
    try {
      const targets = await openTargets(graph, variables);
      // Which of several inputs tells a dim depends on what is left of the graph.
      const compiled = runPasses(graph, { verify: false }).graph;
      for (const { name } of graph.outputs) {
        const want = interpret(graph, { feeds, variables, fetches: [name] }).get(name)?.data ?? new Float64Array();
        const { inputs } = needsOfFetch(compiled, name);
        for (const [target, opened] of targets) {
          const fed = new Map([...feeds].filter(([input]) => inputs.has(input)));
          const got = (await opened.run(fed, [name])).get(name)?.data ?? new Float64Array();
          const scale = Math.max(1, ...Array.from(want, (x) => (Number.isFinite(x) ? Math.abs(x) : 0)));
          assert.is(got.length, want.length, `${target}: length of ${name}`);
          want.forEach((x, i) => {
            const y = got[i] ?? Number.NaN;
            const isEqual = Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-5 * scale;
            assert.ok(isEqual, `${target}: ${name}[${i}] is ${y} instead of ${x}`);
          });
        }
      }
    } catch (problem) {
      const why = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
      throw new Error(`seed ${seed}: ${why}\n${printGraph(graph)}`);
    }
  }
});

console.log(`${count} random graphs, seeds ${first} to ${first + count - 1}`);
test.run();
