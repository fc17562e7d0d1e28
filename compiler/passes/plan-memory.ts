/**
 * Memory: what lies below the arena gets literal offsets; buffers of the arena get slots, which they share when
 * they do not live at the same time. A slot's size is the maximum of its buffers' sizes, as a polynomial in the run
 * dims, so that one plan serves every batch size.
 */
import { largerDim } from "../ir/affine.ts";
import { type Dim, equalDims, evaluateDim, literalOf, scaleDim } from "../ir/dims.ts";
import { type Buffer, type BufferId, isWithin, type KernelProgram } from "../ir/loops.ts";
import { conditionsOf, pathOf, type StepNode, stepTree } from "../ir/step-tree.ts";
import { Violation } from "../ir/verify.ts";
import { elementsOf } from "./choose-layout.ts";

/** Where a buffer lies: a literal byte address, or a slot of the arena. */
export type Place = { readonly address: number } | { readonly slot: number };

export interface Slot {
  /** Bytes. */
  readonly size: Dim;
  readonly buffers: readonly BufferId[];
}

export interface MemoryPlan {
  readonly places: ReadonlyMap<BufferId, Place>;
  readonly slots: readonly Slot[];
  readonly constantsAt: number;
  readonly arenaAt: number;
  readonly deriveBlock: number;
  readonly stepsBlock: number;
  /** First and last step at which each arena buffer is in use; -1 is before the first step. */
  readonly lives: ReadonlyMap<BufferId, { readonly from: number; readonly to: number }>;
}

/** Bytes of every element in memory. */
export const WORD = 4;
const ALIGN = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

export function planMemory(program: KernelProgram): MemoryPlan {
  const { buffers } = program;
  const places = new Map<BufferId, Place>();
  let next = ALIGN;
  const reserve = (bytes: number): number => {
    const at = next;
    // Vectors may read up to 64 bytes past the end of a buffer.
    next = align(next + bytes) + ALIGN;
    return at;
  };
  const blockWords = (nodes: readonly StepNode[]): number =>
    nodes.reduce((n, node) => {
      if (node.do === "call")
        return n + 1 + node.call.operands.length + (program.kernels[node.call.kernel]?.dims.length ?? 0);
      return n + (node.do === "loop" ? 3 + blockWords(node.test) : 2) + blockWords(node.body);
    }, 0);
  const deriveBlock = reserve(blockWords(stepTree({ steps: program.derive, regions: [] })) * WORD);
  const stepsBlock = reserve(blockWords(stepTree(program)) * WORD);
  const constantsAt = next;
  // The plain form of what is stored as panels is nowhere.
  const inPanels = new Set(program.packed.flatMap((id) => buffers[id]?.value ?? []));
  const isReplaced = (id: BufferId): boolean => inPanels.has(buffers[id]?.value ?? -1) && !program.packed.includes(id);
  for (const place of ["constant", "variable", "derived"] as const)
    buffers.forEach((buffer, id) => {
      if (buffer.place === place && memoryOf(buffers, id) === id && !isReplaced(id))
        places.set(id, { address: reserve((literalOf(elementsOf(buffer)) ?? 0) * WORD) });
    });
  const arenaAt = next;

  const lives = livesOf(program);
  const slots = assignSlots(program, lives, places);
  buffers.forEach((_, id) => {
    const place = places.get(memoryOf(buffers, id));
    if (place) places.set(id, place);
  });
  return { places, slots, constantsAt, arenaAt, deriveBlock, stepsBlock, lives };
}

/** The buffer in whose memory a buffer lies. */
export function memoryOf(buffers: readonly Buffer[], id: BufferId): BufferId {
  const { alias, inPlaceOf } = buffers[id] ?? {};
  const under = alias ?? inPlaceOf;
  return under === undefined ? id : memoryOf(buffers, under);
}

function livesOf(program: KernelProgram): Map<BufferId, { from: number; to: number }> {
  const { buffers, regions, steps } = program;
  const lives = new Map<BufferId, { from: number; to: number }>();
  const spans = regions.map((_, id) => {
    const inside = steps.flatMap((step, i) => (isWithin(regions, step.region, id) ? [i] : []));
    return { first: inside[0] ?? 0, last: inside[inside.length - 1] ?? 0 };
  });
  const use = (id: BufferId, step: number): void => {
    const memory = memoryOf(buffers, id);
    const { place, stackedIn } = buffers[memory] ?? {};
    let life = lives.get(memory);
    if (!life) {
      const from =
        place === "feed" ? -1 : stackedIn === undefined ? step : Math.min(step, spans[stackedIn]?.first ?? step);
      life = { from, to: step };
      lives.set(memory, life);
    }
    life.to = Math.max(life.to, step);
    // What was there before a loop began is there in all of its iterations.
    for (const region of pathOf(regions, steps[step]?.region)) {
      const span = spans[region];
      if (regions[region]?.kind === "loop" && span && life.from < span.first) life.to = Math.max(life.to, span.last);
    }
  };
  buffers.forEach((buffer, id) => {
    if (buffer.place === "feed") use(id, -1);
  });
  steps.forEach((call, step) => {
    for (const operand of call.operands) use(operand, step);
    for (const condition of conditionsOf(regions, call.region))
      if (lives.has(memoryOf(buffers, condition))) use(condition, step);
  });
  for (const output of program.outputs) use(output, steps.length);
  return lives;
}

/** Sizes are compared at these dims where polynomials cannot be: the choice costs memory, never correctness. */
const NOMINAL = 64;

function assignSlots(
  program: KernelProgram,
  lives: ReadonlyMap<BufferId, { from: number; to: number }>,
  places: Map<BufferId, Place>,
): Slot[] {
  const slots: { size: Dim; buffers: BufferId[]; freeAfter: number }[] = [];
  const order = [...lives]
    .filter(([id]) => program.buffers[id]?.place === "arena" || program.buffers[id]?.place === "feed")
    .sort(([a, x], [b, y]) => x.from - y.from || a - b);
  for (const [id, life] of order) {
    const buffer = program.buffers[id];
    if (!buffer) continue;
    const size = scaleDim(elementsOf(buffer), WORD);
    const nominal = evaluateDim(size, () => NOMINAL);
    // The free slot that wastes least: of equal size, else the smallest that holds it, else the largest, which grows.
    let best: { slot: number; waste: number } | undefined;
    slots.forEach((slot, i) => {
      if (slot.freeAfter >= life.from) return;
      const has = evaluateDim(slot.size, () => NOMINAL);
      const waste = equalDims(slot.size, size) ? -1 : Math.abs(has - nominal);
      if (!best || waste < best.waste) best = { slot: i, waste };
    });
    const found = best ? slots[best.slot] : undefined;
    if (best && found) {
      found.size = largerDim(found.size, size);
      found.buffers.push(id);
      found.freeAfter = life.to;
      places.set(id, { slot: best.slot });
    } else places.set(id, { slot: slots.push({ size, buffers: [id], freeAfter: life.to }) - 1 });
  }
  return slots;
}

/** What must hold of a plan: buffers of one slot never live at the same step. */
export function verifyMemory(plan: MemoryPlan): void {
  for (const slot of plan.slots)
    for (const [i, a] of slot.buffers.entries())
      for (const b of slot.buffers.slice(i + 1)) {
        const [x, y] = [plan.lives.get(a), plan.lives.get(b)];
        if (!x || !y || (x.from <= y.to && y.from <= x.to))
          throw new Violation(`buffers ${a} and ${b} share a slot while both live`);
      }
}
