/**
 * One kernel's nest: the scalar of a value at an index, evaluated backwards through every producer that `fuse`
 * decided to inline, until it reaches buffers. Fusion is substitution; nothing is recognised afterwards.
 */
import { addAffine, affineKey, affineOf, axisIndex, scalarIndex, scaleAffine, substituteAxes } from "../ir/affine.ts";
import {
  type Dim,
  dimOf,
  dimSymbol,
  divideExactly,
  equalDims,
  isLiteral,
  literalOf,
  mulDims,
  ONE,
} from "../ir/dims.ts";
import type { ConstantData, Graph, ValueId } from "../ir/graph.ts";
import { scalarKey } from "../ir/keys.ts";
import { type LoopId, loopOfLeaf } from "../ir/regions.ts";
import type { BufferId, LoopNest, LoopScalar } from "../ir/loops.ts";
import type { Affine, Axis, AxisId, Combine, Reduction, ScalarId } from "../ir/nest.ts";
import type { DType, TensorType } from "../ir/types.ts";
import type { NestBuilder } from "../ops/primitive.ts";
import { primitives } from "../ops/table.ts";

/** These values have to be in buffers for their readers to be lowered; `fuse` materialises them and lowers again. */
export class NeedsBuffer extends Error {
  readonly values: readonly ValueId[];
  constructor(...values: readonly ValueId[]) {
    super(`values ${values.join(", ")} need buffers`);
    this.values = values;
  }
}

export interface Lowered {
  readonly nest: LoopNest;
  /** Every value whose computation went into this nest, the root included. */
  readonly inlined: ReadonlySet<ValueId>;
  /** The value that each reduction of the nest computes. */
  readonly owners: readonly ValueId[];
}

/** `bufferOf` says where a value lies, if it lies anywhere. */
export function lower(graph: Graph, root: ValueId, bufferOf: (value: ValueId) => BufferId | undefined): Lowered {
  const type = graph.values[root]?.type ?? raise("no such value");
  const lowering = new Lowering(graph, bufferOf);
  const at = type.shape.map((extent, i) => lowering.openAxis(`i${i}`, extent));
  const value = lowering.scalarOf(root, at, true);
  const target = bufferOf(root) ?? raise("a root has a buffer");
  return { nest: lowering.finish(target, at, value), inlined: lowering.inlined, owners: lowering.owners };
}

/** A value written to a buffer that is not its own: `place` says where its element at an index goes. */
export function lowerCopy(
  graph: Graph,
  value: ValueId,
  bufferOf: (value: ValueId) => BufferId | undefined,
  target: BufferId,
  place: (at: readonly Affine[]) => readonly Affine[] = (at) => at,
): Lowered {
  const type = graph.values[value]?.type ?? raise("no such value");
  const lowering = new Lowering(graph, bufferOf);
  const at = type.shape.map((extent, i) => lowering.openAxis(`i${i}`, extent));
  const scalar = lowering.scalarOf(value, at);
  return { nest: lowering.finish(target, place(at), scalar), inlined: lowering.inlined, owners: lowering.owners };
}

/** A root that lies in the memory of its first operand and differs from it in a part only: writes that part. */
export function lowerPart(
  graph: Graph,
  root: ValueId,
  bufferOf: (value: ValueId) => BufferId | undefined,
): Lowered | undefined {
  const value = graph.values[root] ?? raise("no such value");
  const shape = graph.values[value.args[1] ?? -1]?.type.shape;
  const primitive = primitives[value.op];
  if (!primitive?.part || !shape) return undefined;
  const lowering = new Lowering(graph, bufferOf);
  const at = shape.map((extent, i) => lowering.openAxis(`i${i}`, extent));
  const part = primitive.part(lowering.builder(root), value, at);
  lowering.inlined.add(root);
  const target = bufferOf(root) ?? raise("a root has a buffer");
  return { nest: lowering.finish(target, part.at, part.value), inlined: lowering.inlined, owners: lowering.owners };
}

/** The name that stands for the iterations of a loop where a size may stand. No name of the source has a `#`. */
export const counterName = (loop: LoopId): string => `#${loop}`;

function raise(message: string): never {
  throw new Error(message);
}

class Lowering {
  readonly inlined = new Set<ValueId>();
  readonly owners: ValueId[] = [];
  readonly #graph: Graph;
  readonly #bufferOf: (value: ValueId) => BufferId | undefined;
  readonly #axes: Axis[] = [];
  /** An axis that was split into others: its index in terms of theirs. */
  readonly #split = new Map<AxisId, { as: Affine; parts: readonly AxisId[] }>();
  readonly #scalars: LoopScalar[] = [];
  readonly #known = new Map<string, ScalarId>();
  readonly #reductions: Reduction[] = [];
  #evaluated = new Map<string, ScalarId>();

  constructor(graph: Graph, bufferOf: (value: ValueId) => BufferId | undefined) {
    this.#graph = graph;
    this.#bufferOf = bufferOf;
  }

  openAxis(name: string, extent: Dim): Affine {
    return isLiteral(extent, 1) ? affineOf(0) : axisIndex(this.#axes.push({ name, extent }) - 1);
  }

  finish(buffer: BufferId, at: readonly Affine[], value: ScalarId): LoopNest {
    const index = at.map((a) => this.#resolve(a));
    const over = [...new Set(index.flatMap((a) => a.terms.map((term) => term.axis)))];
    return {
      axes: this.#axes,
      scalars: this.#scalars.map((scalar) => this.#resolveScalar(scalar)),
      reductions: this.#reductions.map((reduction) => ({ ...reduction, over: this.#resolveAxes(reduction.over) })),
      stores: [{ buffer, at: index, value, over }],
    };
  }

  /** The scalar of a value at one index per dim. */
  scalarOf(id: ValueId, at: readonly Affine[], isRoot = false, outside?: ScalarId): ScalarId {
    const value = this.#graph.values[id] ?? raise("no such value");
    const index = at.map((a) => this.#resolve(a));
    const rank0 = value.type.shape.length === 0;
    if (value.op === "constant" && rank0) {
      const { data } = value.attributes.data as ConstantData;
      return this.#push({ dtype: value.type.dtype, op: "constant", value: data[0] ?? 0 });
    }
    if (value.op === "dim") return this.#push({ dtype: value.type.dtype, op: "dim", dim: value.attributes.dim as Dim });
    if (value.op === "counter")
      return this.#push({ dtype: "i32", op: "dim", dim: dimSymbol(counterName(loopOfLeaf(value))) });
    const buffer = isRoot ? undefined : this.#bufferOf(id);
    if (buffer !== undefined)
      return this.#push({
        dtype: value.type.dtype,
        op: "load",
        buffer,
        at: index,
        ...(outside === undefined ? {} : { outside }),
      });
    if (outside !== undefined) throw new NeedsBuffer(id);
    const key = `${id}@${index.map(affineKey).join(",")}`;
    const before = this.#evaluated.get(key);
    if (before !== undefined) return before;
    if (value.op === "element") {
      const axis = Number(value.attributes.axis);
      const now = affineOf(dimSymbol(counterName(loopOfLeaf(value))));
      return this.scalarOf(value.args[0] ?? raise("an element has an operand"), [
        ...index.slice(0, axis),
        now,
        ...index.slice(axis),
      ]);
    }
    // A part is computed as the value it is a part of is, from the same operands.
    const isPart = value.op === "part";
    const source = isPart ? (value.args[0] ?? raise("a part has an operand")) : id;
    const computed = this.#graph.values[source] ?? raise("no such value");
    const primitive = primitives[computed.op];
    if (!primitive?.nest) throw new NeedsBuffer(id);
    this.inlined.add(id);
    const result = isPart ? Number(value.attributes.index) : 0;
    const scalar = primitive.nest(this.builder(source), computed, index, result);
    this.#evaluated.set(key, scalar);
    return scalar;
  }

  builder(reader: ValueId): NestBuilder {
    const args = this.#graph.values[reader]?.args ?? [];
    const argument = (k: number): ValueId => args[k] ?? raise("no such operand");
    return {
      operand: (k, at, outside) => this.scalarOf(argument(k), at, false, outside),
      typeOf: (k): TensorType => this.#graph.values[argument(k)]?.type ?? raise("no such value"),
      reduceAxis: (name, extent) => this.#axes.push({ name, extent }) - 1,
      index: axisIndex,
      reduce: (combine, over, value, dtype) => this.#reduce(reader, combine, over, value, dtype),
      apply: (fn, dtype, ...parts) => this.#push({ dtype, op: "apply", fn, args: parts }),
      constant: (value, dtype) => this.#push({ dtype, op: "constant", value }),
      dim: (dim, dtype) => {
        const literal = literalOf(dim);
        return literal === undefined
          ? this.#push({ dtype, op: "dim", dim })
          : this.#push({ dtype, op: "constant", value: literal });
      },
      indexValue: (at) => this.#indexValue(this.#resolve(at)),
      position: scalarIndex,
      add: (a, b) => addAffine(a, "terms" in b && "scalars" in b ? b : affineOf(b)),
      scale: scaleAffine,
      literal: affineOf,
      regroup: (at, from, to) => this.#regroup(at, from, to) ?? raise2(reader),
    };
  }

  #indexValue(at: Affine): ScalarId {
    const [only] = at.scalars;
    if (only && at.scalars.length === 1 && at.terms.length === 0 && isLiteral(at.plus, 0) && isLiteral(only.times, 1))
      return only.scalar;
    const literal = at.terms.length === 0 && at.scalars.length === 0 ? literalOf(at.plus) : undefined;
    return this.#push(
      literal === undefined ? { dtype: "i32", op: "index", at } : { dtype: "i32", op: "constant", value: literal },
    );
  }

  #reduce(owner: ValueId, combine: Combine, over: readonly AxisId[], value: ScalarId, dtype: DType): ScalarId {
    // An axis of extent 1 is not reduced over: nothing changes under it. (For argmax the position in it is 0.)
    const axes = this.#resolveAxes(over);
    const key = `${combine} ${axes.join(",")} ${value}`;
    let reduction = this.#reductions.findIndex(
      (r) => `${r.combine} ${this.#resolveAxes(r.over).join(",")} ${r.value}` === key,
    );
    if (reduction < 0) {
      reduction = this.#reductions.push({ over: axes, combine, value }) - 1;
      this.owners[reduction] = owner;
    }
    return this.#push({ dtype, op: "reduced", reduction });
  }

  #push(scalar: LoopScalar): ScalarId {
    const key = scalarKey(scalar);
    const before = this.#known.get(key);
    if (before !== undefined) return before;
    const id = this.#scalars.push(scalar) - 1;
    this.#known.set(key, id);
    return id;
  }

  #resolve(at: Affine): Affine {
    let now = at;
    while (now.terms.some(({ axis }) => this.#split.has(axis)))
      now = substituteAxes(now, (axis) => this.#split.get(axis)?.as);
    return now;
  }

  #resolveAxes(axes: readonly AxisId[]): readonly AxisId[] {
    return axes.flatMap((axis) => {
      const split = this.#split.get(axis);
      return split ? this.#resolveAxes(split.parts) : [axis];
    });
  }

  #resolveScalar(scalar: LoopScalar): LoopScalar {
    if (scalar.op === "index") return { ...scalar, at: this.#resolve(scalar.at) };
    if (scalar.op === "load") return { ...scalar, at: scalar.at.map((a) => this.#resolve(a)) };
    return scalar;
  }

  #splitAxis(axis: AxisId, outer: Dim, inner: Dim): { outer: Affine; inner: Affine } {
    const name = this.#axes[axis]?.name ?? "i";
    const a = this.#axes.push({ name: `${name}o`, extent: outer }) - 1;
    const b = this.#axes.push({ name: `${name}i`, extent: inner }) - 1;
    this.#split.set(axis, { as: addAffine(scaleAffine(axisIndex(a), inner), axisIndex(b)), parts: [a, b] });
    // Keys of what was evaluated before name the old axis.
    this.#evaluated = new Map();
    this.#known.clear();
    return { outer: axisIndex(a), inner: axisIndex(b) };
  }

  #regroup(at: readonly Affine[], from: readonly Dim[], to: readonly Dim[]): readonly Affine[] | undefined {
    const result: Affine[] = [];
    let i = 0;
    let j = 0;
    while (i < from.length || j < to.length) {
      // The smallest groups of dims with the same product; literal ones on either side join any group.
      const start = { i, j };
      let left: Dim = from[i] ?? ONE;
      let right: Dim = to[j] ?? ONE;
      i++;
      j++;
      while (!equalDims(left, right)) {
        const growsLeft =
          j > to.length || (i < from.length && divideExactly(right, left) !== undefined) || j >= to.length;
        if (growsLeft && i < from.length) left = mulDims(left, from[i++] ?? ONE);
        else if (j < to.length) right = mulDims(right, to[j++] ?? ONE);
        else break;
      }
      if (!equalDims(left, right)) return undefined;
      const group = this.#regroupOne(at.slice(start.i, i), from.slice(start.i, i), to.slice(start.j, j));
      if (!group) return undefined;
      result.push(...group);
    }
    return result;
  }

  /** Composes the row-major position and takes it apart again, digit by digit from the innermost. */
  #regroupOne(at: readonly Affine[], from: readonly Dim[], to: readonly Dim[]): readonly Affine[] | undefined {
    if (from.length === 1 && to.length === 1) return [this.#resolve(at[0] ?? affineOf(0))];
    let position = affineOf(0);
    from.forEach((extent, k) => {
      position = addAffine(scaleAffine(position, extent), this.#resolve(at[k] ?? affineOf(0)));
    });
    if (to.length === 1) return [position];
    if (position.scalars.length > 0 || !isLiteral(position.plus, 0)) return undefined;
    const digits: Affine[] = [];
    let stride: Dim = ONE;
    for (let k = to.length - 1; k >= 0; k--) {
      const extent = to[k] ?? ONE;
      let digit = affineOf(0);
      let reached: Dim = ONE;
      while (!equalDims(reached, extent)) {
        const times = mulDims(stride, reached);
        const rest = divideExactly(extent, reached);
        const term = position.terms.find((t) => equalDims(t.times, times));
        if (!rest) return undefined;
        if (!term) break;
        const has = this.#axes[term.axis]?.extent ?? ONE;
        let part = axisIndex(term.axis);
        let partExtent = has;
        if (divideExactly(rest, has) === undefined) {
          const outer = divideExactly(has, rest);
          if (!outer) return undefined;
          part = this.#splitAxis(term.axis, outer, rest).inner;
          partExtent = rest;
          position = this.#resolve(position);
        }
        digit = addAffine(digit, scaleAffine(part, reached));
        position = addAffine(position, scaleAffine(scaleAffine(part, times), dimOf(-1)));
        reached = mulDims(reached, partExtent);
      }
      digits.unshift(digit);
      stride = mulDims(stride, extent);
    }
    return position.terms.length === 0 ? digits.map((digit) => this.#resolve(digit)) : undefined;
  }
}

function raise2(value: ValueId): never {
  throw new NeedsBuffer(value);
}
