/** The five most probable of 1000 classes: `npm run sample mobilenet_v2`. */
import { createSession } from "./generated/mobilenet_v2.ts";

const side = 224;
/** A sunset: sky, sun and sea. */
const image = Float32Array.from({ length: side * side * 3 }, (_, i) => {
  const [y, x, colour] = [Math.floor(i / 3 / side), Math.floor(i / 3) % side, i % 3];
  if (Math.hypot(x - 112, y - 120) < 30 && y < 140) return [1, 0.8, 0.2][colour] ?? 0;
  if (y < 140) return (([0.9, 0.5, 0.4][colour] ?? 0) * (60 + y)) / 200;
  return ([0.1, 0.2, 0.4][colour] ?? 0) + 0.05 * Math.sin(x / 9 + y);
});

await using session = await createSession({ seed: 2 });
// Nobody has trained these weights, so the classes mean nothing. Initial values are meant for training, where the batch
// normalises; with the variances at 1 the signal would fade on its way through 52 convolutions.
for (const [name, param] of Object.entries(session.params))
  if (name.endsWith("gamma")) await param.set(new Float32Array(param.shape[0]).fill(3));
const { probs } = await session.run("probs", { image });
const ranked = Array.from(probs.data, (probability, label) => ({ label, probability }))
  .sort((a, b) => b.probability - a.probability)
  .slice(0, 5);
for (const { label, probability } of ranked)
  console.log(`class ${String(label).padStart(3)}  ${(100 * probability).toFixed(3)} %`);

const times: number[] = [];
for (let i = 0; i < 5; i++) {
  const started = performance.now();
  await session.run("probs", { image });
  times.push(performance.now() - started);
}
times.sort((a, b) => a - b);
process.stderr.write(`${times[2]?.toFixed(1)} ms per image (${session.stats.device})\n`);
