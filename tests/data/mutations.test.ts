/** The programs of the language's reference with small mistakes: a message in its place or a program that compiles. */
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { told, tryMutants } from "../mutations/campaign.ts";
import { correctPrograms } from "../mutations/corpus.ts";

const shared = process.env.TFGC_SHARED ?? resolve(import.meta.dirname, "../../../shared");
const count = Number(process.env.COUNT ?? 1000);
const first = Number(process.env.SEED ?? 1);

const mutations = suite("mutations of the reference");

mutations(`${count} mutants from seed ${first} are refused with a message, or compile`, async () => {
  const programs = [...correctPrograms(join(shared, "design/language"), ["*.tfg", "std/*.tfg"])];
  assert.ok(programs.length > 5, "there are programs to mutate");
  const result = await tryMutants(programs, first, count);
  console.log(told(result, programs.length, first, count));
  assert.is(result.failures.length, 0, result.failures.slice(0, 10).join("\n\n"));
});

mutations.run();
