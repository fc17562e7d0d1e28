/** Weights and feeds: from files to what a session or the interpreter takes, and results back to a file. */
import type { DType, InitSpec, Program, VariableSpec } from "../../runtime/abi.ts";
import { arrayOf, type ArrayOf, type HostArray, toNumbers } from "../../runtime/dtype.ts";
import { openSession, type SessionOptions, TfgError, type Weights, writeSafetensors } from "../../runtime/index.ts";
import { fitWeights, readNumbers, type StoredTensor } from "../../runtime/restore.ts";
import type { Graph, Initializer } from "../ir/graph.ts";
import type { Shown } from "./show.ts";

/** One tensor per result under its name, of its dtype. */
export function resultsAsFile(results: ReadonlyMap<string, Shown>): Blob {
  const tensors = Array.from(results, ([name, { dtype, shape, data }]) => ({
    name,
    dtype,
    shape,
    data: arrayOf(dtype, data),
  }));
  return writeSafetensors(tensors);
}

/** The weights of some programs as one safetensors file. Throws TFG0701 where they do not fit. */
export async function weightsFor(weights: Weights, programs: readonly Program[]): Promise<Uint8Array> {
  const tensors = new Map<
    string,
    { name: string; dtype: DType; shape: readonly number[]; data: ArrayOf<ArrayBuffer>[DType] }
  >();
  for (const program of programs)
    for (const [variable, stored] of fitWeights(program, weights, undefined, true).found) {
      const { name, dtype, shape } = variable;
      const values = readNumbers(await stored.read(), stored, variable, weights.name);
      tensors.set(name, { name, dtype, shape, data: arrayOf(dtype, values) });
    }
  return new Uint8Array(await writeSafetensors(tensors.values()).arrayBuffer());
}

// ---- feeds -----------------------------------------------------------------------------------------------

export interface Fed {
  readonly data: HostArray;
  readonly shape: readonly number[];
}

/** The tensors of a feeds file by name, each of the dtype that its input declares or accepts (else TFG0808). */
export async function readFeeds(weights: Weights, graph: Graph): Promise<Map<string, Fed>> {
  const feeds = new Map<string, Fed>();
  for (const [name, tensor] of weights.tensors) {
    const input = graph.inputs.find((known) => known.name === name);
    const { dtype, shape } = tensor;
    if (input && dtype !== input.type.dtype && dtype !== input.accepts)
      throw new TfgError(
        "TFG0808",
        `feed "${name}": the file has ${dtype}[${shape.join(", ")}], the input is ${input.type.dtype}`,
      );
    feeds.set(name, { data: await hostArray(name, tensor), shape });
  }
  return feeds;
}

const arrays: Readonly<Record<string, new (bytes: ArrayBuffer) => HostArray>> = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

async function hostArray(name: string, tensor: StoredTensor): Promise<HostArray> {
  const type = arrays[tensor.dtype];
  if (!type) throw new TfgError("TFG0808", `feed "${name}": no input is ${tensor.dtype}`);
  return new type((await tensor.read()).slice().buffer);
}

/** What a feed's elements stand for. */
export function feedNumbers(fed: Fed, dtype: DType): Float64Array {
  if (fed.data instanceof BigInt64Array) return Float64Array.from(fed.data, Number);
  return Float64Array.from(fed.data instanceof Float64Array ? fed.data : toNumbers(dtype, fed.data));
}

// ---- variables without kernels ---------------------------------------------------------------------------

/**
 * The variables of a graph as the interpreter takes them: initialised or restored by a session that has no kernels,
 * so that the interpreter needs nothing which the passes make.
 */
export async function variableValues(graph: Graph, options: SessionOptions): Promise<Map<string, Shown>> {
  let end = 64;
  const variables = graph.variables.map(({ name, dtype, shape, trainable, init }): VariableSpec => {
    const address = end;
    end += Math.ceil((4 * shape.reduce((a, b) => a * b, 1)) / 64) * 64;
    return { name, dtype, shape, trainable, init: initSpec(init), address };
  });
  const program: Program = {
    abi: 1,
    name: graph.name,
    source: "",
    dims: [],
    checks: [],
    inputs: [],
    outputs: [],
    variables,
    assertions: [],
    actions: [],
    updates: [],
    random: [],
    constants: "",
    constantsAt: end,
    arenaAt: end,
    slots: [],
    deriveBlock: end,
    stepsBlock: end,
    derive: [],
    steps: [],
  };
  const kernels = { js: () => ({ derive: () => {}, run: () => {} }) };
  const session = await openSession({ program, kernels }, options);
  const values = new Map<string, Shown>();
  for (const { name, dtype, shape } of variables) {
    const data = await session.params[name]?.get();
    if (data) values.set(name, { dtype, shape, data: toNumbers(dtype, data) });
  }
  return values;
}

function initSpec(init: Initializer): InitSpec {
  if (init.fn === "fill") return ["fill", init.value];
  if (init.fn === "random_uniform") return [init.fn, init.min, init.max];
  if (init.fn === "orthogonal") return [init.fn, init.gain];
  if (init.fn !== "data") return [init.fn, init.mean, init.stddev];
  const { data } = init.data;
  const words = data instanceof Int32Array || data instanceof Uint32Array ? data : Float32Array.from(data);
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  return ["data", Buffer.from(bytes).toString("base64")];
}
