/**
 * One workload with one peer in this process: `node bench/measure.ts PEER WORKLOAD MILLISECONDS`.
 * Prints one line of JSON: the median time of a run, and how far its output is from the reference's.
 */
import { readFileSync } from "node:fs";
import { referenceFile } from "./files.ts";
import type { Peer } from "./peers/peer.ts";
import { inputOf, workloadNamed } from "./workloads.ts";

export interface Measured {
  readonly version: string;
  /** Milliseconds. */
  readonly median: number;
  readonly runs: number;
  /** Largest difference from the reference, over the largest value of the reference. */
  readonly error: number;
}

const [, , peerName = "", workloadName = "", budget = "1000"] = process.argv;
const workload = workloadNamed(workloadName);
const { peer }: { peer: Peer } = await import(`./peers/${peerName}.ts`);
const run = await peer.load(workload);
const input = inputOf(workload);

const first = await run(input);
const expected = new Float32Array(new Uint8Array(readFileSync(referenceFile(workload))).buffer);
let difference = 0;
let largest = 0;
for (const [i, value] of expected.entries()) {
  const apart = Math.abs((first[i] ?? Number.NaN) - value);
  difference = apart <= difference ? difference : Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
  largest = Math.max(largest, Math.abs(value));
}

const milliseconds = Number(budget);
for (let start = performance.now(), i = 0; i < 3 || performance.now() - start < milliseconds / 2; i++) await run(input);
const times: number[] = [];
for (
  let start = performance.now();
  times.length < 7 || (performance.now() - start < milliseconds && times.length < 20000);
) {
  const before = performance.now();
  // A result that is there at once is taken at once: awaiting it would charge the peer for a turn of the queue.
  const result = run(input);
  if (result instanceof Promise) await result;
  times.push(performance.now() - before);
}
times.sort((a, b) => a - b);
const measured: Measured = {
  version: peer.version,
  median: times[times.length >> 1] ?? Number.NaN,
  runs: times.length,
  error: difference / largest,
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
// Some peers keep the process alive.
process.exit(0);
