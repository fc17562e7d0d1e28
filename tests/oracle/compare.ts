/** One random network through the interpreter, every target, and onnxruntime. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { checkProgram } from "../../compiler/check/index.ts";
import { interpret } from "../../compiler/interpret.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { library } from "../../compiler/std/sources.ts";
import { elementsOf } from "../../compiler/ops/points.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { randomNumbers } from "../ops/cases.ts";
import { type Network, normal, randomNetwork } from "./network.ts";
import { toOnnx, toSource } from "./source.ts";
import { openTargets, TARGETS, type TargetName } from "./targets.ts";

/** What may differ, as a part of the largest output. */
export const TOLERANCE = 1e-5;

/** The graph of a source text, which must have no error. */
export function checked(text: string): Graph {
  const path = "net.tfg";
  const read = (name: string) => (name === path ? text : undefined);
  const { graphs, diagnostics } = checkProgram({ path, read, library });
  const [graph] = graphs;
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (!graph || errors.length > 0)
    throw new Error(errors.map(({ code, message }) => `${code} ${message}`).join("; ") || "no graph");
  return graph;
}

const largestOf = ({ data }: NdArray): number => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** The largest difference as a part of `largest`. Values that are no numbers differ without bound. */
export function difference(actual: NdArray | undefined, expected: NdArray, largest: number): number {
  if (!actual || actual.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (const [i, x] of expected.data.entries()) {
    const apart = Math.abs((actual.data[i] ?? Number.NaN) - x);
    if (!(apart <= worst)) worst = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
  }
  return worst === 0 ? 0 : worst / largest;
}

/** The first example alone. */
function firstOf({ dtype, shape, data }: NdArray): NdArray {
  const [, ...rest] = shape;
  return { dtype, shape: [1, ...rest], data: data.slice(0, elementsOf(rest)) };
}

async function oracleOf(network: Network, x: NdArray): Promise<NdArray> {
  const session = await InferenceSession.create(toOnnx(network), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  try {
    const results = await session.run({ x: new Tensor("float32", Float32Array.from(x.data), [...x.shape]) });
    const [y] = Object.values(results);
    if (!(y?.data instanceof Float32Array)) throw new Error("the oracle gives no floats");
    return { dtype: "f32", shape: y.dims, data: Float64Array.from(y.data) };
  } finally {
    await session.release();
  }
}

export type Party = "onnxruntime" | TargetName;
export interface Agreement {
  readonly seed: number;
  readonly source: string;
  /** Difference of each party from the interpreter, the larger of batches of 7 and of 1. */
  readonly differences: ReadonlyMap<Party, number>;
}

export async function compareNetwork(seed: number): Promise<Agreement> {
  const network = randomNetwork(seed);
  const source = toSource(network);
  const graph = checked(source);
  const next = randomNumbers(seed ^ 0x5eed);
  const shape = [7, ...network.input];
  const seven: NdArray = {
    dtype: "f32",
    shape,
    data: Float64Array.from({ length: elementsOf(shape) }, () => Math.fround(normal(next))),
  };
  const variables = new Map(
    [...network.weights].map(([name, weight]): [string, NdArray] => [
      name,
      { dtype: "f32", shape: weight.shape, data: Float64Array.from(weight.data) },
    ]),
  );
  const missing = graph.variables.map(({ name }) => name).filter((name) => !variables.has(name));
  if (missing.length > 0 || graph.variables.length !== variables.size)
    throw new Error(
      `the graph has the variables ${graph.variables.map(({ name }) => name)}, the network ${[...variables.keys()]}`,
    );
  const differences = new Map<Party, number>();
  const note = (party: Party, apart: number) => differences.set(party, Math.max(differences.get(party) ?? 0, apart));
  const targets = await openTargets(graph, variables);
  const fetches = ["y"];
  // The largest output of the network on all its data: one example alone can come out small by cancellation.
  let largest = 0;
  for (const x of [seven, firstOf(seven)]) {
    const feeds = new Map([["x", x]]);
    const expected = interpret(graph, { feeds, variables, fetches }).get("y");
    if (!expected) throw new Error("the interpreter gives no y");
    largest = Math.max(largest, largestOf(expected));
    note("onnxruntime", difference(await oracleOf(network, x), expected, largest));
    for (const target of TARGETS)
      note(target, difference((await targets.get(target)?.run(feeds, fetches))?.get("y"), expected, largest));
  }
  return { seed, source, differences };
}
