/**
 * Runs a planned program directly: nest by nest, point by point, in float64, over one memory laid out as the plan
 * says. The arena starts as NaN, so reading what no kernel wrote shows, and so do buffers that share a slot too soon.
 */
import type { PanelSpec } from "../../runtime/abi.ts";
import { type Dim, evaluateDim } from "../../compiler/ir/dims.ts";
import type { ConstantData } from "../../compiler/ir/graph.ts";
import type { BufferId, KernelCall } from "../../compiler/ir/loops.ts";
import type { Affine, Kernel, Nest, Routine } from "../../compiler/ir/nest.ts";
import { type StepNode, stepTree } from "../../compiler/ir/step-tree.ts";
import { elementsOf } from "../../compiler/passes/choose-layout.ts";
import type { Planned } from "../../compiler/pipeline.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { accumulator } from "../../compiler/ops/reduce.ts";
import { scalarFunction } from "../../compiler/ops/scalar.ts";
import { primitiveOf } from "../../compiler/ops/table.ts";

export interface Data {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export function evaluatePlanned(
  planned: Planned,
  given: { dims: ReadonlyMap<string, number>; feeds: ReadonlyMap<string, Data>; variables: ReadonlyMap<string, Data> },
): Map<string, Float64Array> {
  const { kernels: program, memory, graph } = planned;
  const size = (dim: Dim): number => evaluateDim(dim, (name) => given.dims.get(name) ?? fail(`no dim ${name}`));
  const slotAt: number[] = [];
  let end = memory.arenaAt / 4;
  for (const slot of memory.slots) {
    slotAt.push(end);
    end += Math.ceil(size(slot.size) / 64) * 16 + 16;
  }
  const words = new Float64Array(end).fill(Number.NaN);
  const addressOf = (id: BufferId): number => {
    const place = memory.places.get(id) ?? fail(`buffer ${id} has no place`);
    return "address" in place ? place.address / 4 : (slotAt[place.slot] ?? fail("no slot"));
  };
  program.buffers.forEach((buffer, id) => {
    const value = buffer.value === undefined ? undefined : graph.values[buffer.value];
    if (buffer.alias !== undefined || !value) return;
    const name = String(value.attributes.name);
    const data =
      value.op === "constant"
        ? (value.attributes.data as ConstantData).data
        : value.op === "input"
          ? given.feeds.get(name)?.data
          : value.op === "variable"
            ? given.variables.get(name)?.data
            : undefined;
    if (!data || !memory.places.has(id)) return;
    const at = addressOf(id);
    if (!buffer.panels) words.set(Array.from(data), at);
    else storePanels(buffer.panels, data, words, at);
  });
  const counters = new Map<string, number>();
  const sized = (dim: Dim): number =>
    evaluateDim(dim, (name) => counters.get(name) ?? given.dims.get(name) ?? fail(`no dim ${name}`));
  const call = ({ kernel, operands }: KernelCall): void => {
    const found = program.kernels[kernel] ?? fail("no kernel");
    runKernel(
      found,
      operands.map(addressOf),
      operands.map((id) => size(elementsOf(program.buffers[id] ?? fail("no buffer")))),
      words,
      sized,
    );
  };
  const walk = (nodes: readonly StepNode[]): void => {
    for (const node of nodes) {
      if (node.do === "call") call(node.call);
      else if (node.do === "branch") {
        if ((words[addressOf(node.region.condition)] !== 0) === node.region.isTaken) walk(node.body);
      } else
        for (let t = 0; t < size(node.region.times); t++) {
          counters.set(node.region.counter, t);
          walk(node.test);
          const { condition } = node.region;
          if (condition !== undefined && words[addressOf(condition)] === 0) break;
          walk(node.body);
        }
    }
  };
  program.derive.forEach(call);
  walk(stepTree(program));
  return new Map(
    graph.outputs.map((output, i) => {
      const at = addressOf(program.outputs[i] ?? -1);
      const shape = graph.values[output.value]?.type.shape.map(size) ?? [];
      return [output.name, words.slice(at, at + shape.reduce((a, b) => a * b, 1))];
    }),
  );
}

/** Element by element, from the definition of `PanelSpec`. */
function storePanels(
  { columns, step, depth }: PanelSpec,
  data: ArrayLike<number>,
  words: Float64Array,
  at: number,
): void {
  const rows = depth.reduce((n, [extent]) => n * extent, 1);
  words.fill(0, at, at + Math.ceil(columns / 8) * rows * 8);
  const visit = (axis: number, k: number, from: number): void => {
    const [extent, along] = depth[axis] ?? [0, 0];
    if (axis < depth.length) for (let i = 0; i < extent; i++) visit(axis + 1, k * extent + i, from + i * along);
    else
      for (let n = 0; n < columns; n++)
        words[at + Math.floor(n / 8) * rows * 8 + k * 8 + (n % 8)] =
          data[from + n * step] ?? fail("the data are too short");
  };
  visit(0, 0, 0);
}

function fail(message: string): never {
  throw new Error(message);
}

export function runKernel(
  kernel: Kernel,
  pointers: readonly number[],
  lengths: readonly number[],
  words: Float64Array,
  size: (dim: Dim) => number,
): void {
  if (kernel.routine) runRoutine(kernel.routine, pointers, words, size);
  for (const nest of kernel.nests) runNest(kernel, nest, pointers, lengths, words, size);
}

/** By the meaning of the record. Scratch is overwritten before and after, so what lies in it by mistake shows. */
function runRoutine(
  { value, operands, scratch }: Routine,
  pointers: readonly number[],
  words: Float64Array,
  size: (dim: Dim) => number,
): void {
  const clear = (): void => {
    for (const [i, count] of scratch.entries()) {
      const at = pointers[pointers.length - scratch.length + i] ?? fail("no scratch");
      words.fill(Number.NaN, at, at + size(count));
    }
  };
  clear();
  const args = operands.map(({ dtype, shape }, k): NdArray => {
    const sizes = shape.map(size);
    const at = pointers[k] ?? fail("no operand");
    return { dtype, shape: sizes, data: words.slice(at, at + sizes.reduce((a, b) => a * b, 1)) };
  });
  const context = { shape: value.type.shape.map(size), type: value.type, size };
  const results = primitiveOf(value.op).meaning(args, value, context);
  for (const [i, data] of (results instanceof Float64Array ? [results] : results).entries())
    words.set(data, pointers[operands.length + i] ?? fail("no result"));
  clear();
}

function runNest(
  kernel: Kernel,
  nest: Nest,
  pointers: readonly number[],
  lengths: readonly number[],
  words: Float64Array,
  size: (dim: Dim) => number,
): void {
  const extents = nest.axes.map((axis) => size(axis.extent));
  const point: number[] = nest.axes.map(() => 0);
  const index = (at: Affine): number =>
    at.terms.reduce((sum, t) => sum + (point[t.axis] ?? 0) * size(t.times), size(at.plus)) +
    at.scalars.reduce((sum, t) => sum + scalar(t.scalar) * size(t.times), 0);
  const cell = (operand: number, at: Affine): number => {
    const offset = index(at);
    // Packed rows may be read beyond the last column, within the panel; everything else stays in its buffer.
    if (offset < 0 || offset >= (lengths[operand] ?? 0))
      fail(`${kernel.name}: element ${offset} of operand ${operand}, which has ${lengths[operand]}`);
    return (pointers[operand] ?? 0) + offset;
  };
  const reduced = new Map<string, number>();
  const depends = nest.scalars.map((_, id) => axesOf(nest, id));
  const packedColumn = (operand: number, at: Affine): Affine => {
    if (!kernel.operands[operand]?.packed) return at;
    // The column axis steps by K between panels and by 1 within one.
    const column = nest.stores[0]?.over.find(
      (axis) => nest.reductions.every((r) => !r.over.includes(axis)) && at.terms.some((t) => t.axis === axis),
    );
    const term = at.terms.find((t) => t.axis === column);
    if (!term || column === undefined) return at;
    const n = point[column] ?? 0;
    const depth = size(term.times);
    const exact = Math.floor(n / 8) * 8 * depth + (n % 8);
    const rest = { ...at, terms: at.terms.filter((t) => t !== term) };
    return {
      ...rest,
      plus: { terms: [{ coefficient: index({ ...rest, terms: [], scalars: [] }) + exact, atoms: [] }], key: "" },
    };
  };
  const scalar = (id: number): number => {
    const s = nest.scalars[id] ?? fail("no scalar");
    switch (s.op) {
      case "constant":
        return s.value;
      case "index":
        return index(s.at);
      case "dim":
        return size(s.dim);
      case "read": {
        for (const guard of s.guards) {
          const i = index(guard.index);
          if (i < 0 || i >= size(guard.extent)) return scalar(s.outside ?? fail("no value outside"));
        }
        return words[cell(s.access.operand, packedColumn(s.access.operand, s.access.address))] ?? Number.NaN;
      }
      case "apply": {
        const last = nest.scalars[s.args[s.args.length - 1] ?? -1];
        const first = nest.scalars[s.args[0] ?? -1];
        const dtype = (s.fn === "cast" ? first : last)?.dtype ?? s.dtype;
        const [a = 0, b = 0, c = 0] = s.args.map(scalar);
        return scalarFunction(s.fn).meaning(dtype, s.dtype)(a, b, c);
      }
      case "reduced": {
        const key = `${s.reduction} ${[...(depends[id] ?? [])].map((axis) => point[axis]).join()}`;
        const before = reduced.get(key);
        if (before !== undefined) return before;
        const reduction = nest.reductions[s.reduction] ?? fail("no reduction");
        const saved = reduction.over.map((axis) => point[axis] ?? 0);
        const acc = accumulator(reduction.combine, nest.scalars[reduction.value]?.dtype ?? "f32");
        acc.reset();
        each(reduction.over, () => acc.put(scalar(reduction.value)));
        reduction.over.forEach((axis, i) => {
          point[axis] = saved[i] ?? 0;
        });
        // `accumulator` may be shared state of nested reductions; the result is read before anything else runs.
        const result = acc.result();
        reduced.set(key, result);
        return result;
      }
    }
  };
  const each = (axes: readonly number[], visit: () => void, depth = 0): void => {
    const axis = axes[depth];
    if (axis === undefined) {
      visit();
      return;
    }
    for (let i = 0; i < (extents[axis] ?? 0); i++) {
      point[axis] = i;
      each(axes, visit, depth + 1);
    }
  };
  for (const store of nest.stores)
    each(store.over, () => {
      words[cell(store.access.operand, store.access.address)] = scalar(store.value);
    });
}

function axesOf(nest: Nest, id: number): ReadonlySet<number> {
  const axes = new Set<number>();
  const addAffine = (at: Affine): void => {
    for (const t of at.terms) axes.add(t.axis);
    for (const t of at.scalars) for (const axis of axesOf(nest, t.scalar)) axes.add(axis);
  };
  const s = nest.scalars[id];
  if (s?.op === "index") addAffine(s.at);
  if (s?.op === "read") {
    addAffine(s.access.address);
    for (const guard of s.guards) addAffine(guard.index);
    if (s.outside !== undefined) for (const axis of axesOf(nest, s.outside)) axes.add(axis);
  }
  if (s?.op === "apply") for (const arg of s.args) for (const axis of axesOf(nest, arg)) axes.add(axis);
  if (s?.op === "reduced") {
    const reduction = nest.reductions[s.reduction];
    for (const axis of axesOf(nest, reduction?.value ?? -1)) axes.add(axis);
    for (const axis of reduction?.over ?? []) axes.delete(axis);
  }
  return axes;
}
