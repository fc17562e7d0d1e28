/** LeNet-5 before its training: `npm run sample lenet`. */
import { draw, pixels, readDigits, shuffle } from "../mnist/digits.ts";
import { createSession } from "./generated/lenet.ts";

await using session = await createSession({ seed: 1 });
const { images, labels } = shuffle(readDigits(), 1);

// `probs` needs the image only; `loss` and `accuracy` need the labels too. Fetched together they are one run.
const { probs, predicted } = await session.run(["probs", "predicted"], { image: images.subarray(0, pixels) });
for (const line of draw(images.subarray(0, pixels))) console.log(line.trimEnd());
const best = Math.max(...probs.data);
console.log(`a ${labels[0]}, taken for a ${predicted.data[0]} with ${(100 * best).toFixed(1)} %`);

const batch = 200;
const [losses, accuracies]: [number[], number[]] = [[], []];
for (let from = 0; from < 1000; from += batch) {
  const image = images.subarray(from * pixels, (from + batch) * pixels);
  const label = Int32Array.from(labels.subarray(from, from + batch));
  const { loss, accuracy } = await session.run(["loss", "accuracy"], { image, label });
  losses.push(loss);
  accuracies.push(accuracy);
}
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
console.log(`1000 digits: loss ${mean(losses).toFixed(3)}, ${(100 * mean(accuracies)).toFixed(1)} % right`);
console.log(`guessing: loss ${Math.log(10).toFixed(3)}, 10 % right`);
