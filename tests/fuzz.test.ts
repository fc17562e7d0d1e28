/**
 * Random programs: the interpreter, WebAssembly in both profiles and JavaScript agree, in any order of passes. By hand,
 * for longer and with smaller failures: `node tests/fuzz/main.ts --minutes 10 --seed 1`.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run, summary } from "./fuzz/campaign.ts";

/** As many as an idle machine judges in half a minute. */
const COUNT = Number(process.env.COUNT ?? 250);
const FIRST = Number(process.env.SEED ?? 1);

const fuzz = suite("random programs");

fuzz(`${COUNT} programs from seed ${FIRST} compute the same on every target`, async () => {
  const campaign = await run(FIRST, { count: COUNT, isShrunk: false });
  console.log(summary(campaign));
  assert.is(campaign.failures.length, 0, campaign.failures.slice(0, 5).join("\n\n"));
  assert.ok(campaign.undecided.length <= campaign.elements / 1000, campaign.undecided.slice(0, 20).join("\n"));
});

fuzz.run();
