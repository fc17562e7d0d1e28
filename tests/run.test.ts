import { suite } from "uvu";
import * as assert from "uvu/assert";
import { judge, suitesWithoutRun } from "./run.ts";

const runner = suite("test runner");
const summary = (total: number, passed: number, skipped = 0): string =>
  `\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  1.00ms\n`;
const good = 'const a = suite("a");\na.run();\n';

runner("a file whose tests all pass, passes", () => {
  assert.equal(judge(summary(3, 3), 0, good), { passed: 3, failed: 0 });
});

runner("a failing test fails the file", () => {
  assert.equal(judge(summary(3, 2), 1, good).failed, 1);
});

runner("a file that prints no summary fails", () => {
  assert.equal(judge("", 0, good).failed, 1);
});

runner("a file that registered no test fails", () => {
  assert.equal(judge(summary(0, 0), 0, good).failed, 1);
});

runner("a suite without .run() fails the file, also beside one that runs", () => {
  const source = `${good}const b = suite("b");\n`;
  assert.equal(suitesWithoutRun(source), ["b"]);
  assert.equal(judge(summary(3, 3), 0, source).failed, 1);
});

runner("a skipped test fails the file", () => {
  assert.equal(judge(summary(3, 2, 1), 0, good).failed, 1);
});

runner("an exit code other than 0 fails the file", () => {
  assert.equal(judge(summary(3, 3), 7, good).failed, 1);
});

runner.run();
