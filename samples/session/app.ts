/** TensorFlow 1's first steps: `node samples/session/app.ts`, after `tfgc samples/session/session.tfg -o samples/session/generated`. */
import { arithmetic, linear } from "./generated/session.ts";

// Several fetches are one run.
await using calculator = await arithmetic.createSession();
const { sum, difference, both } = await calculator.run(["sum", "difference", "both"]);
console.log(`5 + 3 = ${sum}, 5 - 3 = ${difference}, both: ${both.data.join(", ")}`);

// Variables have their initial values when a session opens; the same seed gives the same values everywhere.
await using session = await linear.createSession({ seed: 42 });
const w = await session.params.Variable.get();
console.log(`W = ${Array.from(w, (value) => value.toFixed(6)).join(", ")}`);

const x = Float32Array.of(1, 2, 3, 4, 5, 6);
const y = Float32Array.of(1, 2);
const { prediction } = await session.run("prediction", { x });
console.log(
  `prediction ${prediction.shape.join(" x ")}: ${Array.from(prediction.data, (value) => value.toFixed(6)).join(", ")}`,
);
const { loss } = await session.run("loss", { x, y });
console.log(`loss = ${loss.toFixed(6)}`);

await session.initialize(7);
console.log(`with seed 7 the loss is ${(await session.run("loss", { x, y })).loss.toFixed(6)}`);
