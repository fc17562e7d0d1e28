/** Sessions of a planned graph on every target, with what their runs give as the interpreter gives it. */
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { writeProgram } from "../../compiler/passes/write-program.ts";
import type { Planned } from "../../compiler/pipeline.ts";
import { generate, stepsOf } from "../../compiler/targets/code.ts";
import { Tensor, TfgError } from "../../runtime/index.ts";
import { numbersOfBits } from "../oracle/small-floats.ts";
import { hostArray, kernelsOf, openOn, TARGETS, type TargetName } from "../oracle/targets.ts";

export interface Ran {
  readonly results: ReadonlyMap<string, NdArray>;
  /** The code of the error, if the run was refused. */
  readonly refused: string;
}

export interface FuzzSession {
  readonly target: TargetName;
  run(feeds: ReadonlyMap<string, NdArray>, fetches: readonly string[]): Promise<Ran>;
  variables(): Promise<ReadonlyMap<string, NdArray>>;
  set(variables: ReadonlyMap<string, NdArray>): Promise<void>;
  close(): void;
}

export async function openAll(
  { kernels, memory, graph }: Planned,
  variables: ReadonlyMap<string, NdArray>,
  seed: number,
): Promise<readonly FuzzSession[]> {
  const code = await generate(
    kernels.kernels,
    { derive: stepsOf({ ...kernels, steps: kernels.derive }), steps: stepsOf(kernels) },
    { wasm: true, js: true },
  );
  const packed = await kernelsOf(code);
  const program = writeProgram(kernels, memory);
  return Promise.all(
    TARGETS.map(async (target): Promise<FuzzSession> => {
      const session = await openOn({ program, kernels: packed }, target, variables, seed);
      const set = async (to: ReadonlyMap<string, NdArray>): Promise<void> => {
        for (const { name } of graph.variables) {
          const array = to.get(name);
          if (array) await session.params[name]?.set(hostArray(array.dtype, array.data));
        }
      };
      const typeOf = (name: string) => program.outputs.find((output) => output.name === name)?.dtype ?? "f32";
      return {
        target,
        async run(feeds, fetches) {
          const fed = Object.fromEntries(
            [...feeds].map(([name, { dtype, shape, data }]) => [name, { shape, data: hostArray(dtype, data) }]),
          );
          try {
            const got = await session.run(fetches, fed);
            const results = fetches
              .filter((name) => program.outputs.some((output) => output.name === name))
              .map((name): [string, NdArray] => [name, arrayOf(typeOf(name), got[name])]);
            return { results: new Map(results), refused: "" };
          } catch (error) {
            if (!(error instanceof TfgError)) throw error;
            return { results: new Map(), refused: error.code };
          }
        },
        async variables() {
          const held = new Map<string, NdArray>();
          for (const { name, dtype, shape } of graph.variables) {
            const own: unknown = await session.params[name]?.get();
            held.set(name, { ...arrayOf(dtype, own), shape });
          }
          return held;
        },
        set,
        close: () => session[Symbol.dispose](),
      };
    }),
  );
}

/** A result or a variable: a tensor, a typed array, or one number. */
function arrayOf(dtype: NdArray["dtype"], result: unknown): NdArray {
  const data = result instanceof Tensor ? result.data : result;
  const shape = result instanceof Tensor ? result.shape : [];
  if (!ArrayBuffer.isView(data) || data instanceof DataView)
    return { dtype, shape, data: Float64Array.of(Number(data)) };
  const numbers = Array.from(data as Float32Array, Number);
  const isHalf = (dtype === "f16" || dtype === "bf16") && data instanceof Uint16Array;
  return { dtype, shape, data: isHalf ? numbersOfBits(dtype, numbers) : Float64Array.from(numbers) };
}
