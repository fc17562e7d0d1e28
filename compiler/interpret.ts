/**
 * The reference interpreter: each value by the `meaning` of its primitive, in float64, one after another. It knows
 * neither nests nor layouts nor fusion, so what it agrees with is not checked against itself.
 */
import { TfgError } from "../runtime/errors.ts";
import { placeOf, refusal } from "./ir/checks.ts";
import { partsOfLoop } from "./ir/regions.ts";
import { type Dim, dimSymbols, evaluateDim, formatDim, formatShape } from "./ir/dims.ts";
import type { Assertion, DimCheck, Graph, Update, Value, ValueId } from "./ir/graph.ts";
import type { TensorType } from "./ir/types.ts";
import { dimOfAttribute, numberOf, textOf } from "./ops/attributes.ts";
import { elementsOf } from "./ops/points.ts";
import type { NdArray } from "./ops/primitive.ts";
import { roundTo } from "./ops/scalar.ts";
import { primitiveOf } from "./ops/table.ts";

export interface InterpretOptions {
  /** By the names of the inputs. Only those that the fetches need, and those that bind a dim, have to be there. */
  readonly feeds: ReadonlyMap<string, NdArray>;
  /** By full names. */
  readonly variables: ReadonlyMap<string, NdArray>;
  /** Run dims that no feed binds. */
  readonly dims?: ReadonlyMap<string, number>;
  /** Names of outputs, of steps, or of nodes at graph level. */
  readonly fetches: readonly string[];
  /** `dtype` rounds each value to what its dtype holds: for programs with comparisons, floor, argmax or casts. */
  readonly rounding?: "float64" | "dtype";
  /** Of the session, and the number of the run in it: what random nodes depend on. */
  readonly seed?: number;
  readonly run?: number;
}

export interface Interpreted {
  /** Of the fetches but steps, which have no value. */
  readonly results: Map<string, NdArray>;
  /** New values of the variables that the run updates, by full names. */
  readonly updates: Map<string, NdArray>;
}

/** Evaluates the fetches. Throws a `TfgError` of language.md 6.5 for feeds, variables or fetches that do not fit. */
export const interpret = (graph: Graph, options: InterpretOptions): Map<string, NdArray> =>
  interpretRun(graph, options).results;

/** One run with its updates: all of them, or an error and none. */
export function interpretRun(graph: Graph, options: InterpretOptions): Interpreted {
  const run = new Run(graph, options);
  const goes = ({ when }: { readonly when: readonly string[] }): boolean =>
    when.some((name) => options.fetches.includes(name));
  const updates = graph.updates.filter(goes);
  refuseConflicts(graph, updates, options.fetches);
  for (const assertion of graph.assertions.filter(goes)) run.assert(assertion);
  const isStep = (name: string): boolean => graph.steps.some((step) => step.name === name);
  const results = new Map(options.fetches.filter((name) => !isStep(name)).map((name) => [name, run.fetch(name)]));
  return { results, updates: new Map(updates.map(({ variable, value }) => [variable, run.valueOf(value)])) };
}

/** TFG0807: the union of the fetches updates a variable twice. */
function refuseConflicts(graph: Graph, updates: readonly Update[], fetches: readonly string[]): void {
  for (const [i, update] of updates.entries()) {
    const first = updates.slice(0, i).find((other) => other.variable === update.variable);
    if (!first) continue;
    const [a, b] = [first, update].map(({ when }) => fetches.find((name) => when.includes(name)));
    throw new TfgError("TFG0807", `"${a}" and "${b}" both update ${update.variable}: fetch them in two runs`, {
      graph: graph.name,
    });
  }
}

const formatType = (type: TensorType): string => `${type.dtype}${formatShape(type.shape)}`;

/** What a loop computes in every iteration. */
interface Body {
  readonly leaves: readonly ValueId[];
  /** Of the values in order that depend on an iteration of this loop, those that its results are made of. */
  readonly values: readonly ValueId[];
}

class Run {
  readonly #graph: Graph;
  readonly #options: InterpretOptions;
  readonly #dims: Map<string, number>;
  /** Results of each evaluated value; more than one for a primitive that has several. */
  readonly #results = new Map<ValueId, readonly NdArray[]>();
  /** The loops, by number, on whose iteration each value depends. */
  readonly #loops: readonly ReadonlySet<number>[];
  readonly #bodies = new Map<number, Body>();
  /** Loops whose iterations are under way. */
  readonly #open = new Set<number>();
  readonly #size = (dim: Dim): number => evaluateDim(dim, (name) => this.#dimOf(name));

  constructor(graph: Graph, options: InterpretOptions) {
    this.#graph = graph;
    this.#options = options;
    for (const name of options.feeds.keys())
      if (!graph.inputs.some((input) => input.name === name))
        throw new TfgError("TFG0804", `\`${graph.name}\` has no input \`${name}\``);
    this.#dims = bindDims(graph, options);
    this.#loops = loopsOf(graph);
    for (const check of graph.checks) this.#verify(check);
  }

  fetch(name: string): NdArray {
    const output = this.#graph.outputs.find((known) => known.name === name);
    const id =
      output?.value ?? this.#graph.values.findLastIndex((value) => value.name === name && value.call === undefined);
    if (id < 0) throw new TfgError("TFG0809", `\`${this.#graph.name}\` has no output, step or node \`${name}\``);
    return this.valueOf(id);
  }

  valueOf(id: ValueId): NdArray {
    this.#evaluate([id]);
    return this.#result(id);
  }

  /** TFG0812, before anything else is computed. */
  assert({ condition, message, text, span }: Assertion): void {
    if (this.valueOf(condition).data[0] !== 0) return;
    const read = new Map<string, number>();
    for (const id of this.#closure([condition])) {
      const { op, attributes } = this.#value(id);
      if (op === "variable") read.set(String(attributes.name), this.#result(id).data[0] ?? Number.NaN);
      if (op === "dim")
        for (const name of dimSymbols(dimOfAttribute(this.#value(id), "dim"))) read.set(name, this.#dimOf(name));
    }
    const values = Array.from(read, ([name, value]) => `${name} is ${value}`).join(", ");
    const said = message === text ? "" : `${message}: `;
    throw new TfgError("TFG0812", `${said}assert ${text} (${placeOf(this.#graph, span)})${values && `: ${values}`}`, {
      graph: this.#graph.name,
    });
  }

  #dimOf(name: string): number {
    const size = this.#dims.get(name);
    if (size === undefined) throw new TfgError("TFG0801", `nothing that is fed says how large \`${name}\` is`);
    return size;
  }

  #verify(check: DimCheck): void {
    if ([...dimSymbols(check.difference)].some((name) => !this.#dims.has(name))) return;
    const difference = this.#size(check.difference);
    const { holds } = check;
    const isMet =
      holds === "== 0"
        ? difference === 0
        : holds === ">= 0"
          ? difference >= 0
          : difference % this.#size(holds.divisibleBy) === 0;
    if (isMet) return;
    const sizes = [...dimSymbols(check.difference)].map((name) => `${name} is ${this.#dimOf(name)}`);
    throw new TfgError("TFG0802", refusal(this.#graph, check, sizes.join(", ")));
  }

  #result(id: ValueId, index = 0): NdArray {
    const result = this.#results.get(id)?.[index];
    if (!result) throw new Error(`value ${id} has no result ${index}`);
    return result;
  }

  #value(id: ValueId): Value {
    const value = this.#graph.values[id];
    if (!value) throw new Error(`the graph has no value ${id}`);
    return value;
  }

  /** What the values are computed from and has no result yet, and they, in order. */
  #closure(targets: readonly ValueId[], isKnown: (id: ValueId) => boolean = () => false): readonly ValueId[] {
    const needed = new Set<ValueId>();
    const visit = [...targets];
    for (let id = visit.pop(); id !== undefined; id = visit.pop()) {
      if (needed.has(id) || isKnown(id)) continue;
      needed.add(id);
      visit.push(...this.#value(id).args);
    }
    return [...needed].sort((a, b) => a - b);
  }

  /** Evaluates what the values need, and them. Operands come before their readers, so one sweep does. */
  #evaluate(targets: readonly ValueId[]): void {
    this.#sweep(this.#closure(targets, (id) => this.#results.has(id)));
  }

  /** What depends on the iteration of a loop that is not under way is left to that loop. */
  #sweep(ids: readonly ValueId[]): void {
    for (const id of ids)
      if ([...(this.#loops[id] ?? [])].every((loop) => this.#open.has(loop)) && !this.#results.has(id))
        this.#results.set(id, this.#compute(id));
  }

  #compute(id: ValueId): readonly NdArray[] {
    const value = this.#value(id);
    if (value.op === "part") return [this.#result(value.args[0] ?? -1, numberOf(value, "index"))];
    if (value.op === "input") return [this.#stored(value.type, this.#feed(textOf(value, "name"), value.type))];
    if (value.op === "variable") return [this.#stored(value.type, this.#variable(textOf(value, "name"), value.type))];
    if (value.op === "random_key") return [this.#stored(value.type, this.#key(textOf(value, "path")))];
    if (value.op === "loop") return this.#loop(value);
    const shape = value.type.shape.map(this.#size);
    const args = value.args.map((arg) => this.#result(arg));
    const meaning = primitiveOf(value.op).meaning(args, value, { shape, type: value.type, size: this.#size });
    const types = [value.type, ...(value.more ?? [])];
    const all = meaning instanceof Float64Array ? [meaning] : meaning;
    return types.map((type, i) => this.#stored(type, all[i] ?? new Float64Array()));
  }

  // ---- loops -------------------------------------------------------------------------------------------------

  #bodyOf(loop: number, value: Value): Body {
    const known = this.#bodies.get(loop);
    if (known) return known;
    const isLeaf = (id: ValueId): boolean => {
      const { op, attributes } = this.#value(id);
      return attributes.loop === loop && op !== "loop";
    };
    const own = this.#closure(value.args).filter((id) => this.#loops[id]?.has(loop));
    const body = { leaves: own.filter(isLeaf), values: own };
    this.#bodies.set(loop, body);
    return body;
  }

  /** The carries after the last iteration, then what the iterations stacked. */
  #loop(value: Value): readonly NdArray[] {
    const loop = numberOf(value, "loop");
    const { carries: starts, next, stacked, condition } = partsOfLoop(value);
    const { leaves, values } = this.#bodyOf(loop, value);
    const times = this.#size(dimOfAttribute(value, "times"));
    const types = [value.type, ...(value.more ?? [])];
    let carries = starts.map((leaf) => this.#result(this.#value(leaf).args[0] ?? -1));
    const parts: NdArray[][] = stacked.map(() => []);
    this.#open.add(loop);
    for (let iteration = 0; iteration < times; iteration++) {
      for (const inner of values) this.#results.delete(inner);
      for (const leaf of leaves) this.#results.set(leaf, [this.#leaf(leaf, iteration, carries)]);
      this.#sweep(values);
      if (condition !== undefined && this.#result(condition).data[0] === 0) break;
      carries = next.map((id) => this.#result(id));
      for (const [i, { value: y }] of stacked.entries()) parts[i]?.push(this.#result(y));
    }
    this.#open.delete(loop);
    for (const inner of values) this.#results.delete(inner);
    const ends = carries.map((carry, i) => this.#stored(types[i] ?? value.type, carry.data));
    const ys = stacked.map(({ axis }, i) => {
      const type = types[starts.length + i] ?? value.type;
      return this.#stored(type, stackedAt(parts[i] ?? [], axis, type.shape.map(this.#size)));
    });
    return [...ends, ...ys];
  }

  /** What a leaf of a loop stands for in an iteration. */
  #leaf(id: ValueId, iteration: number, carries: readonly NdArray[]): NdArray {
    const value = this.#value(id);
    if (value.op === "counter") return this.#stored(value.type, Float64Array.of(iteration));
    if (value.op === "element") {
      const xs = this.#result(value.args[0] ?? -1);
      return this.#stored(value.type, partAt(xs, numberOf(value, "axis"), iteration));
    }
    const carry = carries[numberOf(value, "index")];
    if (!carry) throw new Error(`value ${id} is a carry that its loop does not have`);
    return carry;
  }

  /** Words of the key of a random node, then of the run's number. */
  #key(path: string): Float64Array {
    const { seed = 0, run = 0 } = this.#options;
    let hash = 0xcbf29ce484222325n;
    for (const byte of new TextEncoder().encode(path))
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    const words = (x: bigint): number[] => [Number(BigInt.asUintN(32, x)), Number(BigInt.asUintN(32, x >> 32n))];
    return Float64Array.from([...words(hash ^ BigInt.asUintN(64, BigInt(seed))), ...words(BigInt(run))]);
  }
  #stored(type: TensorType, data: Float64Array): NdArray {
    const shape = type.shape.map(this.#size);
    if (data.length !== elementsOf(shape)) throw new Error(`${data.length} elements do not make ${formatType(type)}`);
    const { dtype } = type;
    return { dtype, shape, data: this.#options.rounding === "dtype" ? data.map((x) => roundTo(dtype, x)) : data };
  }

  #feed(name: string, type: TensorType): Float64Array {
    const fed = this.#options.feeds.get(name);
    if (fed) return this.#fitting(fed, type, `feed "${name}"`, "TFG0808");
    const input = this.#graph.inputs.find((known) => known.name === name);
    if (typeof input?.default === "object") return Float64Array.from(input.default);
    if (input?.default !== undefined)
      return new Float64Array(elementsOf(type.shape.map(this.#size))).fill(input.default);
    throw new TfgError("TFG0803", `\`${name}\` is not fed; it is ${formatType(type)}`);
  }

  #variable(name: string, type: TensorType): Float64Array {
    const data = this.#options.variables.get(name);
    if (!data) throw new TfgError("TFG0701", `the variable \`${name}\` has no value; it is ${formatType(type)}`);
    return this.#fitting(data, type, `variable "${name}"`, "TFG0701");
  }

  #fitting(array: NdArray, type: TensorType, what: string, code: string): Float64Array {
    const shape = type.shape.map(this.#size);
    const fits =
      array.dtype === type.dtype &&
      array.shape.length === shape.length &&
      array.shape.every((size, i) => size === shape[i]);
    if (!fits)
      throw new TfgError(code, `${what}: ${array.dtype}[${array.shape.join(", ")}] does not fit ${formatType(type)}`);
    return array.data;
  }
}

/**
 * The run dims: given ones, then those that the shapes of the feeds determine. A size with one unknown dim that
 * occurs linearly is solved for it; what remains is left to the other feeds.
 */
function bindDims(graph: Graph, options: InterpretOptions): Map<string, number> {
  const dims = new Map(options.dims ?? []);
  const equations: { readonly dim: Dim; readonly size: number; readonly of: string }[] = [];
  for (const { name, type } of graph.inputs) {
    const fed = options.feeds.get(name);
    if (!fed) continue;
    if (fed.shape.length !== type.shape.length)
      throw new TfgError(
        "TFG0808",
        `feed "${name}": ${fed.dtype}[${fed.shape.join(", ")}] does not fit ${formatType(type)}`,
      );
    for (const [i, dim] of type.shape.entries()) equations.push({ dim, size: fed.shape[i] ?? 0, of: name });
  }
  const equalities = graph.checks.flatMap(({ difference, holds }) =>
    holds === "== 0" ? [{ dim: difference, size: 0 }] : [],
  );
  for (let before = -1; before !== dims.size; ) {
    before = dims.size;
    for (const { dim, size } of [...equations, ...equalities]) {
      const solved = solve(dim, size, dims);
      if (solved) dims.set(solved.name, solved.value);
    }
  }
  for (const { dim, size, of } of equations) {
    if ([...dimSymbols(dim)].some((name) => !dims.has(name))) continue;
    const expected = evaluateDim(dim, (name) => dims.get(name) ?? Number.NaN);
    if (expected !== size)
      throw new TfgError("TFG0801", `feed "${of}": a dimension is ${size}, but ${formatDim(dim)} is ${expected}`);
  }
  for (const [name, value] of dims)
    if (!Number.isInteger(value) || value < 1)
      throw new TfgError("TFG0802", `${name} is ${value}, but dimensions are at least 1`);
  return dims;
}

/** The one dim of `dim = size` that is not known, if the rest is and it occurs as a plain multiple. */
function solve(
  dim: Dim,
  size: number,
  known: ReadonlyMap<string, number>,
): { name: string; value: number } | undefined {
  const unknown = [...dimSymbols(dim)].filter((name) => !known.has(name));
  const [name] = unknown;
  if (name === undefined || unknown.length > 1) return undefined;
  const at = (value: number) =>
    evaluateDim(dim, (symbol) => (symbol === name ? value : (known.get(symbol) ?? Number.NaN)));
  const isLinear = dim.terms.every(
    ({ atoms }) =>
      atoms.every((atom) => atom.kind === "symbol") && atoms.filter((atom) => atom.key === name).length <= 1,
  );
  if (!isLinear) return undefined;
  const slope = at(1) - at(0);
  return slope === 0 ? undefined : { name, value: (size - at(0)) / slope };
}

/** The loops on whose iteration each value depends. */
function loopsOf(graph: Graph): readonly ReadonlySet<number>[] {
  const none: ReadonlySet<number> = new Set();
  const all: ReadonlySet<number>[] = [];
  for (const { op, args, attributes } of graph.values) {
    const loops = new Set(args.flatMap((arg) => [...(all[arg] ?? none)]));
    if (typeof attributes.loop === "number" && op === "loop") loops.delete(attributes.loop);
    else if (typeof attributes.loop === "number") loops.add(attributes.loop);
    all.push(loops.size === 0 ? none : loops);
  }
  return all;
}

/** Positions before, at and behind an axis, as counts. */
const around = (shape: readonly number[], axis: number): readonly [outer: number, inner: number] => [
  elementsOf(shape.slice(0, axis)),
  elementsOf(shape.slice(axis + 1)),
];

/** The part of an array at one position of an axis. */
function partAt({ data, shape }: NdArray, axis: number, at: number): Float64Array {
  const [outer, inner] = around(shape, axis);
  const size = shape[axis] ?? 1;
  const part = new Float64Array(outer * inner);
  for (let i = 0; i < outer; i++)
    part.set(data.subarray((i * size + at) * inner, (i * size + at + 1) * inner), i * inner);
  return part;
}

/** The parts one behind the other along an axis; zeros where a loop ended before it came there. */
function stackedAt(parts: readonly NdArray[], axis: number, shape: readonly number[]): Float64Array {
  const [outer, inner] = around(shape, axis);
  const size = shape[axis] ?? 1;
  const all = new Float64Array(elementsOf(shape));
  for (const [at, { data }] of parts.entries())
    for (let i = 0; i < outer; i++) all.set(data.subarray(i * inner, (i + 1) * inner), (i * size + at) * inner);
  return all;
}
