/**
 * Random networks: the interpreter agrees with onnxruntime, and every target with the interpreter. Run by hand with
 * `--count 3000 --seed 1` for other networks than those of every run.
 */
import { parseArgs } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareNetwork, type Party, TOLERANCE } from "./oracle/compare.ts";
import { TARGETS } from "./oracle/targets.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "300" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.count);
const base = Number(values.seed);

const oracle = suite("random networks");

oracle(
  `${count} networks from seed ${base} agree with onnxruntime on every target, for batches of 1 and 7`,
  async () => {
    const worst = new Map<Party, number>();
    const failures: string[] = [];
    for (let seed = base; seed < base + count; seed++) {
      try {
        const { differences, source } = await compareNetwork(seed);
        for (const party of ["onnxruntime", ...TARGETS] as const) {
          const apart = differences.get(party) ?? Number.POSITIVE_INFINITY;
          worst.set(party, Math.max(worst.get(party) ?? 0, apart));
          if (!(apart < TOLERANCE)) failures.push(`seed ${seed}: ${party} differs by ${apart} in\n${source}`);
        }
      } catch (error) {
        failures.push(`seed ${seed}: ${error instanceof Error ? error.message : error}`);
      }
    }
    const summary = [...worst].map(([party, apart]) => `${party} ${apart.toExponential(1)}`).join(", ");
    console.log(`${count} networks, seeds ${base} to ${base + count - 1}: largest difference ${summary}`);
    // A line for each, and the sources of the first few.
    const heads = failures.slice(0, 40).map((failure) => failure.split("\n")[0]);
    assert.is(failures.length, 0, `${[...heads, ...failures.slice(0, 3)].join("\n")}`);
  },
);

oracle.run();
