/**
 * A contraction reads its second operand in panels of 8 columns: `[ceil(N / 8)][K][8]`, so that the inner loop
 * walks one contiguous stream. A variable or constant that nothing else reads is stored that way. One with other
 * readers keeps its plain form beside the panels, which are derived from it and made again only when it changed.
 * From anything else panels are made in every run, if there are rows enough to pay for it.
 *
 * Recognised by the roles of axes: the column axis occurs in one factor of the product only and has stride 1 in the
 * store.
 */
import type { PanelSpec } from "../../runtime/abi.ts";
import { addAffine, affineOf, axisIndex, scaleAffine, strideOf } from "../ir/affine.ts";
import { ceilDivDims, type Dim, dimOf, isLiteral, literalOf, mulDims, ONE } from "../ir/dims.ts";
import type { Buffer, BufferId } from "../ir/loops.ts";
import type { Affine, AxisId, Nest, NestScalar, ScalarId } from "../ir/nest.ts";
import type { AddressedProgram, AddressedStep } from "./choose-layout.ts";

export const PANEL = 8;
/** Fewer rows than this do not pay for packing an operand that changes from run to run. */
const MIN_ROWS = 12;

export interface PackedProgram extends AddressedProgram {
  /** Buffers that hold panels. */
  readonly packed: ReadonlySet<BufferId>;
}

export interface Contraction {
  /** The two factors; `columns` is the one that has the column axis. */
  readonly rows: ScalarId;
  readonly columns: ScalarId;
  readonly columnAxis: AxisId;
  readonly over: readonly AxisId[];
}

/** The contraction a nest is, if it is one: a single sum of a product of two unguarded reads. */
export function contractionOf(nest: Nest): Contraction | undefined {
  const [reduction] = nest.reductions;
  const [store] = nest.stores;
  if (!reduction || !store || nest.reductions.length !== 1 || nest.stores.length !== 1 || reduction.combine !== "sum")
    return;
  const product = nest.scalars[reduction.value];
  if (product?.op !== "apply" || product.fn !== "mul" || product.dtype !== "f32") return;
  const [left, right] = product.args;
  if (left === undefined || right === undefined) return;
  const isPlain = (id: ScalarId): boolean => {
    const scalar = nest.scalars[id];
    return scalar?.op === "read" && scalar.guards.length === 0 && scalar.access.address.scalars.length === 0;
  };
  if (!isPlain(left) || !isPlain(right) || isReadAgain(nest, left) || isReadAgain(nest, right)) return;
  const columnAxis = store.over.find((axis) => isLiteral(strideOf(store.access.address, axis), 1));
  if (columnAxis === undefined) return;
  const inLeft = !isLiteral(strideOf(addressOf(nest, left), columnAxis), 0);
  const inRight = !isLiteral(strideOf(addressOf(nest, right), columnAxis), 0);
  if (inLeft === inRight) return;
  return { rows: inLeft ? right : left, columns: inLeft ? left : right, columnAxis, over: reduction.over };
}

/** Whether a factor is used by anything beside the one product. */
function isReadAgain(nest: Nest, id: ScalarId): boolean {
  const uses = nest.scalars.flatMap((scalar) => (scalar.op === "apply" ? scalar.args.filter((arg) => arg === id) : []));
  return uses.length !== 1 || nest.stores.some((store) => store.value === id);
}

function addressOf(nest: Nest, id: ScalarId): Affine {
  const scalar = nest.scalars[id];
  if (scalar?.op !== "read") throw new Error("a factor of a contraction is a read");
  return scalar.access.address;
}

export function pack(program: AddressedProgram): PackedProgram {
  const buffers: Buffer[] = [...program.buffers];
  const packed = new Set<BufferId>();
  const derive: AddressedStep[] = [...program.derive];
  const known = new Map<string, BufferId>();
  const stored = onlyPanels(program);
  const steps = program.steps.flatMap((step): AddressedStep[] => {
    const made: AddressedStep[] = [];
    const operands = [...step.operands];
    const nests = step.nests.map((nest): Nest => {
      const plan = planPanel(buffers, step, nest);
      if (!plan) return nest;
      const key = `${plan.source} ${plan.key}`;
      let target = plan.isDerived ? known.get(key) : undefined;
      const source = buffers[plan.source];
      if (target === undefined && source && stored.has(plan.source)) {
        target = buffers.push(storePanels(source, plan)) - 1;
        packed.add(target);
        known.set(key, target);
      } else if (target === undefined) {
        const name = `${source?.name ?? "operand"}_packed`;
        target =
          buffers.push({ name, dtype: "f32", dims: [plan.elements], place: plan.isDerived ? "derived" : "arena" }) - 1;
        packed.add(target);
        if (plan.isDerived) known.set(key, target);
        const packing = {
          name: "pack",
          nests: [plan.nest],
          operands: [plan.source, target],
          spans: step.spans,
          values: [],
        };
        (plan.isDerived ? derive : made).push(packing);
      }
      let operand = operands.indexOf(target);
      if (operand < 0) operand = operands.push(target) - 1;
      return readPanel(nest, plan, operand);
    });
    return [...made, dropUnread({ ...step, nests, operands })];
  });
  return { ...program, buffers, steps, derive, packed };
}

/** Variables and constants that are read as the columns of contractions only, all in one form. */
function onlyPanels(program: AddressedProgram): ReadonlySet<BufferId> {
  const forms = new Map<BufferId, Set<string>>();
  const others = new Set<BufferId>(program.outputs);
  program.buffers.forEach((buffer) => {
    if (buffer.alias !== undefined) others.add(buffer.alias);
  });
  for (const [position, step] of [...program.derive, ...program.steps].entries()) {
    for (const id of step.routine?.reads ?? []) others.add(id);
    for (const nest of step.nests) {
      // What is derived reads the plain form, also where it is a contraction: it runs once.
      const plan = position < program.derive.length ? undefined : planPanel(program.buffers, step, nest);
      nest.scalars.forEach((scalar, id) => {
        if (scalar.op !== "read") return;
        const source = step.operands[scalar.access.operand] ?? -1;
        if (plan?.isDerived && id === plan.contraction.columns)
          forms.set(source, (forms.get(source) ?? new Set()).add(plan.key));
        else others.add(source);
      });
    }
  }
  const isStored = (id: BufferId): boolean => {
    const buffer = program.buffers[id];
    return (
      !others.has(id) &&
      buffer?.alias === undefined &&
      !buffer?.isMutable &&
      (buffer?.place === "variable" || buffer?.place === "constant")
    );
  };
  return new Set([...forms].flatMap(([id, keys]) => (keys.size === 1 && isStored(id) ? [id] : [])));
}

/** The buffer in place of a plain one: a constant's data is arranged here, a variable's by the runtime. */
function storePanels(source: Buffer, plan: PanelPlan): Buffer {
  const { data, ...rest } = source;
  const panels = plan.panels;
  const buffer = { ...rest, dims: [plan.elements] };
  if (!data) return { ...buffer, panels };
  const arranged = new Float32Array(literalOf(plan.elements) ?? 0);
  const depth = panels.depth.reduce((n, [extent]) => n * extent, 1);
  for (let k = 0; k < depth; k++) {
    let from = 0;
    let rest = k;
    for (const [extent, step] of panels.depth.toReversed()) {
      from += (rest % extent) * step;
      rest = Math.floor(rest / extent);
    }
    for (let n = 0; n < panels.columns; n++)
      arranged[Math.floor(n / PANEL) * depth * PANEL + k * PANEL + (n % PANEL)] =
        data.data[from + n * panels.step] ?? 0;
  }
  return { ...buffer, data: { data: arranged } };
}

interface PanelPlan {
  readonly contraction: Contraction;
  readonly source: BufferId;
  readonly isDerived: boolean;
  readonly elements: Dim;
  /** Address of a panel's element in the terms of the contraction's own axes. */
  readonly address: Affine;
  readonly nest: Nest;
  readonly key: string;
  /** Of a plan that is derived: all literal. */
  readonly panels: PanelSpec;
}

function planPanel(buffers: readonly Buffer[], step: AddressedStep, nest: Nest): PanelPlan | undefined {
  const contraction = contractionOf(nest);
  if (!contraction) return;
  const { columnAxis, over } = contraction;
  const read = nest.scalars[contraction.columns];
  if (read?.op !== "read") return;
  const source = step.operands[read.access.operand];
  const buffer = source === undefined ? undefined : buffers[source];
  if (source === undefined || !buffer) return;
  const from = read.access.address;
  // Batch axes of the second operand would need a panel each: it is read in place.
  if (from.terms.some(({ axis }) => axis !== columnAxis && !over.includes(axis))) return;
  const extent = (axis: AxisId): Dim => nest.axes[axis]?.extent ?? ONE;
  const columns = extent(columnAxis);
  const depth = mulDims(...over.map(extent));
  const literal = (dim: Dim): number => literalOf(dim) ?? 0;
  const isDerived =
    !buffer.isMutable &&
    (buffer.place === "variable" || buffer.place === "constant" || buffer.place === "derived") &&
    literalOf(mulDims(columns, depth)) !== undefined &&
    isLiteral(from.plus, 0);
  const rows = literalOf(mulDims(...(nest.stores[0]?.over ?? []).filter((axis) => axis !== columnAxis).map(extent)));
  const isWorthwhile = rows === undefined || rows >= MIN_ROWS;
  // In a loop it would be made again in every iteration.
  if (!isDerived && (!isWorthwhile || step.region !== undefined)) return;

  const strides: Dim[] = [];
  let stride: Dim = ONE;
  for (let i = over.length - 1; i >= 0; i--) {
    strides.unshift(stride);
    stride = mulDims(stride, extent(over[i] ?? -1));
  }
  const eight = dimOf(PANEL);
  const address = addAffine(
    scaleAffine(axisIndex(columnAxis), depth),
    ...over.map((axis, i) => scaleAffine(axisIndex(axis), mulDims(eight, strides[i] ?? ONE))),
  );
  const panels = ceilDivDims(columns, eight);
  return {
    contraction,
    source,
    isDerived,
    elements: mulDims(panels, depth, eight),
    address,
    panels: {
      columns: literal(columns),
      step: literal(strideOf(from, columnAxis)),
      depth: over.map((axis): [number, number] => [literal(extent(axis)), literal(strideOf(from, axis))]),
    },
    nest: packingNest({ nest, from, columnAxis, over, columns, depth, panels }),
    key:
      [columns, depth, ...from.terms.map((t) => t.times), ...over.map(extent)].map((d) => d.key).join(" ") +
      from.plus.key,
  };
}

/** Axes: panel, the reduce axes, column within the panel. */
function packingNest(of: {
  nest: Nest;
  from: Affine;
  columnAxis: AxisId;
  over: readonly AxisId[];
  columns: Dim;
  depth: Dim;
  panels: Dim;
}): Nest {
  const eight = dimOf(PANEL);
  const depths = of.over.map((axis) => of.nest.axes[axis] ?? { name: "k", extent: ONE });
  const axes = [{ name: "panel", extent: of.panels }, ...depths, { name: "column", extent: eight }];
  const lane = axes.length - 1;
  const column = addAffine(scaleAffine(axisIndex(0), eight), axisIndex(lane));
  let source = addAffine(affineOf(of.from.plus), scaleAffine(column, strideOf(of.from, of.columnAxis)));
  let target = scaleAffine(axisIndex(0), mulDims(of.depth, eight));
  let stride: Dim = eight;
  for (let i = of.over.length - 1; i >= 0; i--) {
    source = addAffine(source, scaleAffine(axisIndex(1 + i), strideOf(of.from, of.over[i] ?? -1)));
    target = addAffine(target, scaleAffine(axisIndex(1 + i), stride));
    stride = mulDims(stride, depths[i]?.extent ?? ONE);
  }
  const isWhole = literalOf(of.columns) !== undefined && (literalOf(of.columns) ?? 0) % PANEL === 0;
  const scalars: NestScalar[] = [
    { dtype: "f32", op: "constant", value: 0 },
    {
      dtype: "f32",
      op: "read",
      access: { operand: 0, address: source },
      guards: isWhole ? [] : [{ index: column, extent: of.columns }],
      ...(isWhole ? {} : { outside: 0 }),
    },
  ];
  return {
    axes,
    scalars,
    reductions: [],
    stores: [
      { access: { operand: 1, address: addAffine(target, axisIndex(lane)) }, value: 1, over: axes.map((_, i) => i) },
    ],
  };
}

function readPanel(nest: Nest, plan: PanelPlan, operand: number): Nest {
  return {
    ...nest,
    scalars: nest.scalars.map((scalar, id) =>
      id === plan.contraction.columns && scalar.op === "read"
        ? { ...scalar, access: { operand, address: plan.address } }
        : scalar,
    ),
  };
}

/** Operands that no nest of the step names any more are dropped. */
function dropUnread(step: AddressedStep): AddressedStep {
  if (step.routine) return step;
  const used = new Set<number>();
  for (const nest of step.nests) {
    for (const scalar of nest.scalars) if (scalar.op === "read") used.add(scalar.access.operand);
    for (const store of nest.stores) used.add(store.access.operand);
  }
  const kept = step.operands.flatMap((_, i) => (used.has(i) ? [i] : []));
  const to = (operand: number): number => kept.indexOf(operand);
  return {
    ...step,
    operands: kept.map((i) => step.operands[i] ?? -1),
    nests: step.nests.map((nest) => ({
      ...nest,
      scalars: nest.scalars.map((scalar) =>
        scalar.op === "read" ? { ...scalar, access: { ...scalar.access, operand: to(scalar.access.operand) } } : scalar,
      ),
      stores: nest.stores.map((store) => ({
        ...store,
        access: { ...store.access, operand: to(store.access.operand) },
      })),
    })),
  };
}
