/** What a nest says about its axes: the only thing that templates are chosen by. */
import { isLiteral, literalOf } from "../ir/dims.ts";
import type { Affine, AxisId, Kernel, Nest, NestScalar, ScalarId } from "../ir/nest.ts";
import { scalarFunction } from "../ops/scalar.ts";
import { hasVectorForm } from "./scalars.ts";

/** For each scalar the axes it varies with. Operands of a scalar come before it or are `reduced`. */
export function axesOfScalars(nest: Nest): readonly ReadonlySet<AxisId>[] {
  const found: (ReadonlySet<AxisId> | undefined)[] = nest.scalars.map(() => undefined);
  const axesOf = (id: ScalarId): ReadonlySet<AxisId> => {
    const before = found[id];
    if (before) return before;
    const axes = new Set<AxisId>();
    const addAll = (of: ScalarId): void => {
      for (const axis of axesOf(of)) axes.add(axis);
    };
    const addAffine = (at: Affine): void => {
      for (const term of at.terms) axes.add(term.axis);
      for (const term of at.scalars) addAll(term.scalar);
    };
    const scalar = nest.scalars[id];
    if (scalar?.op === "index") addAffine(scalar.at);
    else if (scalar?.op === "apply") scalar.args.forEach(addAll);
    else if (scalar?.op === "read") {
      addAffine(scalar.access.address);
      for (const guard of scalar.guards) addAffine(guard.index);
      if (scalar.outside !== undefined) addAll(scalar.outside);
    } else if (scalar?.op === "reduced") {
      const reduction = nest.reductions[scalar.reduction];
      if (reduction) addAll(reduction.value);
      for (const axis of reduction?.over ?? []) axes.delete(axis);
    }
    found[id] = axes;
    return axes;
  };
  return nest.scalars.map((_, id) => axesOf(id));
}

/** The scalars a scalar is computed from, those inside of reductions included. */
export function partsOf(nest: Nest, scalar: NestScalar): readonly ScalarId[] {
  if (scalar.op === "apply") return scalar.args;
  if (scalar.op === "index") return scalar.at.scalars.map((term) => term.scalar);
  if (scalar.op === "reduced") {
    const reduction = nest.reductions[scalar.reduction];
    return reduction ? [reduction.value] : [];
  }
  if (scalar.op !== "read") return [];
  const inGuards = scalar.guards.flatMap((guard) => guard.index.scalars);
  const outside = scalar.outside === undefined ? [] : [scalar.outside];
  return [...[...scalar.access.address.scalars, ...inGuards].map((term) => term.scalar), ...outside];
}

/** Every scalar that one depends on, itself included, through reductions too; `stop` cuts the search. */
export function closure(
  nest: Nest,
  from: ScalarId,
  stop: (id: ScalarId) => boolean = () => false,
): ReadonlySet<ScalarId> {
  const seen = new Set<ScalarId>();
  const visit = (id: ScalarId): void => {
    if (seen.has(id)) return;
    seen.add(id);
    const scalar = nest.scalars[id];
    if (scalar && !stop(id)) partsOf(nest, scalar).forEach(visit);
  };
  visit(from);
  return seen;
}

/** Positions of the reductions a scalar needs. */
export function reductionsOf(nest: Nest, from: ScalarId): readonly number[] {
  const found: number[] = [];
  for (const id of closure(nest, from)) {
    const scalar = nest.scalars[id];
    if (scalar?.op === "reduced") found.push(scalar.reduction);
  }
  return found;
}

/** Cost of computing a scalar once, without its reads, relative to an addition. */
export function costOf(nest: Nest, from: ScalarId, stop?: (id: ScalarId) => boolean): number {
  let cost = 0;
  for (const id of closure(nest, from, (part) => nest.scalars[part]?.op === "reduced" || (stop?.(part) ?? false))) {
    const scalar = nest.scalars[id];
    if (scalar?.op === "apply" && !stop?.(id)) cost += scalarFunction(scalar.fn).cost;
  }
  return cost;
}

/** The axis of an access to a packed operand that runs over columns: the one no reduction runs over. */
export function packedColumn(kernel: Kernel, nest: Nest, operand: number, address: Affine): AxisId | undefined {
  if (!kernel.operands[operand]?.packed) return undefined;
  return address.terms.find((term) => !nest.reductions.some((reduction) => reduction.over.includes(term.axis)))?.axis;
}

/** Whether every scalar that varies with `axis` has a form for four neighbours along it. */
export function canTakeLanes(kernel: Kernel, nest: Nest, axes: readonly ReadonlySet<AxisId>[], axis: AxisId): boolean {
  const varies = (id: ScalarId): boolean => axes[id]?.has(axis) ?? false;
  return nest.scalars.every((scalar, id) => {
    if (!varies(id)) return true;
    switch (scalar.op) {
      case "read": {
        const { operand, address } = scalar.access;
        if (address.scalars.some((term) => varies(term.scalar))) return false;
        if (
          scalar.guards.some(
            (guard) =>
              guard.index.terms.some((term) => term.axis === axis) ||
              guard.index.scalars.some((term) => varies(term.scalar)),
          )
        )
          return false;
        const term = address.terms.find((t) => t.axis === axis);
        return !term || isLiteral(term.times, 1) || packedColumn(kernel, nest, operand, address) === axis;
      }
      case "index":
        return (
          !scalar.at.scalars.some((term) => varies(term.scalar)) &&
          scalar.at.terms.every((term) => term.axis !== axis || literalOf(term.times) !== undefined)
        );
      case "apply":
        return hasVectorForm(scalar.fn, nest.scalars[scalar.args[scalar.args.length - 1] ?? 0]?.dtype ?? "f32");
      default:
        return true;
    }
  });
}

/** The share of useful lanes if vectors run along an axis. */
function laneUse(nest: Nest, axis: AxisId): number {
  const extent = literalOf(nest.axes[axis]?.extent ?? { terms: [], key: "0" });
  return extent === undefined ? 1 : extent / (4 * Math.ceil(extent / 4));
}

/**
 * The axis that vectors of four run along, if there is one: contiguous in every access that varies with it. An axis of
 * the stores is better than one that is only reduced, whose lanes have to be combined at the end.
 */
export function chooseLanes(kernel: Kernel, nest: Nest): AxisId | undefined {
  const axes = axesOfScalars(nest);
  let best: { axis: AxisId; score: number } | undefined;
  nest.axes.forEach((_, axis) => {
    const stores = nest.stores.filter((store) => store.over.includes(axis));
    const isStored = stores.length > 0;
    const isContiguous = stores.every((store) => {
      const term = store.access.address.terms.find((t) => t.axis === axis);
      return (
        term !== undefined &&
        isLiteral(term.times, 1) &&
        !store.access.address.scalars.some((t) => axes[t.scalar]?.has(axis))
      );
    });
    const isRead = nest.scalars.some(
      (scalar) => scalar.op === "read" && scalar.access.address.terms.some((t) => t.axis === axis),
    );
    // The position of a lane has to be a literal away from that of its neighbour.
    const hasPositions = nest.reductions.every(({ combine, over }) => {
      const inner = over.slice(over.indexOf(axis) + 1).map((a) => nest.axes[a]?.extent);
      const isLiteralStep = inner.every((extent) => extent !== undefined && literalOf(extent) !== undefined);
      return !over.includes(axis) || !combine.startsWith("arg") || isLiteralStep;
    });
    if (!(isStored || isRead) || !hasPositions || !isContiguous || !canTakeLanes(kernel, nest, axes, axis)) return;
    const score = laneUse(nest, axis) + (isStored ? 0.3 : 0);
    if (!best || score > best.score) best = { axis, score };
  });
  // With one lane in four in use, a vector costs more than it saves.
  return best && best.score > 0.3 ? best.axis : undefined;
}
