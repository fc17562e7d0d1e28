/**
 * Gives every buffer its layout, and every access its address.
 *
 * A buffer is row-major. Where readers look outside of it for a constant (`x[i - 1] ?? 0.0`), it gets a halo: the
 * kernel that writes it fills the halo too, and the readers' guards vanish. The halo is the maximum that its
 * readers ask for. A buffer that must stay plain (an output, a feed, a variable, one with another name for the
 * same memory, one that a routine reads or writes) is copied once into one with a halo; so is one whose readers ask for two different fills.
 */
import { addAffine, affineOf, affineRange, axisIndex, isNonNegative, largerDim, scaleAffine } from "../ir/affine.ts";
import { addDims, type Dim, isLiteral, mulDims, ONE, scaleDim, subDims, ZERO } from "../ir/dims.ts";
import {
  type Buffer,
  type BufferId,
  type Halo,
  isWithin,
  type LoopNest,
  type LoopProgram,
  type LoopScalar,
  type LoopStep,
  type RegionId,
  type RoutineCall,
} from "../ir/loops.ts";
import type { Affine, AxisId, Guard, Nest, NestScalar } from "../ir/nest.ts";

/** A step whose accesses are addresses: operands of its nests are positions in `operands`. */
export interface AddressedStep {
  readonly name: string;
  readonly nests: readonly Nest[];
  readonly routine?: RoutineCall;
  readonly operands: readonly BufferId[];
  readonly spans: LoopStep["spans"];
  readonly values: LoopStep["values"];
  readonly region?: RegionId;
}

export interface AddressedProgram extends Omit<LoopProgram, "steps" | "derive"> {
  readonly derive: readonly AddressedStep[];
  readonly steps: readonly AddressedStep[];
}

export function chooseLayout(program: LoopProgram): AddressedProgram {
  const padded = padBuffers(program);
  const addressed = (step: LoopStep): AddressedStep => addressStep(padded.buffers, step);
  return { ...padded, derive: padded.derive.map(addressed), steps: padded.steps.map(addressed) };
}

// ---- halos -------------------------------------------------------------------------------------------

interface Wish {
  readonly fill: number;
  readonly sides: Halo[];
}

function padBuffers(program: LoopProgram): LoopProgram {
  const buffers: Buffer[] = [...program.buffers];
  const wishes = new Map<BufferId, Wish[]>();
  for (const step of program.steps) for (const nest of step.nests) collectWishes(program, nest, wishes);

  const aliased = new Set(program.buffers.flatMap((buffer) => (buffer.alias === undefined ? [] : [buffer.alias])));
  const outputs = new Set(program.outputs);
  const inRoutines = new Set(
    program.steps.flatMap(({ routine }) => [...(routine?.reads ?? []), ...(routine?.writes ?? [])]),
  );
  // A copy runs right after what writes its source; copies of feeds and variables run first.
  const writerOf = (id: BufferId): number => {
    const source = program.buffers[id]?.alias ?? id;
    const loop = program.buffers[source]?.stackedIn;
    if (loop !== undefined) return program.steps.findLastIndex((step) => isWithin(program.regions, step.region, loop));
    return program.steps.findIndex(
      (step) =>
        step.routine?.writes.includes(source) ||
        step.nests.some((nest) => nest.stores.some((s) => s.buffer === source)),
    );
  };
  /** Where readers with a fill go: the buffer itself or its copy. */
  const target = new Map<string, BufferId>();
  const copies = new Map<BufferId, LoopStep[]>();
  const home = (id: BufferId): RegionId | undefined => {
    const { stackedIn, alias } = program.buffers[id] ?? {};
    if (stackedIn !== undefined) return program.regions[stackedIn]?.parent;
    return alias === undefined ? program.steps[writerOf(id)]?.region : home(alias);
  };
  for (const [id, list] of wishes) {
    const buffer = program.buffers[id];
    if (!buffer) continue;
    list.forEach((wish, i) => {
      const halo = { sides: wish.sides, fill: wish.fill };
      const isPlain =
        buffer.place !== "arena" ||
        buffer.alias !== undefined ||
        buffer.stackedIn !== undefined ||
        aliased.has(id) ||
        outputs.has(id) ||
        inRoutines.has(id);
      if (i === 0 && !isPlain) {
        buffers[id] = { ...buffer, halo };
        target.set(`${id} ${wish.fill}`, id);
        return;
      }
      const name = `${buffer.name}_padded${i === 0 ? "" : `_${i}`}`;
      const copy = buffers.push({ name, dtype: buffer.dtype, dims: buffer.dims, place: "arena", halo }) - 1;
      target.set(`${id} ${wish.fill}`, copy);
      const before = copies.get(id) ?? [];
      const region = home(id);
      const within = region === undefined ? {} : { region };
      copies.set(id, [
        ...before,
        { name: "pad", nests: [copyNest(buffer, id, copy)], spans: [], values: [], ...within },
      ]);
    });
  }
  const after = new Map<number, LoopStep[]>();
  for (const [id, list] of copies) after.set(writerOf(id), [...(after.get(writerOf(id)) ?? []), ...list]);
  const steps = [...(after.get(-1) ?? [])];
  program.steps.forEach((step, i) => {
    steps.push({ ...step, nests: step.nests.map((nest) => redirect(program, nest, target)) }, ...(after.get(i) ?? []));
  });
  return {
    ...program,
    buffers,
    steps: steps.map((step) => ({
      ...step,
      nests: [...step.nests.flatMap((nest) => fillNests(buffers, nest)), ...step.nests],
    })),
  };
}

/** The constant a load gives outside of its buffer, if its indices allow a halo: affine, with a range. */
function haloFill(program: LoopProgram, nest: LoopNest, scalar: LoopScalar): number | undefined {
  if (scalar.op !== "load" || scalar.outside === undefined) return undefined;
  // What a loop carries changes under its copy: its readers keep their guards.
  const buffer = program.buffers[scalar.buffer];
  if (buffer?.isMutable && buffer.place === "arena") return undefined;
  const outside = nest.scalars[scalar.outside];
  if (outside?.op !== "constant") return undefined;
  const isAffine = scalar.at.every((at) => affineRange(at, (axis) => nest.axes[axis]?.extent ?? ONE));
  return isAffine ? outside.value : undefined;
}

function collectWishes(program: LoopProgram, nest: LoopNest, wishes: Map<BufferId, Wish[]>): void {
  for (const scalar of nest.scalars) {
    const fill = haloFill(program, nest, scalar);
    if (scalar.op !== "load" || fill === undefined) continue;
    const buffer = program.buffers[scalar.buffer];
    if (!buffer) continue;
    const sides = scalar.at.map((at, i): Halo => {
      const range = affineRange(at, (axis) => nest.axes[axis]?.extent ?? ONE);
      if (!range) return { before: ZERO, after: ZERO };
      return {
        before: atLeastZero(scaleDim(range.low, -1)),
        after: atLeastZero(subDims(range.high, subDims(buffer.dims[i] ?? ONE, ONE))),
      };
    });
    if (sides.every((side) => isLiteral(side.before, 0) && isLiteral(side.after, 0))) continue;
    const list = wishes.get(scalar.buffer) ?? [];
    const same = list.find((wish) => Object.is(wish.fill, fill));
    if (same)
      same.sides.forEach((side, i) => {
        same.sides[i] = {
          before: largerDim(side.before, sides[i]?.before ?? ZERO),
          after: largerDim(side.after, sides[i]?.after ?? ZERO),
        };
      });
    else wishes.set(scalar.buffer, [...list, { fill, sides }]);
  }
}

/** max(dim, 0), as a literal where the sign is provable. */
const atLeastZero = (dim: Dim): Dim => (isNonNegative(scaleDim(dim, -1)) ? ZERO : largerDim(dim, ZERO));

function redirect(program: LoopProgram, nest: LoopNest, target: ReadonlyMap<string, BufferId>): LoopNest {
  return {
    ...nest,
    scalars: nest.scalars.map((scalar): LoopScalar => {
      const fill = haloFill(program, nest, scalar);
      if (scalar.op !== "load" || fill === undefined) return scalar;
      const buffer = target.get(`${scalar.buffer} ${fill}`);
      // Without a wish every index was in range: no guard either way.
      const { outside: _, ...inside } = scalar;
      return { ...inside, buffer: buffer ?? scalar.buffer };
    }),
  };
}

export function copyNest(buffer: Buffer, from: BufferId, to: BufferId): LoopNest {
  const axes = buffer.dims.map((extent, i) => ({ name: `i${i}`, extent }));
  const at = axes.map((_, i) => axisIndex(i));
  return {
    axes,
    scalars: [{ dtype: buffer.dtype, op: "load", buffer: from, at }],
    reductions: [],
    stores: [{ buffer: to, at, value: 0, over: axes.map((_, i) => i) }],
  };
}

/** The nests that write the halo of what a nest stores: for each dim the slabs before and behind it. */
function fillNests(buffers: readonly Buffer[], nest: LoopNest): LoopNest[] {
  return nest.stores.flatMap((store) => {
    const buffer = buffers[store.buffer];
    const halo = buffer?.halo;
    if (!buffer || !halo) return [];
    return halo.sides.flatMap((side, d) => {
      const slabs: { extent: Dim; from: Dim }[] = [
        { extent: side.before, from: scaleDim(side.before, -1) },
        { extent: side.after, from: buffer.dims[d] ?? ONE },
      ];
      return slabs
        .filter((slab) => !isLiteral(slab.extent, 0))
        .map((slab): LoopNest => {
          // Earlier dims only inside, later ones with their halo: the slabs do not overlap.
          const axes = buffer.dims.map((dim, e) => {
            const other = halo.sides[e];
            if (e === d) return { name: `i${e}`, extent: slab.extent };
            return { name: `i${e}`, extent: e < d || !other ? dim : addDims(dim, other.before, other.after) };
          });
          const at = axes.map((_, e) => {
            const start = e === d ? slab.from : e < d ? ZERO : scaleDim(halo.sides[e]?.before ?? ZERO, -1);
            return addAffine(axisIndex(e), affineOf(start));
          });
          return {
            axes,
            scalars: [{ dtype: buffer.dtype, op: "constant", value: halo.fill }],
            reductions: [],
            stores: [{ buffer: store.buffer, at, value: 0, over: axes.map((_, e) => e) }],
          };
        });
    });
  });
}

// ---- addresses ----------------------------------------------------------------------------------------

/** Elements from one index to the next, per dim; the halo counts. */
export function stridesOf(buffer: Buffer): readonly Dim[] {
  const strides: Dim[] = [];
  let stride: Dim = ONE;
  for (let i = buffer.dims.length - 1; i >= 0; i--) {
    strides.unshift(stride);
    stride = mulDims(stride, paddedDim(buffer, i));
  }
  return strides;
}

export function paddedDim(buffer: Buffer, i: number): Dim {
  const side = buffer.halo?.sides[i];
  const dim = buffer.dims[i] ?? ONE;
  return side ? addDims(dim, side.before, side.after) : dim;
}

/** Elements in memory, the halo counted. */
export const elementsOf = (buffer: Buffer): Dim => mulDims(...buffer.dims.map((_, i) => paddedDim(buffer, i)));

function addressOf(buffer: Buffer, at: readonly Affine[]): Affine {
  const strides = stridesOf(buffer);
  return addAffine(
    affineOf(0),
    ...at.map((index, i) =>
      scaleAffine(addAffine(index, affineOf(buffer.halo?.sides[i]?.before ?? ZERO)), strides[i] ?? ONE),
    ),
  );
}

function addressStep(buffers: readonly Buffer[], step: LoopStep): AddressedStep {
  const { routine, name, spans, values } = step;
  const region = step.region === undefined ? {} : { region: step.region };
  if (routine)
    return { name, nests: [], routine, operands: [...routine.reads, ...routine.writes], spans, values, ...region };
  const operands: BufferId[] = [];
  const operandOf = (buffer: BufferId): number => {
    const at = operands.indexOf(buffer);
    return at >= 0 ? at : operands.push(buffer) - 1;
  };
  const bufferAt = (id: BufferId): Buffer => {
    const buffer = buffers[id];
    if (!buffer) throw new Error(`no buffer ${id}`);
    return buffer;
  };
  const nests = step.nests.map((nest): Nest => {
    const extentOf = (axis: AxisId): Dim => nest.axes[axis]?.extent ?? ONE;
    const scalars = nest.scalars.map((scalar): NestScalar => {
      if (scalar.op !== "load") return scalar;
      const buffer = bufferAt(scalar.buffer);
      const guards = scalar.outside === undefined ? [] : guardsOf(buffer, scalar.at, extentOf);
      return {
        dtype: scalar.dtype,
        op: "read",
        access: { operand: operandOf(scalar.buffer), address: addressOf(buffer, scalar.at) },
        guards,
        ...(guards.length === 0 || scalar.outside === undefined ? {} : { outside: scalar.outside }),
      };
    });
    const stores = nest.stores.map((store) => ({
      access: { operand: operandOf(store.buffer), address: addressOf(bufferAt(store.buffer), store.at) },
      value: store.value,
      over: store.over,
    }));
    return { axes: nest.axes, scalars, reductions: nest.reductions, stores };
  });
  return { name, nests, operands, spans, values, ...region };
}

/** The dims in which an index is not proved to be inside. */
function guardsOf(buffer: Buffer, at: readonly Affine[], extentOf: (axis: AxisId) => Dim): Guard[] {
  return at.flatMap((index, i) => {
    const extent = buffer.dims[i] ?? ONE;
    const range = affineRange(index, extentOf);
    const isInside = range && isNonNegative(range.low) && isNonNegative(subDims(extent, addDims(range.high, ONE)));
    return isInside ? [] : [{ index, extent }];
  });
}
