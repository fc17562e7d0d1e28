/** Finds three clusters among 150 irises: `npm run sample kmeans`. */
import { readIrises, standardised } from "../iris/iris.ts";
import { createSession } from "./generated/kmeans.ts";

const { lengths, species } = readIrises();
const points = standardised(lengths, 4);

// The centers are a `state`: the session keeps them, and `update` moves them.
await using session = await createSession({ seed: 1 });
for (let i = 0; i < 5; i++) {
  const { inertia } = await session.run(["inertia", "update"], { points });
  console.log(`step ${i}: inertia ${inertia.toFixed(4)}`);
}
await session.run("converge", { points });
const { inertia, assignment } = await session.run(["inertia", "assignment"], { points });
console.log(`ten more steps in one run: inertia ${inertia.toFixed(4)}`);

// The species took no part in it.
const names = [...new Set(species)];
console.log(`\n${"".padEnd(12)}${names.map((name) => name.padStart(12)).join("")}`);
for (let k = 0; k < 3; k++) {
  const counts = names.map((name) => species.filter((other, i) => other === name && assignment.data[i] === k).length);
  console.log(`cluster ${k}   ${counts.map((count) => String(count).padStart(12)).join("")}`);
}
