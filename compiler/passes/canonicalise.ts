/**
 * One form for nests that do the same: axes of extent 1 are gone, axes are ordered by stride, neighbours that every
 * access steps through as one are one. That a 1x1 convolution is a matrix product, that few input channels make
 * contiguous rows, that a batch folds into the rows are consequences.
 */
import { affineOf, axisIndex, isNonNegative, strideOf, substituteAxes } from "../ir/affine.ts";
import { type Dim, equalDims, isLiteral, mulDims, ONE, subDims } from "../ir/dims.ts";
import type { Affine, Axis, AxisId, Nest, NestScalar, Reduction } from "../ir/nest.ts";
import type { AddressedProgram, AddressedStep } from "./choose-layout.ts";

export function canonicalise(program: AddressedProgram): AddressedProgram {
  const canonical = (step: AddressedStep): AddressedStep => ({ ...step, nests: step.nests.map(canonicaliseNest) });
  return { ...program, derive: program.derive.map(canonical), steps: program.steps.map(canonical) };
}

export function canonicaliseNest(nest: Nest): Nest {
  let now = rewriteAxes(nest, (axis) => (isLiteral(extentOf(nest, axis), 1) ? affineOf(0) : undefined));
  now = orderAxes(now);
  for (;;) {
    const pair = mergeablePair(now);
    if (!pair) return now;
    now = merge(now, pair.outer, pair.inner);
  }
}

const extentOf = (nest: Nest, axis: AxisId): Dim => nest.axes[axis]?.extent ?? ONE;

/** Every address and index expression of the nest. */
export function affinesOf(nest: Nest): { accesses: Affine[]; indices: Affine[]; guards: Affine[] } {
  const accesses = nest.stores.map((store) => store.access.address);
  const indices: Affine[] = [];
  const guards: Affine[] = [];
  for (const scalar of nest.scalars) {
    if (scalar.op === "read") {
      accesses.push(scalar.access.address);
      guards.push(...scalar.guards.map((guard) => guard.index));
    } else if (scalar.op === "index") indices.push(scalar.at);
  }
  return { accesses, indices, guards };
}

// ---- order ---------------------------------------------------------------------------------------------

function orderAxes(nest: Nest): Nest {
  const [store] = nest.stores;
  const reads = nest.scalars.flatMap((scalar) => (scalar.op === "read" ? [scalar.access.address] : []));
  const strideFor = (axis: AxisId, isStored: boolean): Dim | undefined => {
    const candidates = isStored && store ? [store.access.address, ...reads] : reads;
    const found = candidates.find((at) => !isLiteral(strideOf(at, axis), 0));
    return found && strideOf(found, axis);
  };
  const sorted = (axes: readonly AxisId[], isStored: boolean): AxisId[] => {
    // Insertion sort: strides are polynomials, of which not every two can be compared.
    const list: AxisId[] = [];
    for (const axis of axes) {
      const mine = strideFor(axis, isStored);
      let at = list.length;
      while (at > 0) {
        const other = strideFor(list[at - 1] ?? -1, isStored);
        if (!mine || !other || equalDims(mine, other) || !isNonNegative(subDims(mine, other))) break;
        at--;
      }
      list.splice(at, 0, axis);
    }
    return list;
  };
  const isPosition = (reduction: Reduction): boolean =>
    reduction.combine === "argmax" || reduction.combine === "argmin";
  return renumber({
    ...nest,
    stores: nest.stores.map((s) => ({ ...s, over: sorted(s.over, true) })),
    // The position that argmax gives counts the axes in their order.
    reductions: nest.reductions.map((r) => (isPosition(r) ? r : { ...r, over: sorted(r.over, isStoredAxis(nest, r)) })),
  });
}

/** Whether the reduction runs over axes that a store runs over, too (rows): then both must keep one order. */
const isStoredAxis = (nest: Nest, reduction: Reduction): boolean =>
  reduction.over.every((axis) => nest.stores.some((store) => store.over.includes(axis)));

// ---- merging --------------------------------------------------------------------------------------------

function mergeablePair(nest: Nest): { outer: AxisId; inner: AxisId } | undefined {
  const { accesses, indices, guards } = affinesOf(nest);
  const lists = [...nest.stores.map((store) => store.over), ...nest.reductions.map((reduction) => reduction.over)];
  const isGuarded = (axis: AxisId): boolean => guards.some((at) => !isLiteral(strideOf(at, axis), 0));
  for (const list of lists)
    for (let i = 0; i + 1 < list.length; i++) {
      const outer = list[i] ?? -1;
      const inner = list[i + 1] ?? -1;
      const extent = extentOf(nest, inner);
      const isNeighbour = lists.every((other) => {
        const at = other.indexOf(outer);
        return at < 0 ? !other.includes(inner) : other[at + 1] === inner;
      });
      const isOneStep = [...accesses, ...indices].every((at) =>
        equalDims(strideOf(at, outer), mulDims(extent, strideOf(at, inner))),
      );
      if (isNeighbour && isOneStep && !isGuarded(outer) && !isGuarded(inner)) return { outer, inner };
    }
  return undefined;
}

function merge(nest: Nest, outer: AxisId, inner: AxisId): Nest {
  const a = nest.axes[outer];
  const b = nest.axes[inner];
  if (!a || !b) return nest;
  // The outer axis vanishes: the inner one, longer now, takes its steps.
  const axes = nest.axes.map(
    (axis, i): Axis => (i === inner ? { name: `${a.name}${b.name}`, extent: mulDims(a.extent, b.extent) } : axis),
  );
  return rewriteAxes({ ...nest, axes }, (axis) => (axis === outer ? affineOf(0) : undefined));
}

// ---- rewriting -------------------------------------------------------------------------------------------

/** Replaces axes by index expressions over the others and drops them from every list. */
function rewriteAxes(nest: Nest, by: (axis: AxisId) => Affine | undefined): Nest {
  const stays = (axis: AxisId): boolean => by(axis) === undefined;
  return renumber(
    mapAxes(
      nest,
      (at) => substituteAxes(at, by),
      (axes) => axes.filter(stays),
    ),
  );
}

/** Axes that no list names are dropped; the others are numbered stores first, in order. */
function renumber(nest: Nest): Nest {
  const order = [
    ...new Set([...nest.stores.flatMap((store) => store.over), ...nest.reductions.flatMap((r) => r.over)]),
  ];
  const to = (axis: AxisId): AxisId => order.indexOf(axis);
  return {
    ...mapAxes(
      nest,
      (at) => substituteAxes(at, (axis) => axisIndex(to(axis))),
      (axes) => axes.map(to),
    ),
    axes: order.map((axis) => nest.axes[axis] ?? { name: "i", extent: ONE }),
  };
}

/** The nest with `at` applied to every index expression and `over` to every list of axes. */
function mapAxes(
  nest: Nest,
  at: (affine: Affine) => Affine,
  over: (axes: readonly AxisId[]) => readonly AxisId[],
): Nest {
  return {
    axes: nest.axes,
    scalars: nest.scalars.map((scalar): NestScalar => {
      if (scalar.op === "index") return { ...scalar, at: at(scalar.at) };
      if (scalar.op !== "read") return scalar;
      return {
        ...scalar,
        access: { ...scalar.access, address: at(scalar.access.address) },
        guards: scalar.guards.map((guard) => ({ ...guard, index: at(guard.index) })),
      };
    }),
    reductions: nest.reductions.map((reduction) => ({ ...reduction, over: over(reduction.over) })),
    stores: nest.stores.map((store) => ({
      ...store,
      access: { ...store.access, address: at(store.access.address) },
      over: over(store.over),
    })),
  };
}
