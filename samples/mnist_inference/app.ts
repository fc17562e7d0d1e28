/** Saves weights and restores them elsewhere: `npm run sample mnist_inference`. */
import { pixels, readDigits, shuffle } from "../mnist/digits.ts";
import { createSession } from "./generated/mnist_inference.ts";

const { images } = shuffle(readDigits(), 1);
const image = images.subarray(0, 3 * pixels);
const row = (data: Float32Array, i: number): string =>
  Array.from(data.subarray(i * 10, (i + 1) * 10), (x) => x.toFixed(3)).join(" ");

await using session = await createSession({ seed: 8 });
for (const [name, { shape }] of Object.entries(session.params)) console.log(`${name.padEnd(14)} ${shape.join(" x ")}`);
const { probs } = await session.run("probs", { image });
for (let i = 0; i < 3; i++) console.log(row(probs.data, i));

// The file is safetensors, and its names are those of TensorFlow. A session takes it when it opens, or later.
const file = await session.save();
console.log(`saved: ${file.size} bytes`);
await using restored = await createSession({ weights: file });
const again = await restored.run("probs", { image });
console.log(`restored: ${again.probs.data.join() === probs.data.join() ? "the same in every bit" : "different"}`);

await using fresh = await createSession({ seed: 9 });
const report = await fresh.restore(file);
console.log(`restored over other weights: ${JSON.stringify(report)}`);
