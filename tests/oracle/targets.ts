/** Compiles a graph in memory and runs it on each target: what the interpreter and the oracle are compared with. */
import { compileGraph } from "../../compiler/index.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import type { DType } from "../../compiler/ir/types.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import type { GeneratedCode } from "../../compiler/targets/code.ts";
import { packKernels } from "../../compiler/targets/module.ts";
import { bitsOf, numbersOfBits } from "./small-floats.ts";
import { type AnySession, type Compiled, type Kernels, openSession, Tensor } from "../../runtime/index.ts";

export const TARGETS = ["wasm fma", "wasm base", "js"] as const;
export type TargetName = (typeof TARGETS)[number];

/** A typed array as sessions take and give them, from numbers. */
export function hostArray(dtype: DType, numbers: ArrayLike<number>) {
  switch (dtype) {
    case "i32":
      return Int32Array.from(numbers);
    case "u32":
      return Uint32Array.from(numbers);
    case "bool":
    case "u8":
      return Uint8Array.from(numbers);
    case "i8":
      return Int8Array.from(numbers);
    case "f32":
      return Float32Array.from(numbers);
    case "f16":
    case "bf16":
      return Uint16Array.from(numbers, (x) => bitsOf(dtype, x));
  }
}

/** The numbers that host elements stand for. */
const numbersOf = (dtype: DType, data: ArrayLike<number>): Float64Array =>
  dtype === "f16" || dtype === "bf16" ? numbersOfBits(dtype, data) : Float64Array.from(data);

export interface Opened {
  /** Runs with these feeds and gives the fetches as the interpreter does. */
  run(
    feeds: ReadonlyMap<string, NdArray>,
    fetches: readonly string[],
    options?: { readonly signal?: AbortSignal; readonly seed?: number },
  ): Promise<Map<string, NdArray>>;
  /** What a variable holds now. */
  variable(name: string): Promise<readonly number[]>;
}

/** A graph for sessions in this process, on whichever target. */
export async function compiledOf(graph: Graph): Promise<Compiled> {
  const { program, code } = await compileGraph(graph, { targets: { wasm: true, js: true }, verify: true });
  return { program, kernels: await kernelsOf(code) };
}

export async function kernelsOf({ wasm, js }: GeneratedCode): Promise<Kernels> {
  if (!wasm || js === undefined) throw new Error("both targets were asked for");
  return {
    wasm: { code: await packKernels(wasm), split: wasm.fma.length },
    // The text is an expression of JavaScript: the same that a generated module contains.
    js: new Function(`return ${js};`)() as NonNullable<Kernels["js"]>,
  };
}

/** A session on a target, with the variables set. */
export async function openOn(
  compiled: Compiled,
  target: TargetName,
  variables: ReadonlyMap<string, NdArray>,
  seed?: number,
): Promise<AnySession> {
  const session = await openSession(compiled, {
    device: target === "js" ? "js" : "wasm",
    profile: target === "wasm base" ? "base" : "auto",
    ...(seed === undefined ? {} : { seed }),
  });
  for (const [name, { dtype, data }] of variables) await session.params[name]?.set(hostArray(dtype, data));
  return session;
}

/** One session for each target, with the variables set. */
export async function openTargets(
  graph: Graph,
  variables: ReadonlyMap<string, NdArray>,
  targets: readonly TargetName[] = TARGETS,
): Promise<ReadonlyMap<TargetName, Opened>> {
  const compiled = await compiledOf(graph);
  const opened = new Map<TargetName, Opened>();
  for (const target of targets) opened.set(target, await open(compiled, target, variables));
  return opened;
}

async function open(compiled: Compiled, target: TargetName, variables: ReadonlyMap<string, NdArray>): Promise<Opened> {
  const session = await openOn(compiled, target, variables);
  const dtypes = new Map(compiled.program.outputs.map(({ name, dtype }) => [name, dtype]));
  return {
    variable: async (name) => Array.from((await session.params[name]?.get()) ?? []),
    async run(feeds, fetches, options) {
      const fed = Object.fromEntries(
        [...feeds].map(([name, { dtype, shape, data }]) => [name, { shape, data: hostArray(dtype, data) }]),
      );
      const results = await session.run(fetches, fed, options);
      return new Map(
        // A step has no result.
        fetches
          .filter((name) => dtypes.has(name))
          .map((name): [string, NdArray] => {
            const result = results[name];
            const dtype = dtypes.get(name) ?? "f32";
            if (result instanceof Tensor)
              return [name, { dtype, shape: result.shape, data: numbersOf(dtype, result.data) }];
            return [name, { dtype, shape: [], data: Float64Array.of(Number(result)) }];
          }),
      );
    },
  };
}
