/** Kernels by hand, their meaning by direct evaluation, and running them on every CPU target. */
import * as assert from "uvu/assert";
import { type Dim, dimOf, dimSymbol, evaluateDim } from "../compiler/ir/dims.ts";
import type {
  Access,
  Affine,
  AxisId,
  Combine,
  Guard,
  Kernel,
  KernelOperand,
  Nest,
  NestScalar,
  Reduction,
  ScalarId,
  Store,
} from "../compiler/ir/nest.ts";
import type { DType } from "../compiler/ir/types.ts";
import { scalarFunction } from "../compiler/ops/scalar.ts";
import { generate } from "../compiler/targets/code.ts";

export type Size = number | string | Dim;
export const size = (value: Size): Dim =>
  typeof value === "number" ? dimOf(value) : typeof value === "string" ? dimSymbol(value) : value;

export type Terms = readonly (readonly [axis: AxisId, times: Size])[];

/** An index expression: sum of times * axis, plus a constant, plus data-dependent positions. */
export const affine = (terms: Terms, plus: Size = 0, scalars: readonly (readonly [ScalarId, Size])[] = []): Affine => ({
  terms: terms.map(([axis, times]) => ({ axis, times: size(times) })),
  scalars: scalars.map(([scalar, times]) => ({ scalar, times: size(times) })),
  plus: size(plus),
});

/** Collects one nest. */
export class NestMaker {
  readonly #axes: { name: string; extent: Dim }[] = [];
  readonly #scalars: NestScalar[] = [];
  readonly #reductions: Reduction[] = [];
  readonly #stores: Store[] = [];

  axis(name: string, extent: Size): AxisId {
    return this.#axes.push({ name, extent: size(extent) }) - 1;
  }
  #push(scalar: NestScalar): ScalarId {
    return this.#scalars.push(scalar) - 1;
  }
  constant(value: number, dtype: DType = "f32"): ScalarId {
    return this.#push({ dtype, op: "constant", value });
  }
  read(operand: number, at: Affine, dtype: DType = "f32", guards: readonly Guard[] = [], outside?: ScalarId): ScalarId {
    const access: Access = { operand, address: at };
    return this.#push({ dtype, op: "read", access, guards, ...(outside === undefined ? {} : { outside }) });
  }
  index(at: Affine): ScalarId {
    return this.#push({ dtype: "i32", op: "index", at });
  }
  dim(dim: Size, dtype: DType): ScalarId {
    return this.#push({ dtype, op: "dim", dim: size(dim) });
  }
  apply(fn: string, dtype: DType, ...args: readonly ScalarId[]): ScalarId {
    return this.#push({ dtype, op: "apply", fn, args });
  }
  reduce(combine: Combine, over: readonly AxisId[], value: ScalarId, dtype: DType = "f32"): ScalarId {
    return this.#push({ dtype, op: "reduced", reduction: this.#reductions.push({ over, combine, value }) - 1 });
  }
  store(
    operand: number,
    at: Affine,
    value: ScalarId,
    over: readonly AxisId[] = at.terms.map((term) => term.axis),
  ): void {
    this.#stores.push({ access: { operand, address: at }, value, over });
  }
  get nest(): Nest {
    return { axes: this.#axes, scalars: this.#scalars, reductions: this.#reductions, stores: this.#stores };
  }
}

export const input = (dtype: DType = "f32"): KernelOperand => ({ dtype, access: "read" });
export const output = (dtype: DType = "f32"): KernelOperand => ({ dtype, access: "write" });

export function kernelOf(
  nests: Nest | readonly Nest[],
  operands: readonly KernelOperand[],
  dims: readonly string[] = [],
): Kernel {
  return { name: "kernel", nests: "axes" in nests ? [nests] : nests, operands, dims, spans: [] };
}

export type Data = Float32Array | Int32Array | Uint32Array;
export type Dims = Readonly<Record<string, number>>;

const wrap = (dtype: DType, value: number): number =>
  dtype === "u32" ? value >>> 0 : dtype === "i32" ? value | 0 : value;

/** Evaluates a nest as its definition says, in f64, over memory given per operand. */
export function evaluateNest(nest: Nest, kernel: Kernel, memory: readonly Float64Array[], dims: Dims): void {
  const sizeOf = (dim: Dim): number => evaluateDim(dim, (name) => dims[name] ?? Number.NaN);
  type Point = Map<AxisId, number>;
  const at = (index: Affine, point: Point): number => {
    let sum = sizeOf(index.plus);
    for (const term of index.terms) sum += sizeOf(term.times) * (point.get(term.axis) ?? 0);
    for (const term of index.scalars) sum += sizeOf(term.times) * valueOf(term.scalar, point);
    return sum;
  };
  const addressOf = ({ operand, address }: Access, point: Point): number => {
    if (!kernel.operands[operand]?.packed) return at(address, point);
    // Column n of a packed operand: its panel begins at the address of column n - n mod 8.
    const column = address.terms.find((term) => !nest.reductions.some((r) => r.over.includes(term.axis)))?.axis ?? 0;
    const n = point.get(column) ?? 0;
    return at(address, new Map(point).set(column, n - (n % 8))) + (n % 8);
  };
  const forEach = (axes: readonly AxisId[], point: Point, visit: (point: Point) => void): void => {
    const [axis, ...rest] = axes;
    if (axis === undefined) {
      visit(point);
      return;
    }
    const extent = sizeOf(nest.axes[axis]?.extent ?? dimOf(0));
    for (let i = 0; i < extent; i++) forEach(rest, new Map(point).set(axis, i), visit);
  };
  const known = new Map<string, number>();
  const valueOf = (id: ScalarId, point: Point): number => {
    const scalar = nest.scalars[id];
    if (!scalar) throw new Error("no such scalar");
    switch (scalar.op) {
      case "constant":
        return scalar.value;
      case "index":
        return at(scalar.at, point);
      case "dim":
        return sizeOf(scalar.dim);
      case "read": {
        const isInside = scalar.guards.every((guard) => {
          const index = at(guard.index, point);
          return index >= 0 && index < sizeOf(guard.extent);
        });
        if (!isInside && scalar.outside !== undefined) return valueOf(scalar.outside, point);
        const value = memory[scalar.access.operand]?.[addressOf(scalar.access, point)];
        if (value === undefined) throw new Error("a read outside of its operand");
        return value;
      }
      case "apply": {
        const operand = nest.scalars[scalar.args[scalar.args.length - 1] ?? 0]?.dtype ?? "f32";
        const [a = 0, b = 0, c = 0] = scalar.args.map((arg) => valueOf(arg, point));
        return scalarFunction(scalar.fn).meaning(operand, scalar.dtype)(a, b, c);
      }
      case "reduced": {
        const reduction = nest.reductions[scalar.reduction];
        if (!reduction) throw new Error("no such reduction");
        const outer = new Map([...point].filter(([axis]) => !reduction.over.includes(axis)));
        const key = `${id}:${[...outer]
          .map(([axis, i]) => `${axis}=${i}`)
          .sort()
          .join()}`;
        const before = known.get(key);
        if (before !== undefined) return before;
        const values: number[] = [];
        forEach(reduction.over, outer, (inner) => values.push(valueOf(reduction.value, inner)));
        const dtype = nest.scalars[reduction.value]?.dtype ?? "f32";
        const result = fold(reduction.combine, values, dtype);
        known.set(key, result);
        return result;
      }
    }
  };
  for (const store of nest.stores)
    forEach(store.over, new Map(), (point) => {
      const target = memory[store.access.operand];
      const address = at(store.access.address, point);
      if (!target || address < 0 || address >= target.length) throw new Error("a store outside of its operand");
      const value = valueOf(store.value, point);
      target[address] = kernel.operands[store.access.operand]?.dtype === "f32" ? Math.fround(value) : value;
    });
}

function fold(combine: Combine, values: readonly number[], dtype: DType): number {
  switch (combine) {
    case "sum":
      return values.reduce((a, b) => wrap(dtype, a + b), 0);
    case "prod":
      return values.reduce(
        (a, b) => (dtype === "i32" ? Math.imul(a, b) : dtype === "u32" ? Math.imul(a, b) >>> 0 : a * b),
        1,
      );
    case "max":
      return values.reduce((a, b) => Math.max(a, b), dtype === "f32" ? Number.NEGATIVE_INFINITY : (values[0] ?? 0));
    case "min":
      return values.reduce((a, b) => Math.min(a, b), dtype === "f32" ? Number.POSITIVE_INFINITY : (values[0] ?? 0));
    case "any":
      return values.some((v) => v !== 0) ? 1 : 0;
    case "all":
      return values.every((v) => v !== 0) ? 1 : 0;
    default: {
      let best = 0;
      values.forEach((value, i) => {
        const now = values[best] ?? 0;
        if (Number.isNaN(now)) return;
        if (Number.isNaN(value) || (combine === "argmax" ? value > now : value < now)) best = i;
      });
      return best;
    }
  }
}

export interface Running {
  readonly target: string;
  /** Runs the kernel once more and gives the operands as they are then. */
  run(operands: readonly Data[], dims?: Dims): readonly Data[];
}

const CANARY = 0x5ca1ab1e;

/** A kernel compiled for `fma`, `base` and `js`. */
export async function compileKernel(kernel: Kernel): Promise<readonly Running[]> {
  const argCount = kernel.operands.length + kernel.dims.length;
  const args = [...kernel.operands.map(() => "pointer" as const), ...kernel.dims.map(() => "dim" as const)];
  const code = await generate(
    [kernel],
    { derive: [], steps: [{ do: "call", kernel: 0, args }] },
    { wasm: true, js: true },
  );
  const entry = (target: string, bind: (memory: WebAssembly.Memory) => { run(block: number): void }): Running => ({
    target,
    run(operands, dims = {}) {
      const block = 64;
      let end = block + 64 * Math.ceil((argCount + 1) / 16);
      const places = operands.map((data) => {
        const start = end;
        end += 64 * Math.ceil((data.byteLength + 64) / 64);
        return start;
      });
      const memory = new WebAssembly.Memory({ initial: Math.ceil((end + 64) / 65536) });
      const words = new Int32Array(memory.buffer);
      words.set([1, ...places, ...kernel.dims.map((name) => dims[name] ?? 0)], block / 4);
      operands.forEach((data, i) => {
        const start = (places[i] ?? 0) / 4;
        words.fill(CANARY, start + data.length, start + 16 * Math.ceil((data.length + 16) / 16));
        words.set(new Int32Array(data.buffer, data.byteOffset, data.length), start);
      });
      bind(memory).run(block);
      operands.forEach((data, i) => {
        const start = (places[i] ?? 0) / 4;
        const after = words.subarray(start + data.length, start + 16 * Math.ceil((data.length + 16) / 16));
        if (!after.every((word) => word === CANARY)) assert.unreachable(`${target} wrote behind operand ${i}`);
      });
      return operands.map((data, i) => {
        const bytes = memory.buffer.slice(places[i] ?? 0, (places[i] ?? 0) + data.byteLength);
        return data instanceof Float32Array
          ? new Float32Array(bytes)
          : data instanceof Int32Array
            ? new Int32Array(bytes)
            : new Uint32Array(bytes);
      });
    },
  });
  const fromBytes = (bytes: Uint8Array): ((memory: WebAssembly.Memory) => { run(block: number): void }) => {
    const module = new WebAssembly.Module(new Uint8Array(bytes));
    return (memory) => {
      const { run } = new WebAssembly.Instance(module, { m: { m: memory } }).exports;
      return { run: (block) => (run as (block: number) => void)(block) };
    };
  };
  const fromText = (text: string): ((memory: WebAssembly.Memory) => { run(block: number): void }) => {
    const make = new Function(`"use strict"; return ${text};`)() as (memory: ArrayBuffer) => {
      run(block: number): void;
    };
    return (memory) => make(memory.buffer as ArrayBuffer);
  };
  if (!code.wasm || code.js === undefined) throw new Error("not generated");
  return [
    entry("fma", fromBytes(code.wasm.fma)),
    entry("base", fromBytes(code.wasm.base)),
    entry("js", fromText(code.js)),
  ];
}

/** The operands after the kernel, as its definition says. */
export function meaningOf(kernel: Kernel, operands: readonly Data[], dims: Dims): readonly Float64Array[] {
  const memory = operands.map((data) => Float64Array.from(data));
  for (const nest of kernel.nests) evaluateNest(nest, kernel, memory, dims);
  return memory;
}

/** Every target computes what the nest means: floats within `tolerance` of the largest value or of 1
 * (the size of the operands' elements, whose sums may cancel), integers exactly. */
export async function assertMeaning(
  kernel: Kernel,
  operands: readonly Data[],
  dims: Dims = {},
  tolerance = 2e-6,
): Promise<void> {
  const expected = meaningOf(kernel, operands, dims);
  for (const { target, run } of await compileKernel(kernel)) {
    const actual = run(operands, dims);
    kernel.operands.forEach((operand, i) => {
      const [wanted, found] = [expected[i], actual[i]];
      if (!wanted || !found) throw new Error("an operand is missing");
      const scale =
        operand.dtype === "f32" ? wanted.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a), 1) : 0;
      wanted.forEach((value, k) => {
        const got = found[k] ?? Number.NaN;
        const isSame = Object.is(value, got) || value === got || Math.abs(value - got) <= tolerance * scale;
        if (!isSame)
          assert.unreachable(
            `${target}: operand ${i} element ${k} is ${got}, not ${value} (dims ${JSON.stringify(dims)})`,
          );
      });
    });
  }
}

/** Reproducible numbers within -1 .. 1 (mulberry32). */
export function randomFloats(length: number, seed: number): Float32Array {
  let state = seed | 0;
  return Float32Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1;
  });
}
