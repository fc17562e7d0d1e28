/** A program run after run on every target, beside the interpreter: results and variables agree after each. */
import * as assert from "uvu/assert";
import type { Graph } from "../compiler/ir/graph.ts";
import { type AnySession, Tensor, TfgError } from "../runtime/index.ts";
import { compiledOf, hostArray, openOn, TARGETS, type TargetName } from "./oracle/targets.ts";
import { arrayOf, Interpreter, type Nested } from "./program.ts";

export interface Run {
  readonly fetches: readonly string[];
  readonly feeds?: Readonly<Record<string, Nested>>;
}

export interface Agreement {
  readonly within: number;
  /** What `within` is relative to: each element, but at least 1, or the largest element of its tensor. */
  readonly of?: "element" | "largest";
  /** What is compared of each element of a result. */
  readonly view?: (x: number) => number;
  readonly seed?: number;
  readonly targets?: readonly TargetName[];
  /** Sets variables; the sessions start with the same. */
  readonly prepare?: (interpreter: Interpreter) => void;
}

/** The results of one run. */
export type Results = ReadonlyMap<string, { readonly data: ArrayLike<number>; readonly shape: readonly number[] }>;

async function openSessions(interpreter: Interpreter, targets: readonly TargetName[]) {
  const { graph, variables, seed } = interpreter;
  const compiled = await compiledOf(graph);
  const open = async (target: TargetName): Promise<{ readonly target: TargetName; readonly session: AnySession }> => ({
    target,
    session: await openOn(compiled, target, variables, seed),
  });
  return Promise.all(targets.map(open));
}

/** Runs on each target and by the interpreter, and compares; what the interpreter gave in each run. */
export async function agree(graph: Graph, runs: readonly Run[], agreement: Agreement): Promise<readonly Results[]> {
  const { within, of = "element", view = (x) => x, seed = 0, targets = TARGETS, prepare } = agreement;
  const interpreter = new Interpreter(graph, seed, "dtype");
  prepare?.(interpreter);
  const opened = await openSessions(interpreter, targets);
  const compare = (expected: ArrayLike<number>, got: ArrayLike<number>, where: string): void => {
    assert.is(got.length, expected.length, `${where}: its length`);
    let largest = 0;
    for (let k = 0; k < expected.length; k++) {
      const size = Math.abs(expected[k] ?? 0);
      if (size > largest && size < Number.POSITIVE_INFINITY) largest = size;
    }
    for (let k = 0; k < expected.length; k++) {
      const [x, y] = [expected[k] ?? Number.NaN, got[k] ?? Number.NaN];
      const unit = of === "largest" ? largest : Math.max(1, Math.abs(x));
      if (!(Object.is(x, y) || x === y || Math.abs(x - y) <= within * unit))
        assert.unreachable(`${where}[${k}] is ${y} instead of ${x}`);
    }
  };
  const given: Results[] = [];
  for (const [i, { fetches, feeds = {} }] of runs.entries()) {
    let failure: string | undefined;
    let results: Results = new Map();
    try {
      results = interpreter.run(fetches, feeds);
    } catch (error) {
      if (!(error instanceof TfgError)) throw error;
      failure = error.code;
    }
    given.push(results);
    for (const { target, session } of opened) {
      const where = `${target}, run ${i} of ${fetches.join(", ")}`;
      const fed = Object.fromEntries(
        Object.entries(feeds).map(([name, nested]) => {
          const { shape, data, dtype } = arrayOf(
            graph.inputs.find((input) => input.name === name)?.type.dtype ?? "f32",
            nested,
          );
          return [name, { shape, data: hostArray(dtype, data) }];
        }),
      );
      let got: Readonly<Record<string, unknown>> = {};
      let wrong: string | undefined;
      try {
        got = await session.run(fetches, fed);
      } catch (error) {
        if (!(error instanceof TfgError)) throw error;
        wrong = error.code;
      }
      assert.is(wrong, failure, where);
      for (const [name, { data, shape }] of results) {
        const result = got[name];
        if (result instanceof Tensor) assert.equal([...result.shape], [...shape], `${where}: shape of ${name}`);
        const own = result instanceof Tensor ? Array.from(result.data, Number) : [Number(result)];
        compare(Array.from(data, view), own.map(view), `${where}: ${name}`);
      }
      for (const [name, { data }] of interpreter.variables) {
        // What no run may change is looked at once: a network has millions of them.
        if (i < runs.length - 1 && !graph.updates.some(({ variable }) => variable === name)) continue;
        const own = await session.params[name]?.get();
        compare(data, own ?? [], `${where}: variable ${name}`);
      }
    }
  }
  for (const { session } of opened) session[Symbol.dispose]();
  return given;
}

/** Numbers in -0.5..0.5 without pattern, always the same. */
export function noise(count: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

/** An array of this shape from numbers in row-major order. */
export function nested(numbers: readonly number[], [size = 1, ...rest]: readonly number[]): Nested {
  const step = numbers.length / size;
  if (rest.length === 0) return numbers;
  return Array.from({ length: size }, (_, i) => nested(numbers.slice(i * step, (i + 1) * step), rest));
}
