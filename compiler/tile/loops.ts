/**
 * Nests without a contraction: maps, rows, windows, and everything else as plain loops. The store's loops run over the
 * axes that its reductions depend on first, so that each reduction is computed once.
 */
import { literalOf, ONE } from "../ir/dims.ts";
import type { AxisId, Nest, ScalarId, Store } from "../ir/nest.ts";
import { compare, constant, type Expr, isVector, op } from "../ir/stmt.ts";
import { type KernelFrame, NestEmitter } from "./emit.ts";
import { emitReduction } from "./reduce.ts";
import { chooseLanes, reductionsOf } from "./roles.ts";

/** The order of a store's loops. */
function loopOrder(nest: Nest, store: Store, axesOf: (id: ScalarId) => ReadonlySet<AxisId>): readonly AxisId[] {
  const first = new Set<AxisId>();
  for (const position of reductionsOf(nest, store.value)) {
    const reduction = nest.reductions[position];
    if (!reduction) continue;
    for (const axis of axesOf(reduction.value)) if (!reduction.over.includes(axis)) first.add(axis);
  }
  return [...store.over.filter((axis) => first.has(axis)), ...store.over.filter((axis) => !first.has(axis))];
}

export function emitLoops(frame: KernelFrame, nest: Nest): void {
  const lane = frame.target.lanes > 1 ? chooseLanes(frame.kernel, nest) : undefined;
  const emitter = new NestEmitter(frame, nest, lane);
  emitter.onReduced = (scalar) => emitReduction(emitter, scalar, (id) => emitter.isKnown(id));
  const pending = nest.stores.map((store) => ({ store, axes: loopOrder(nest, store, (id) => emitter.dependencies(id)) }));
  emitStores(emitter, pending);
}

interface Pending {
  readonly store: Store;
  readonly axes: readonly AxisId[];
}

/** Opens the loops of several stores, shared as far as their orders agree. */
function emitStores(emitter: NestEmitter, pending: readonly Pending[]): void {
  storeHere(emitter, pending.filter(({ axes }) => axes.length === 0).map(({ store }) => store));
  const byAxis = new Map<AxisId, Pending[]>();
  for (const { store, axes } of pending) {
    const [axis, ...rest] = axes;
    if (axis === undefined) continue;
    const group = byAxis.get(axis) ?? [];
    group.push({ store, axes: rest });
    byAxis.set(axis, group);
  }
  for (const [axis, group] of byAxis)
    emitter.loop(axis, axis === emitter.lane ? emitter.target.lanes : 1, () => emitStores(emitter, group));
}

/** Stores where the loops stand: whole vectors, and single lanes where the lane axis ends within one. */
function storeHere(emitter: NestEmitter, stores: readonly Store[]): void {
  const { code, lane } = emitter;
  const ready = stores.map((store) => {
    const isVector_ = lane !== undefined && store.over.includes(lane);
    const raw = isVector_ ? emitter.vector(store.value) : emitter.value(store.value);
    const isMask = emitter.scalar(store.value).dtype === "bool" && isVector(raw.kind);
    return {
      address: emitter.address(store.access),
      value: isMask ? code.let(op("and", raw, code.constant("i32x4", 1)), "bit") : raw,
    };
  });
  const whole = (): void => {
    for (const { address, value } of ready) code.store(address.base, address.offset, value);
  };
  if (ready.length === 0) return;
  const extent = lane === undefined ? 1 : literalOf(emitter.nest.axes[lane]?.extent ?? ONE);
  const hasTail = ready.some(({ value }) => isVector(value.kind)) && (extent === undefined || extent % 4 !== 0);
  if (!hasTail || lane === undefined) {
    whole();
    return;
  }
  const { word } = emitter.target;
  const left = code.let(op("sub", emitter.extent(lane), emitter.counter(lane)), "left");
  const storeLane = (n: number): void => {
    for (const { address, value } of ready) code.store(address.base, address.offset + n * word, value, n);
  };
  const isMoreThan = (n: number): Expr => compare("gt", left, constant("i32", n * word));
  code.when(isMoreThan(3), whole, () => {
    storeLane(0);
    code.when(isMoreThan(1), () => {
      storeLane(1);
      code.when(isMoreThan(2), () => storeLane(2));
    });
  });
}
