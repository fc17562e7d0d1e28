/** Predicts how wide the petals of an iris are: `npm run sample linear_regression`. */
import { readIrises, standardised } from "../iris/iris.ts";
import { online, regression } from "./generated/linear_regression.ts";

const { lengths } = readIrises();
const count = lengths.length / 4;
const column = (j: number, of = lengths): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => of[i * 4 + j] ?? 0);
const width = column(3);

// In closed form, from the other three lengths and a constant.
await using exact = await regression.createSession();
const x = Float32Array.from({ length: count * 4 }, (_, i) => (i % 4 === 3 ? 1 : (lengths[i] ?? 0)));
const { solution, residual } = await exact.run(["solution", "residual"], {
  x: { data: x, shape: [count, 4] },
  y: width,
});
const names = ["sepal length", "sepal width", "petal length"];
const terms = Array.from(solution.data, (value, j) => {
  const size = Math.abs(value).toFixed(4);
  return `${value < 0 ? "-" : "+"} ${names[j] === undefined ? size : `${size} · ${names[j]}`}`;
});
console.log(`petal width = ${terms.join(" ")}`);
const mean = width.reduce((sum, y) => sum + y, 0) / count;
const variance = width.reduce((sum, y) => sum + (y - mean) ** 2, 0) / count;
console.log(
  `mean squared error ${residual.toFixed(4)} of ${variance.toFixed(4)}: R² = ${(1 - residual / variance).toFixed(4)}`,
);

// From the petal's length alone, by its gradient. In standard units the slope is the correlation.
const units = standardised(lengths, 4);
const feeds = { x: column(2, units), y: column(3, units) };
await using session = await online.createSession();
console.log("\nslope    loss     gradient");
for (let i = 0; i < 8; i++) {
  const { loss, gradient } = await session.run(["loss", "gradient"], feeds);
  const [slope = 0] = await session.params.slope.get();
  console.log(`${slope.toFixed(4)}   ${loss.toFixed(4)}  ${gradient.toFixed(4).padStart(7)}`);
  await session.params.slope.set(Float32Array.of(slope - 0.3 * gradient));
}
