/**
 * The gradient of a loop is a loop that runs backwards. The forward loop stacks its carries, as they were at the start
 * of each iteration; the backward one takes an iteration's part of them, computes the body again on it (so that nothing
 * else has to be kept), and differentiates that:
 *
 *   it carries    the cotangent of each carry, and for each outside value that the body reads a sum of its cotangents
 *   it stacks     the cotangents of the elements that were scanned
 *
 * A loop with a condition stacks that too: iterations that were not executed hand everything on unchanged.
 */
import { type Dim, ONE, subDims } from "../ir/dims.ts";
import type { Attributes, Value, ValueId } from "../ir/graph.ts";
import { argsOfLoop, partsOfLoop } from "../ir/regions.ts";
import { isFloat, type TensorType } from "../ir/types.ts";
import { dimOfAttribute, numberOf } from "../ops/attributes.ts";
import { differentiate, type Source } from "./differentiate.ts";
import { ancestors } from "./linear.ts";

export interface LoopPullback {
  readonly source: Source;
  readonly id: ValueId;
  /** Of the carries after the last iteration, then of what was stacked. */
  readonly cotangents: readonly (ValueId | undefined)[];
  leads(id: ValueId): boolean;
}

/** What the loop is made from, outside of it, with its cotangents. */
export function pullLoop(pullback: LoopPullback): ReadonlyMap<ValueId, ValueId> {
  return new LoopReverse(pullback).run();
}

class LoopReverse {
  readonly #pullback: LoopPullback;
  readonly #source: Source;
  /** The values that an iteration computes, leaves included, in order. */
  readonly #body: ReadonlySet<ValueId>;
  readonly #loop: number;

  constructor(pullback: LoopPullback) {
    this.#pullback = pullback;
    this.#source = pullback.source;
    this.#loop = numberOf(this.#value, "loop");
    this.#body = this.#bodyOf();
  }

  get #value(): Value {
    return this.#source.valueAt(this.#pullback.id);
  }

  run(): ReadonlyMap<ValueId, ValueId> {
    const source = this.#source;
    const { leads } = this.#pullback;
    const emit = source.emitterFor(this.#value);
    const { carries: leaves, next, stacked, condition } = partsOfLoop(this.#value);
    const times = dimOfAttribute(this.#value, "times");
    const floats = leaves.flatMap((leaf, i) => (leads(leaf) ? [i] : []));
    const body = [...this.#body];
    const elements = body.filter((id) => this.#isLeaf(id, "element"));
    const captured = this.#captured().filter((id) => leads(id) && isFloat(source.valueAt(id).type.dtype));

    // The forward loop keeps what the backward one starts from.
    const used = leaves.filter((leaf) => body.some((id) => source.valueAt(id).args.includes(leaf)));
    const stacks = this.#stacked([...used, ...(condition === undefined ? [] : [condition])]);

    const number = source.openLoop();
    const leaf = (op: string, args: readonly ValueId[], attributes: Attributes, type: TensorType): ValueId =>
      source.emit(this.#value, { op, args, attributes: { loop: number, ...attributes }, type });
    const backwards = (xs: ValueId, axis: number): ValueId => emit.apply("reverse", [xs], { axis: [axis] });
    const element = (xs: ValueId, axis: number): ValueId => {
      const { dtype, shape } = emit.typeOf(xs);
      return leaf("element", [backwards(xs, axis)], { axis }, { dtype, shape: shape.filter((_, i) => i !== axis) });
    };

    // Leaves of the iteration that is gone through again.
    const renamed = new Map<ValueId, ValueId>();
    for (const id of used) renamed.set(id, element(stacks.get(id) ?? id, 0));
    for (const id of elements) {
      const { args, attributes } = source.valueAt(id);
      renamed.set(id, element(args[0] ?? id, Number(attributes.axis)));
    }
    const counters = body.filter((id) => this.#isLeaf(id, "counter"));
    if (counters.length > 0) {
      const turn = leaf("counter", [], {}, { dtype: "i32", shape: [] });
      const forward = emit.apply("sub", [emit.dim(subDims(times, ONE), "i32"), turn]);
      for (const id of counters) renamed.set(id, forward);
    }
    const isExecuted = condition === undefined ? undefined : element(stacks.get(condition) ?? condition, 0);

    // What it carries: cotangents of the carries, then sums for outside values.
    const inits = [
      ...floats.map((i) => this.#pullback.cotangents[i] ?? emit.zeros(this.#shapeOf(leaves[i]))),
      ...captured.map((id) => emit.zeros(this.#shapeOf(id))),
    ];
    const carried = inits.map((init, index) => leaf("carry", [init], { index }, emit.typeOf(init)));

    this.#repeat(renamed, [
      ...floats.map((i) => next[i] ?? -1),
      ...stacked.flatMap(({ value }, k) => (this.#cotangentOf(k) === undefined ? [] : [value])),
    ]);
    const of = (id: ValueId): ValueId => renamed.get(id) ?? id;
    const seeds = floats.map((i, k) => ({ value: of(next[i] ?? -1), cotangent: carried[k] ?? -1 }));
    for (const [k, { value, axis }] of stacked.entries()) {
      const cotangent = this.#cotangentOf(k);
      if (cotangent !== undefined) seeds.push({ value: of(value), cotangent: element(cotangent, axis) });
    }
    const scanned = elements.filter((id) => leads(source.valueAt(id).args[0] ?? -1) && leads(id));
    const wrt = [...floats.map((i) => of(leaves[i] ?? -1)), ...captured, ...scanned.map(of)];
    const edges = new Set(wrt);
    const gradients = differentiate(
      { ...source, isBarrier: (id) => edges.has(id) || source.isBarrier(id) },
      seeds,
      wrt,
    );

    const chosen = (now: ValueId, otherwise: ValueId): ValueId =>
      isExecuted === undefined ? now : emit.apply("select", [isExecuted, now, otherwise]);
    const turned = carried.map((before, k) => {
      const gradient = gradients[k];
      if (k >= floats.length)
        return gradient === undefined ? before : chosen(emit.apply("add", [before, gradient]), before);
      return chosen(gradient ?? emit.zeros(emit.typeOf(before).shape), before);
    });
    const handed = scanned.map((id, k) => {
      const none = () => emit.zeros(this.#shapeOf(id));
      const gradient = gradients[carried.length + k];
      return gradient === undefined ? none() : isExecuted === undefined ? gradient : chosen(gradient, none());
    });
    const scannedAxes = scanned.map((id) => numberOf(source.valueAt(id), "axis"));
    const types = [
      ...carried.map((id) => emit.typeOf(id)),
      ...handed.map((id, k) => stackedType(emit.typeOf(id), scannedAxes[k] ?? 0, times)),
    ];
    const [type, ...more] = types;
    const result = new Map<ValueId, ValueId>();
    if (!type) return result;
    const { args, attributes } = argsOfLoop({
      carries: carried,
      next: turned,
      stacked: handed.map((value, k) => ({ value, axis: scannedAxes[k] ?? 0 })),
    });
    const whole = source.emit(this.#value, {
      op: "loop",
      args,
      attributes: { loop: number, times, ...attributes },
      type,
      ...(more.length > 0 ? { more } : {}),
    });
    const part = (k: number): ValueId => (k === 0 ? whole : emit.part(whole, k));
    const add = (to: ValueId | undefined, cotangent: ValueId): void => {
      if (to === undefined) return;
      const before = result.get(to);
      result.set(to, before === undefined ? cotangent : emit.apply("add", [before, cotangent]));
    };
    for (const [k, i] of floats.entries()) add(source.valueAt(leaves[i] ?? -1).args[0], part(k));
    for (const [k, id] of captured.entries()) add(id, part(floats.length + k));
    for (const [k, id] of scanned.entries())
      add(source.valueAt(id).args[0], backwards(part(carried.length + k), scannedAxes[k] ?? 0));
    return result;
  }

  #shapeOf(id: ValueId | undefined): readonly Dim[] {
    return this.#source.valueAt(id ?? -1).type.shape;
  }

  /** Of the k-th stacked output. */
  #cotangentOf(k: number): ValueId | undefined {
    return this.#pullback.cotangents[numberOf(this.#value, "carries") + k];
  }

  #isLeaf(id: ValueId, op: string): boolean {
    const value = this.#source.valueAt(id);
    return value.op === op && value.attributes.loop === this.#loop;
  }

  /** What the loop's results are computed from in every iteration: all that depends on its leaves. */
  #bodyOf(): ReadonlySet<ValueId> {
    const source = this.#source;
    const body = new Set<ValueId>();
    for (const id of ancestors((id) => source.valueAt(id), this.#value.args)) {
      const { op, args, attributes } = source.valueAt(id);
      if ((attributes.loop === this.#loop && op !== "loop") || args.some((arg) => body.has(arg))) body.add(id);
    }
    return body;
  }

  /** What the body reads from outside. */
  #captured(): readonly ValueId[] {
    const found = new Set<ValueId>();
    const source = this.#source;
    for (const id of this.#body) {
      const value = source.valueAt(id);
      const isOwnLeaf = value.attributes.loop === this.#loop;
      if (!isOwnLeaf) for (const arg of value.args) if (!this.#body.has(arg)) found.add(arg);
    }
    // A result of the body may itself be a value from outside.
    const { next, stacked } = partsOfLoop(this.#value);
    for (const id of [...next, ...stacked.map(({ value }) => value)]) if (!this.#body.has(id)) found.add(id);
    return [...found].sort((a, b) => a - b);
  }

  /** Values of the body as further stacked outputs of the loop, each along a new first axis. */
  #stacked(wanted: readonly ValueId[]): ReadonlyMap<ValueId, ValueId> {
    const source = this.#source;
    const { id } = this.#pullback;
    const value = this.#value;
    const parts = partsOfLoop(value);
    const times = dimOfAttribute(value, "times");
    const stacked = [...parts.stacked];
    const more = [...(value.more ?? [])];
    const places = new Map<ValueId, number>();
    for (const one of wanted) {
      let at = stacked.findIndex((known) => known.value === one && known.axis === 0);
      if (at < 0) {
        at = stacked.push({ value: one, axis: 0 }) - 1;
        more.push(stackedType(source.valueAt(one).type, 0, times));
      }
      places.set(one, parts.carries.length + at);
    }
    if (stacked.length > parts.stacked.length) {
      const { args, attributes } = argsOfLoop({ ...parts, stacked });
      source.replace(id, { ...value, args, attributes: { ...value.attributes, ...attributes }, more });
    }
    const emit = source.emitterFor(value);
    return new Map([...places].map(([one, place]) => [one, emit.part(id, place)]));
  }

  /** Computes again what `wanted` are computed from, on the leaves that are renamed. */
  #repeat(renamed: Map<ValueId, ValueId>, wanted: readonly ValueId[]): void {
    const source = this.#source;
    const needed = new Set<ValueId>();
    const pending = [...wanted];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (needed.has(id) || !this.#body.has(id)) continue;
      needed.add(id);
      pending.push(...source.valueAt(id).args);
    }
    const numbers = new Map<number, number>();
    const inner = (number: number): number => {
      const known = numbers.get(number);
      if (known !== undefined) return known;
      const made = source.openLoop();
      numbers.set(number, made);
      return made;
    };
    const of = (id: ValueId): ValueId => renamed.get(id) ?? id;
    for (const id of [...needed].sort((a, b) => a - b)) {
      if (renamed.has(id)) continue;
      const value = source.valueAt(id);
      const { loop } = value.attributes;
      const attributes = typeof loop === "number" ? { ...value.attributes, loop: inner(loop) } : value.attributes;
      const { op, type, more } = value;
      renamed.set(
        id,
        source.emit(value, { op, args: value.args.map(of), attributes, type, ...(more ? { more } : {}) }),
      );
      source.copied(id, of);
    }
  }
}

const stackedType = ({ dtype, shape }: TensorType, axis: number, times: Dim): TensorType => ({
  dtype,
  shape: [...shape.slice(0, axis), times, ...shape.slice(axis)],
});

/** The leaves that a loop has come to lead through, once its results are known to: those whose next value does. */
export function carriesThatLead(value: Value, leads: (id: ValueId) => boolean): readonly ValueId[] {
  const { carries, next } = partsOfLoop(value);
  return carries.filter((leaf, i) => !leads(leaf) && leads(next[i] ?? -1));
}
