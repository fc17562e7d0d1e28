/**
 * Classifies 10,000 handwritten digits: `node samples/mnist/app.ts [--seed N] [--show N]`, after
 * `tfgc samples/mnist/mnist.tfg -o samples/mnist/generated`.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { draw, pixels, readDigits, shuffle } from "./digits.ts";
import { createSession } from "./generated/mnist.ts";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, show: { type: "string", default: "6" } },
});
const shown = Number(values.show);
const perRow = 3;
const batch = 100;

await using session = await createSession({ weights: fileURLToPath(new URL("checkpoint/variables", import.meta.url)) });
const { images, labels } = shuffle(readDigits(), Number(values.seed));
const count = labels.length;
const imagesOf = (from: number, to: number): Float32Array => images.subarray(from * pixels, to * pixels);

// A few to look at. The batch size is a number like any other: here it is `shown`, below it is 100.
if (shown > 0) {
  const { probs, digit } = await session.run(["probs", "digit"], { image: imagesOf(0, shown) });
  const pictures = Array.from({ length: shown }, (_, i) => {
    const answer = digit.data[i] ?? 0;
    const certainty = Math.round(100 * (probs.data[i * 10 + answer] ?? 0));
    const verdict = answer === labels[i] ? "right" : `wrong, it is ${labels[i]}`;
    return [...draw(imagesOf(i, i + 1)), `${answer} (${certainty} %): ${verdict}`];
  });
  for (let i = 0; i < pictures.length; i += perRow) {
    const row = pictures.slice(i, i + perRow);
    for (const line of row[0]?.keys() ?? [])
      console.log(
        row
          .map((picture) => (picture[line] ?? "").padEnd(30))
          .join("")
          .trimEnd(),
      );
    console.log();
  }
}

let right = 0;
let milliseconds = 0;
for (let from = 0; from < count; from += batch) {
  const image = imagesOf(from, Math.min(from + batch, count));
  const started = performance.now();
  const { digit } = await session.run("digit", { image });
  milliseconds += performance.now() - started;
  for (const [i, answer] of digit.data.entries()) if (answer === labels[from + i]) right++;
  if (process.stderr.isTTY) process.stderr.write(`\r${from + image.length / pixels} of ${count}`);
}
if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");

console.log(`${count} digits: ${right} right, ${((100 * right) / count).toFixed(2)} %`);
console.log(`${((1000 * milliseconds) / count).toFixed(1)} µs per digit (${session.stats.device})`);
