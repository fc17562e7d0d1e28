import { suite } from "uvu";
import { printGraph } from "../compiler/ir/print.ts";
import { assertPlanned } from "./passes/compare.ts";
import { randomGraph } from "./passes/random-graph.ts";

const test = suite("passes on random graphs");

/** `COUNT` and `SEED` in the environment run more of them, or one again. */
const count = Number(process.env.COUNT ?? 400);
const first = Number(process.env.SEED ?? 1);

test(`${count} random graphs from seed ${first} plan to kernels that agree with the interpreter`, () => {
  for (let seed = first; seed < first + count; seed++) {
    const graph = randomGraph(seed);
    try {
      assertPlanned(graph, { N: 3, M: 2, P: 5 }, seed);
    } catch (problem) {
      const why = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
      throw new Error(`seed ${seed}: ${why}\n${printGraph(graph)}`);
    }
  }
});

console.log(`${count} random graphs, seeds ${first} to ${first + count - 1}`);
test.run();
