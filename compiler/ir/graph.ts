/**
 * The graph: typed values in topological order, each the result of one primitive applied to earlier values.
 *
 * Plain immutable data. A call of a library function is not a node of its own but a *region*: every value knows
 * the call it was elaborated in (`call`, an index of `Graph.calls`), so that printed graphs, messages, exporters
 * and hand-written gradients keep `conv2d` and `softmax` as units while passes see primitives only.
 */
import type { Span } from "../../grammar/source.ts";
import type { Dim } from "./dims.ts";
import type { DType, TensorType } from "./types.ts";

/** Position in `Graph.values`. */
export type ValueId = number;

export interface Value {
  /** Name of a primitive of `ops/`, or one of the leaves: `input`, `variable`, `constant`, `dim`, `part`. */
  readonly op: string;
  readonly args: readonly ValueId[];
  readonly attributes: Attributes;
  readonly type: TensorType;
  /** Further results of a primitive that has several; a `part` value selects one (`attributes.index` from 1). */
  readonly more?: readonly TensorType[];
  /** The user's name of this node, if it has one. */
  readonly name?: string;
  readonly span: Span;
  /** The innermost library call it belongs to; undefined at graph level. */
  readonly call?: CallId;
}

/** What a primitive needs to know beside its operands. Each record in `ops/` declares and checks its own. */
export type Attribute = number | string | boolean | Dim | ConstantData | Comprehension | readonly Attribute[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** Data of a `constant`; integers and bools as numbers. Row-major. */
export interface ConstantData {
  readonly data: Float64Array | Float32Array | Int32Array | Uint32Array;
}

export type CallId = number;
export interface Call {
  readonly name: string;
  /** Full scope path of a layer instance, e.g. `conv2d_1`; undefined for a `def`. */
  readonly scope?: string;
  readonly parent?: CallId;
  readonly span: Span;
  readonly args: readonly ValueId[];
  readonly results: readonly ValueId[];
}

// ---- the comprehension ---------------------------------------------------------------------------

/**
 * Attribute of the primitive `tensor`: `tensor(i in M, j in N: sum(k in K: a[i, k] * b[k, j]))`.
 * `axes` holds spatial axes first, in the order of the result's dims (`rank` of them), then reduce axes.
 * The operands of the value are the arrays that `read`s name by position.
 */
export interface Comprehension {
  readonly rank: number;
  readonly axes: readonly { readonly name: string; readonly extent: Dim }[];
  readonly body: Scalar;
}

/** A scalar expression. A shared object is computed once. Index arithmetic is i32. */
export type Scalar = { readonly dtype: DType; readonly span: Span } & (
  | { readonly kind: "axis"; readonly axis: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "dim"; readonly dim: Dim }
  | {
      readonly kind: "read";
      readonly operand: number;
      readonly at: readonly Scalar[];
      /** `?? v`: the value outside of the array. Without it every index was proved to be in range, or is clamped by its primitive. */
      readonly outside?: Scalar;
    }
  /** `fn` is an entry of `ops/scalar.ts`. */
  | { readonly kind: "apply"; readonly fn: string; readonly args: readonly Scalar[] }
  | { readonly kind: "reduce"; readonly monoid: Monoid; readonly axes: readonly number[]; readonly body: Scalar }
);

export type Monoid = "sum" | "prod" | "max" | "min" | "any" | "all" | "mean" | "argmax" | "argmin";

// ---- variables, inputs, outputs ------------------------------------------------------------------

export interface Input {
  readonly name: string;
  readonly type: TensorType;
  /** What the session feeds when the caller does not (`placeholder_with_default`): a number that fills it, or its elements. */
  readonly default?: number | readonly number[];
  /** `@accepts(i64)`: the host array may be of this type; its range is checked once while uploading. */
  readonly accepts?: "i64" | "f64";
  readonly doc: string;
  readonly span: Span;
}

/** How a variable starts. Evaluated on the host by the runtime, equal on every target. */
export type Initializer =
  | { readonly fn: "fill"; readonly value: number }
  | { readonly fn: "data"; readonly data: ConstantData }
  | { readonly fn: "random_uniform"; readonly min: number; readonly max: number }
  | { readonly fn: "random_normal" | "truncated_normal"; readonly mean: number; readonly stddev: number }
  | { readonly fn: "orthogonal"; readonly gain: number };

export interface Variable {
  /** Full name: scope path and last component, `conv2d/kernel`. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly trainable: boolean;
  readonly init: Initializer;
  readonly doc: string;
  readonly span: Span;
}

export interface Output {
  readonly name: string;
  readonly value: ValueId;
  readonly doc: string;
  readonly span: Span;
}

/**
 * A fetchable name that computes nothing of its own: fetching it makes its updates take part in the run. Outputs and
 * steps share one set of names.
 */
export interface Step {
  readonly name: string;
  readonly doc: string;
  readonly span: Span;
}

/**
 * `variable := value`. The value is computed from the variables as they were before the run; it is stored when the run
 * has succeeded. Two updates of one variable may have fetches in common only in different steps: fetching both is TFG0807.
 */
export interface Update {
  /** Full name. */
  readonly variable: string;
  /** Of the variable's type. */
  readonly value: ValueId;
  /** Names of the outputs and steps whose runs it takes part in. */
  readonly when: readonly string[];
  readonly span: Span;
}

/** `assert` on what the host knows before a run: run dims, constants and integer variables of rank 0. */
export interface Assertion {
  /** A bool of rank 0, computed from `dim`, `constant` and `variable` leaves by scalar functions. */
  readonly condition: ValueId;
  /** As written by the user, else the text of the condition. */
  readonly message: string;
  readonly text: string;
  /** As `Update.when`. */
  readonly when: readonly string[];
  readonly span: Span;
}

/** A run-time check at the feeds: `holds` says how `difference` must compare with 0, or by what it must be divisible. */
export interface DimCheck {
  readonly difference: Dim;
  readonly holds: "== 0" | ">= 0" | { readonly divisibleBy: Dim };
  /** As the user wrote it: `N <= 1024`. */
  readonly text: string;
  /** What an `assert` says about it. */
  readonly message?: string;
  readonly span: Span;
}

export interface Graph {
  readonly name: string;
  readonly doc: string;
  readonly span: Span;
  /** Run dims in the order of their declaration. */
  readonly dims: readonly { readonly name: string; readonly span: Span }[];
  readonly checks: readonly DimCheck[];
  readonly inputs: readonly Input[];
  readonly variables: readonly Variable[];
  readonly outputs: readonly Output[];
  readonly steps: readonly Step[];
  readonly updates: readonly Update[];
  readonly assertions: readonly Assertion[];
  /** Topological order: operands come before their readers. */
  readonly values: readonly Value[];
  readonly calls: readonly Call[];
}

export function valueOf(graph: Graph, id: ValueId): Value {
  const value = graph.values[id];
  if (!value) throw new Error(`the graph has no value ${id}`);
  return value;
}

/*
 * Leaves:   input     attributes { name }
 *           variable  attributes { name }
 *           constant  attributes { data: ConstantData }
 *           dim       attributes { dim: Dim }            a size as a rank-0 tensor, i32 or f32
 *           part      attributes { index }               a further result of its operand
 *           random_key attributes { path }               u32[4]: low and high word of the key (the session's seed mixed
 *                                                        with the node's path), low and high word of the run's number
 *
 * Loops (`scan`, `while`) stay in the flat list. A loop has a number, unique in the graph, and these leaves:
 *
 *           carry     args [init], attributes { loop, index }   a carried value at the start of an iteration
 *           element   args [xs], attributes { loop, axis }      xs at this iteration, without the axis that is scanned
 *           counter   attributes { loop }                       i32: iterations done, from 0
 *
 * What depends on a leaf of the loop is its body, computed in every iteration; what does not stands outside. Behind
 * the body comes
 *
 *           loop      attributes { loop, times: Dim, carries, axes: number[], bounded }
 *                     args [leaf of each carry …, next of each carry …, y of each stacked output …, condition if `bounded`]
 *
 * Its results are the carries after the last iteration, then each y stacked at its axis of `axes`. With a condition
 * (computed from the carries at the start of an iteration) it ends before the first iteration in which that is false;
 * `times` is the bound. Loops nest: an inner loop's `carry`, `element` or body may depend on leaves of an outer one.
 *
 *           if        args [condition, then, else]              a scalar condition of the run; only the branch that is
 *                                                               taken has to be computed
 */
