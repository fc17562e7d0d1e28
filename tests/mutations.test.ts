/**
 * Correct programs with small mistakes: always a message in its place or a program that compiles, never a crash or a
 * hang. By hand: `COUNT=10000 SEED=1`.
 */
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { told, tryMutants } from "./mutations/campaign.ts";
import { correctPrograms } from "./mutations/corpus.ts";

const count = Number(process.env.COUNT ?? 400);
const first = Number(process.env.SEED ?? 1);
const root = join(import.meta.dirname, "..");
const folders = ["samples/**/*.tfg", "tests/cases/*.tfg", "tests/programs/*.tfg", "compiler/std/*.tfg"];

const mutations = suite("mutations");

mutations(`${count} mutants from seed ${first} are refused with a message, or compile`, async () => {
  const programs = [...correctPrograms(root, folders)];
  assert.ok(programs.length > 30, "there are programs to mutate");
  const result = await tryMutants(programs, first, count);
  console.log(told(result, programs.length, first, count));
  assert.is(result.failures.length, 0, result.failures.slice(0, 10).join("\n\n"));
});

mutations.run();
