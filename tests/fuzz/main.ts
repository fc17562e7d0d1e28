/** The long run: `node tests/fuzz/main.ts --minutes 10 --seed 1`, or `--count 500`; `--whole` does not shrink. */
import { parseArgs } from "node:util";
import { featureTable, run, summary } from "./campaign.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    count: { type: "string" },
    seed: { type: "string", default: "1" },
    whole: { type: "boolean", default: false },
  },
});
const minutes = values.minutes ?? (values.count === undefined ? "10" : undefined);
const campaign = await run(Number(values.seed), {
  ...(values.count === undefined ? {} : { count: Number(values.count) }),
  ...(minutes === undefined ? {} : { until: performance.now() + Number(minutes) * 60_000 }),
  isShrunk: !values.whole,
  progress: (text) => process.stderr.write(`${text}\n`),
  told: (text) => process.stdout.write(`${text}\n\n`),
});
process.stdout.write(`${featureTable(campaign)}\n\n`);
for (const text of campaign.undecided.slice(0, 40)) process.stdout.write(`undecided: ${text}\n`);
process.stdout.write(`${summary(campaign)}\n`);
if (campaign.failures.length > 0) process.exitCode = 1;
