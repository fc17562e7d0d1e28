/**
 * Random graphs of primitives: every target computes what the interpreter does, under several sizes of one compiled
 * program. By hand: `--count 2000 --seed 1`.
 */
import { parseArgs } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluateDim } from "../compiler/ir/dims.ts";
import { interpret } from "../compiler/interpret.ts";
import { elementsOf } from "../compiler/ops/points.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { randomNumbers } from "./ops/cases.ts";
import { randomGraph } from "./ops/random-graph.ts";
import { openTargets } from "./oracle/targets.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "150" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.count);
const base = Number(values.seed);
const SIZES: readonly Readonly<Record<string, number>>[] = [
  { N: 3, M: 2 },
  { N: 1, M: 1 },
  { N: 7, M: 13 },
];
/** Of the largest element of the output; chains are short and their slopes bounded. */
const TOLERANCE = 2e-5;

async function failuresOf(seed: number): Promise<readonly string[]> {
  const graph = randomGraph(seed, 3 + (seed % 9));
  const next = randomNumbers(seed ^ 0xda7a);
  const array = (shape: readonly number[]): NdArray => ({
    dtype: "f32",
    shape,
    data: Float64Array.from({ length: elementsOf(shape) }, () => Math.fround(next() * 4 - 2)),
  });
  const variables = new Map(graph.variables.map(({ name, shape }) => [name, array(shape)]));
  const fetches = graph.outputs.map(({ name }) => name);
  const failures: string[] = [];
  const targets = await openTargets(graph, variables);
  for (const sizes of SIZES) {
    const feeds = new Map(
      graph.inputs.map(({ name, type }) => [
        name,
        array(type.shape.map((dim) => evaluateDim(dim, (symbol) => sizes[symbol] ?? 0))),
      ]),
    );
    const expected = interpret(graph, { feeds, variables, fetches });
    for (const [target, { run }] of targets) {
      // What the outputs do not need must not be fed.
      const actual = await run(feeds, fetches);
      for (const name of fetches) {
        const want = expected.get(name)?.data ?? new Float64Array();
        const got = actual.get(name)?.data ?? new Float64Array();
        const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
        const worst = want.findIndex((x, i) => !(Math.abs((got[i] ?? Number.NaN) - x) <= TOLERANCE * largest));
        if (worst >= 0 || got.length !== want.length)
          failures.push(
            `seed ${seed}, N ${sizes.N}, M ${sizes.M}, ${target}: ${name}[${worst}] is ${got[worst]}, expected ${want[worst]}`,
          );
      }
    }
  }
  return failures;
}

const fuzz = suite("random graphs");

fuzz(`${count} graphs from seed ${base} compute the same on every target, for several sizes`, async () => {
  const failures: string[] = [];
  for (let seed = base; seed < base + count; seed++) {
    try {
      failures.push(...(await failuresOf(seed)));
    } catch (error) {
      failures.push(`seed ${seed}: ${error instanceof Error ? error.stack?.split("\n").slice(0, 3).join(" ") : error}`);
    }
  }
  assert.is(failures.length, 0, `${failures.length} differences:\n${failures.slice(0, 20).join("\n")}`);
});

fuzz.run();
