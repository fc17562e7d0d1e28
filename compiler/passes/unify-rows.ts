/**
 * Softmax reads a row three times: the axis that its maximum and its sum run over and the axis of its store are
 * one axis then. Lowering opened one for each; here those of equal extents become one, so that equal scalars
 * (the exponentials) become equal in the list, too.
 */
import { axisIndex, renameScalars, substituteAxes } from "../ir/affine.ts";
import { equalDims } from "../ir/dims.ts";
import { scalarKey } from "../ir/keys.ts";
import { dependsOn, partsOf, type LoopNest, type LoopScalar } from "../ir/loops.ts";
import type { Affine, AxisId, Reduction, ScalarId } from "../ir/nest.ts";

export function unifyRows(nest: LoopNest): LoopNest {
  const stored = [...new Set(nest.stores.flatMap((store) => store.over))];
  const renamed = new Map<AxisId, AxisId>();
  const known = new Map<ScalarId, ReadonlySet<AxisId>>();
  let row: readonly AxisId[] | undefined;
  nest.scalars.forEach((scalar, id) => {
    if (scalar.op !== "reduced") return;
    const outer = dependsOn(nest, id, known);
    const over = nest.reductions[scalar.reduction]?.over ?? [];
    const inner = stored.filter((axis) => !outer.has(axis));
    row ??= inner.length > 0 ? inner : over;
    const isSame =
      row.length === over.length && row.every((axis, i) => equalDims(extent(nest, axis), extent(nest, over[i] ?? -1)));
    if (!isSame || over.some((axis, i) => meets(axis, row?.[i] ?? axis))) return;
    over.forEach((axis, i) => {
      const to = row?.[i];
      if (to !== undefined && to !== axis) renamed.set(axis, to);
    });
  });
  return rebuild(nest, renamed);

  /** Whether something varies with `axis` and with one of those that `to` already stands for: they are not one axis. */
  function meets(axis: AxisId, to: AxisId): boolean {
    if (axis === to || renamed.get(axis) === to) return false;
    const others = [to, ...[...renamed].flatMap(([from, target]) => (target === to ? [from] : []))];
    const mixes = (axes: ReadonlySet<AxisId>): boolean => axes.has(axis) && others.some((other) => axes.has(other));
    // The loop of a store over a row comes after its reductions: none of them may wait for an index of the row.
    const isAwaited =
      stored.includes(to) &&
      nest.scalars.some((scalar, id) => {
        const axes = dependsOn(nest, id, known);
        return scalar.op === "reduced" && (axes.has(to) || axes.has(axis));
      });
    return (
      isAwaited ||
      isRepeated([axis, ...others]) ||
      nest.scalars.some((_, id) => mixes(dependsOn(nest, id, known))) ||
      // What is reduced over one axis may vary with the other alone.
      nest.reductions.some(({ over, value }) => mixes(new Set([...over, ...dependsOn(nest, value, known)])))
    );
  }

  /**
   * Whether a reduction over one of these axes is repeated within one over another, as its result varies on the way:
   * the loops of the two are nested then. The maximum of a softmax is not, its loop stands before that of the sum.
   */
  function isRepeated(axes: readonly AxisId[]): boolean {
    const overOf = (id: ScalarId): readonly AxisId[] => {
      const scalar = nest.scalars[id];
      const over = scalar?.op === "reduced" ? nest.reductions[scalar.reduction]?.over : undefined;
      return over?.filter((axis) => axes.includes(axis)) ?? [];
    };
    return nest.scalars.some((_, id) => {
      const outer = overOf(id);
      if (outer.length === 0) return false;
      const around = dependsOn(nest, id, known);
      const within = new Set(partsOf(nest, id));
      for (const part of within) for (const inner of partsOf(nest, part)) within.add(inner);
      return [...within].some(
        (part) =>
          overOf(part).some((axis) => !outer.includes(axis)) &&
          [...dependsOn(nest, part, known)].some((axis) => !around.has(axis)),
      );
    });
  }
}

const extent = (nest: LoopNest, axis: AxisId) => nest.axes[axis]?.extent ?? { terms: [], key: "none" };

/** The nest with axes renamed, equal scalars and equal reductions merged, and unused axes dropped. */
function rebuild(nest: LoopNest, renamed: ReadonlyMap<AxisId, AxisId>): LoopNest {
  const axes: LoopNest["axes"][number][] = [];
  const axisOf = new Map<AxisId, AxisId>();
  const keep = (axis: AxisId): AxisId => {
    const source = renamed.get(axis) ?? axis;
    let target = axisOf.get(source);
    if (target === undefined) {
      const found = nest.axes[source];
      if (!found) throw new Error(`the nest has no axis ${source}`);
      target = axes.push(found) - 1;
      axisOf.set(source, target);
    }
    return target;
  };
  // Store axes first, then the others in the order of their reductions.
  for (const store of nest.stores) for (const axis of store.over) keep(axis);
  for (const reduction of nest.reductions) for (const axis of reduction.over) keep(axis);

  const scalars: LoopScalar[] = [];
  const reductions: Reduction[] = [];
  const known = new Map<string, ScalarId>();
  const scalarOf: ScalarId[] = [];
  const reductionOf: number[] = [];
  const mapAt = (at: Affine): Affine =>
    renameScalars(
      substituteAxes(at, (axis) => axisIndex(keep(axis))),
      mapScalar,
    );
  function mapScalar(id: ScalarId): ScalarId {
    const before = scalarOf[id];
    if (before === undefined) throw new Error("scalars are in order of their use");
    return before;
  }
  nest.scalars.forEach((scalar, id) => {
    let made: LoopScalar;
    if (scalar.op === "index") made = { ...scalar, at: mapAt(scalar.at) };
    else if (scalar.op === "load")
      made = {
        ...scalar,
        at: scalar.at.map(mapAt),
        ...(scalar.outside === undefined ? {} : { outside: mapScalar(scalar.outside) }),
      };
    else if (scalar.op === "apply") made = { ...scalar, args: scalar.args.map(mapScalar) };
    else if (scalar.op === "reduced") {
      const source = nest.reductions[scalar.reduction];
      if (!source) throw new Error("a reduced scalar names its reduction");
      if (reductionOf[scalar.reduction] === undefined) {
        const reduction = { ...source, over: source.over.map(keep), value: mapScalar(source.value) };
        const key = JSON.stringify(reduction);
        let at = reductions.findIndex((other) => JSON.stringify(other) === key);
        if (at < 0) at = reductions.push(reduction) - 1;
        reductionOf[scalar.reduction] = at;
      }
      made = { ...scalar, reduction: reductionOf[scalar.reduction] ?? 0 };
    } else made = scalar;
    const key = scalarKey(made);
    const before = known.get(key);
    scalarOf[id] = before ?? scalars.push(made) - 1;
    if (before === undefined) known.set(key, scalars.length - 1);
  });
  return {
    axes,
    scalars,
    reductions,
    stores: nest.stores.map((store) => ({
      ...store,
      at: store.at.map(mapAt),
      value: mapScalar(store.value),
      over: store.over.map(keep),
    })),
  };
}
