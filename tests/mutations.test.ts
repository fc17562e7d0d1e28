/**
 * Correct programs with small mistakes: always a message in its place or a program that compiles, never a crash or a
 * hang. By hand: `COUNT=10000 SEED=1`.
 */
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tryMutants } from "./mutations/campaign.ts";
import { correctPrograms } from "./mutations/corpus.ts";

const count = Number(process.env.COUNT ?? 1500);
const first = Number(process.env.SEED ?? 1);
const root = join(import.meta.dirname, "..");
const folders = ["samples/**/*.tfg", "tests/cases/*.tfg", "tests/programs/*.tfg", "compiler/std/*.tfg"];

const mutations = suite("mutations");

mutations(`${count} mutants from seed ${first} are refused with a message, or compile`, async () => {
  const programs = [...correctPrograms(root, folders)];
  assert.ok(programs.length > 30, "there are programs to mutate");
  const { failures, refused, correct, large, codes, slowest } = await tryMutants(programs, first, count);
  const common = [...codes].sort(([, a], [, b]) => b - a).map(([code, times]) => `${code} ${times}`);
  console.log(
    `${count} mutants of ${programs.length} programs, seeds ${first} to ${first + count - 1}: ${refused} refused, ` +
      `${correct} correct (${large} too large to compile), slowest ${Math.round(slowest.milliseconds)} ms (seed ${slowest.seed})`,
  );
  console.log(`${codes.size} codes: ${common.join(", ")}`);
  assert.is(failures.length, 0, `${failures.length} failures:\n${failures.slice(0, 10).join("\n\n")}`);
});

mutations.run();
