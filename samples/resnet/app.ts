/** Images of several sizes through one module: `npm run sample resnet`. */
import { createSession } from "./generated/resnet.ts";

/** Rings around the middle, in three colours. */
const rings = (height: number, width: number): Float32Array =>
  Float32Array.from({ length: height * width * 3 }, (_, i) => {
    const [y, x] = [Math.floor(i / 3 / width) - height / 2, (Math.floor(i / 3) % width) - width / 2];
    return 0.5 + 0.5 * Math.sin(0.5 * Math.hypot(x, y) + (i % 3));
  });

await using session = await createSession({ seed: 1 });
for (const [height, width] of [
  [64, 64],
  [96, 64],
  [64, 160],
] as const) {
  const started = performance.now();
  const { probs } = await session.run("probs", { image: { data: rings(height, width), shape: [1, height, width, 3] } });
  process.stderr.write(`${(performance.now() - started).toFixed(1)} ms\n`);
  const best = probs.data.indexOf(Math.max(...probs.data));
  const total = probs.data.reduce((sum, x) => sum + x, 0);
  console.log(`${height} x ${width}: class ${best} of ${probs.data.length}, all probabilities are ${total.toFixed(4)}`);
}

// What the graph promises of its sizes is checked before the first kernel.
try {
  await session.run("probs", { image: { data: rings(64, 72), shape: [1, 64, 72, 3] } });
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
