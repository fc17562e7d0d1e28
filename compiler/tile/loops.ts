/**
 * Nests without a contraction: maps, rows, windows, and everything else as plain loops. The store's loops run over the
 * axes that its reductions depend on first, so that each reduction is computed once.
 */
import { literalOf, ONE } from "../ir/dims.ts";
import type { AxisId, Nest, ScalarId, Store } from "../ir/nest.ts";
import { compare, constant, type Expr, isVector, load, op } from "../ir/stmt.ts";
import { type KernelFrame, NestEmitter, noOffsets, type Offsets } from "./emit.ts";
import { emitReduction } from "./reduce.ts";
import { axesOfScalars, chooseLanes, closure, costOf, reductionsOf } from "./roles.ts";

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
  /** The places of a tile that is being emitted. */
  let places: readonly Offsets[] = [noOffsets];
  emitter.onReduced = (scalar, offsets) => {
    const axes = emitter.dependencies(scalar);
    const own = new Map([...offsets].filter(([axis]) => axes.has(axis)));
    const tiled = [...(places[0]?.keys() ?? [])];
    // Of a reduction around it that is written out, this is one of its points.
    const isPoint = [...own.keys()].some((axis) => !tiled.includes(axis));
    const isTiled = tiled.every((axis) => axes.has(axis));
    emitReduction(emitter, scalar, isPoint ? [own] : isTiled ? places : [noOffsets]);
  };
  const kept = keptBetweenPasses(nest);
  if (kept) {
    let isReading = false;
    const reduce = emitter.onReduced;
    emitter.onReduced = (scalar, offsets) => {
      reduce(scalar, offsets);
      if (scalar === kept.sum) isReading = true;
    };
    emitter.onComputed = (id, value, offsets) => {
      if (id === kept.scalar) storeLanes(emitter, [{ ...emitter.address(kept.store.access, offsets), value }]);
    };
    emitter.instead = (id, offsets) => {
      if (id !== kept.scalar || !isReading) return undefined;
      const { base, offset } = emitter.address(kept.store.access, offsets);
      return load(emitter.isVarying(id) ? "f32x4" : "f32", base, offset);
    };
  }
  const pending = nest.stores.map((store) => ({
    store,
    axes: loopOrder(nest, store, (id) => emitter.dependencies(id)),
  }));
  emitStores(emitter, pending, (axis, height, store) => {
    places = Array.from({ length: height }, (_, i) => new Map([[axis, i]]));
    for (const place of places) store(place);
    places = [noOffsets];
  });
}

/** From this cost on, storing a value and reading it back is cheaper than computing it again. */
const KEEP_COST = 10;

/**
 * An expensive scalar that a sum and then the store over the same axes need, as softmax does: the pass that sums it
 * stores it where the result will lie, the next pass reads it there. Only where that pass reads nothing else at its
 * index, which the operand of the store might overlay.
 */
function keptBetweenPasses(nest: Nest): { scalar: ScalarId; sum: ScalarId; store: Store } | undefined {
  const axes = axesOfScalars(nest);
  const isReduced = (id: ScalarId): boolean => nest.scalars[id]?.op === "reduced";
  const sums = nest.scalars.flatMap((scalar, id) =>
    scalar.op === "reduced" ? [{ id, reduction: nest.reductions[scalar.reduction] }] : [],
  );
  const last = sums.find(({ id }) => sums.every((other) => !closure(nest, other.reduction?.value ?? 0).has(id)));
  const over = last?.reduction?.over;
  if (!last?.reduction || !over) return undefined;
  const wide = nest.stores.filter((store) => store.over.some((axis) => over.includes(axis)));
  const [store] = wide;
  if (!store || wide.length > 1 || nest.scalars[store.value]?.dtype !== "f32") return undefined;
  const inSum = closure(nest, last.reduction.value, isReduced);
  const inStore = closure(nest, store.value, isReduced);
  const isWhole = (id: ScalarId): boolean =>
    axes[id]?.size === store.over.length && store.over.every((axis) => axes[id]?.has(axis));
  const scalar = [...inStore].find(
    (id) =>
      inSum.has(id) &&
      isWhole(id) &&
      nest.scalars[id]?.op === "apply" &&
      nest.scalars[id]?.dtype === "f32" &&
      costOf(nest, id) >= KEEP_COST,
  );
  if (scalar === undefined) return undefined;
  const besides = [...closure(nest, store.value, (id) => id === scalar || isReduced(id))];
  const readsMore = besides.some((id) => nest.scalars[id]?.op === "read" && over.some((axis) => axes[id]?.has(axis)));
  const isOnlySum = sums.every(
    (other) => other.id === last.id || closure(nest, last.reduction?.value ?? 0).has(other.id),
  );
  return readsMore || !isOnlySum ? undefined : { scalar, sum: last.id, store };
}

interface Pending {
  readonly store: Store;
  readonly axes: readonly AxisId[];
}

/**
 * The height of a tile along `axis`, whose loop is about to open around the lanes' loop, if neighbours along it share
 * what they reduce: the weights of a depthwise convolution. It divides the extent.
 */
function tileAlong(emitter: NestEmitter, axis: AxisId, group: readonly Pending[]): number | undefined {
  const { nest, lane } = emitter;
  const isInnermost = group.every(({ axes }) => axes.length === 1 && axes[0] === lane);
  if (lane === undefined || !isInnermost || nest.reductions.length === 0) return undefined;
  const isBeside = nest.reductions.every(
    ({ over, value }) => !over.includes(lane) && emitter.dependencies(value).has(lane),
  );
  const isShared = nest.reductions.some(({ over, value }) =>
    [...closure(nest, value)].some((id) => {
      const axes = emitter.dependencies(id);
      return nest.scalars[id]?.op === "read" && !axes.has(axis) && over.some((reduced) => axes.has(reduced));
    }),
  );
  const extent = literalOf(nest.axes[axis]?.extent ?? ONE);
  return isBeside && isShared && extent !== undefined ? [4, 3, 2].find((height) => extent % height === 0) : undefined;
}

type TileStores = (axis: AxisId, height: number, store: (place: Offsets) => void) => void;

/** Opens the loops of several stores, shared as far as their orders agree. */
function emitStores(emitter: NestEmitter, pending: readonly Pending[], tiled: TileStores): void {
  storeHere(
    emitter,
    pending.filter(({ axes }) => axes.length === 0).map(({ store }) => store),
    noOffsets,
  );
  const byAxis = new Map<AxisId, Pending[]>();
  for (const { store, axes } of pending) {
    const [axis, ...rest] = axes;
    if (axis === undefined) continue;
    const group = byAxis.get(axis) ?? [];
    group.push({ store, axes: rest });
    byAxis.set(axis, group);
  }
  for (const [axis, group] of byAxis) {
    const height = tileAlong(emitter, axis, group);
    if (height === undefined) {
      emitter.loop(axis, axis === emitter.lane ? emitter.target.lanes : 1, () => emitStores(emitter, group, tiled));
      continue;
    }
    const stores = group.map(({ store }) => store);
    emitter.loop(axis, height, () =>
      emitter.loop(emitter.lane ?? axis, emitter.target.lanes, () =>
        tiled(axis, height, (place) => storeHere(emitter, stores, place)),
      ),
    );
  }
}

/** Stores where the loops stand: whole vectors, and single lanes where the lane axis ends within one. */
function storeHere(emitter: NestEmitter, stores: readonly Store[], place: Offsets): void {
  const { code, lane } = emitter;
  storeLanes(
    emitter,
    stores.map((store) => {
      const isLane = lane !== undefined && store.over.includes(lane);
      const raw = isLane ? emitter.vector(store.value, place) : emitter.value(store.value, place);
      const isMask = emitter.scalar(store.value).dtype === "bool" && isVector(raw.kind);
      const value = isMask ? code.let(op("and", raw, code.constant("i32x4", 1)), "bit") : raw;
      return { ...emitter.address(store.access, place), value };
    }),
  );
}

function storeLanes(
  emitter: NestEmitter,
  ready: readonly { readonly base: Expr; readonly offset: number; readonly value: Expr }[],
): void {
  const { code, lane } = emitter;
  const whole = (): void => {
    for (const { base, offset, value } of ready) code.store(base, offset, value);
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
    for (const { base, offset, value } of ready) code.store(base, offset + n * word, value, n);
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
