/**
 * The reference interpreter: each value by the `meaning` of its primitive, in float64, one after another. It knows
 * neither nests nor layouts nor fusion, so what it agrees with is not checked against itself.
 */
import { TfgError } from "../runtime/errors.ts";
import { type Dim, dimSymbols, evaluateDim, formatDim, formatShape } from "./ir/dims.ts";
import type { DimCheck, Graph, ValueId } from "./ir/graph.ts";
import type { TensorType } from "./ir/types.ts";
import { numberOf, textOf } from "./ops/attributes.ts";
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
  /** Names of outputs, or of nodes at graph level. */
  readonly fetches: readonly string[];
  /** `dtype` rounds each value to what its dtype holds: for programs with comparisons, floor, argmax or casts. */
  readonly rounding?: "float64" | "dtype";
}

/** Evaluates the fetches. Throws a `TfgError` of language.md 6.5 for feeds, variables or fetches that do not fit. */
export function interpret(graph: Graph, options: InterpretOptions): Map<string, NdArray> {
  const run = new Run(graph, options);
  return new Map(options.fetches.map((name) => [name, run.fetch(name)]));
}

const formatType = (type: TensorType): string => `${type.dtype}${formatShape(type.shape)}`;

class Run {
  readonly #graph: Graph;
  readonly #options: InterpretOptions;
  readonly #dims: Map<string, number>;
  /** Results of each evaluated value; more than one for a primitive that has several. */
  readonly #results = new Map<ValueId, readonly NdArray[]>();
  readonly #size = (dim: Dim): number => evaluateDim(dim, (name) => this.#dimOf(name));

  constructor(graph: Graph, options: InterpretOptions) {
    this.#graph = graph;
    this.#options = options;
    for (const name of options.feeds.keys())
      if (!graph.inputs.some((input) => input.name === name))
        throw new TfgError("TFG0804", `\`${graph.name}\` has no input \`${name}\``);
    this.#dims = bindDims(graph, options);
    for (const check of graph.checks) this.#verify(check);
  }

  fetch(name: string): NdArray {
    const output = this.#graph.outputs.find((known) => known.name === name);
    const id =
      output?.value ?? this.#graph.values.findLastIndex((value) => value.name === name && value.call === undefined);
    if (id < 0) throw new TfgError("TFG0809", `\`${this.#graph.name}\` has no output or node \`${name}\``);
    this.#evaluate(id);
    return this.#result(id);
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
    throw new TfgError("TFG0802", `where ${check.text}: ${sizes.join(", ")}`);
  }

  #result(id: ValueId, index = 0): NdArray {
    const result = this.#results.get(id)?.[index];
    if (!result) throw new Error(`value ${id} has no result ${index}`);
    return result;
  }

  /** Evaluates what the value needs, and it. Operands come before their readers, so one sweep does. */
  #evaluate(target: ValueId): void {
    const needed = new Set<ValueId>();
    const visit = [target];
    for (let id = visit.pop(); id !== undefined; id = visit.pop()) {
      if (needed.has(id) || this.#results.has(id)) continue;
      needed.add(id);
      visit.push(...(this.#graph.values[id]?.args ?? []));
    }
    for (const id of [...needed].sort((a, b) => a - b)) this.#results.set(id, this.#compute(id));
  }

  #compute(id: ValueId): readonly NdArray[] {
    const value = this.#graph.values[id];
    if (!value) throw new Error(`the graph has no value ${id}`);
    if (value.op === "part") return [this.#result(value.args[0] ?? -1, numberOf(value, "index"))];
    if (value.op === "input") return [this.#stored(value.type, this.#feed(textOf(value, "name"), value.type))];
    if (value.op === "variable") return [this.#stored(value.type, this.#variable(textOf(value, "name"), value.type))];
    const shape = value.type.shape.map(this.#size);
    const args = value.args.map((arg) => this.#result(arg));
    const meaning = primitiveOf(value.op).meaning(args, value, { shape, type: value.type, size: this.#size });
    const types = [value.type, ...(value.more ?? [])];
    const all = meaning instanceof Float64Array ? [meaning] : meaning;
    return types.map((type, i) => this.#stored(type, all[i] ?? new Float64Array()));
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
