/** What a compiled graph does for some fetches, as data: kernel calls in order, their work, and memory. */
import { positionAt, type Span } from "../../grammar/source.ts";
import type { CallSpec, Program, StepSpec } from "../../runtime/abi.ts";
import { addDims, type Dim, dimOf, dimSymbols, literalOf, mulDims, ONE, scaleDim, substituteDims } from "../ir/dims.ts";
import type { CallId, Graph, ValueId } from "../ir/graph.ts";
import type { BufferId, KernelCall, KernelProgram } from "../ir/loops.ts";
import { fetchNames } from "../ir/needs.ts";
import { pathOf } from "../ir/step-tree.ts";
import type { DType } from "../ir/types.ts";
import { elementsOf } from "../passes/choose-layout.ts";
import { type MemoryPlan, WORD } from "../passes/plan-memory.ts";
import { type Template, templateOf } from "../tile/template.ts";
import { dimRanges, rangeOf } from "./bounds.ts";
import { type Work, workOf } from "./measure.ts";

export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A library call, or a primitive at graph level, of which a kernel computes something. */
export interface FusedPart extends SourcePlace {
  readonly name: string;
  /** Of a layer: the path of its variables. */
  readonly scope?: string;
  /** The library calls directly in it, as far as this kernel computes something of them. */
  readonly calls: readonly string[];
  /** The primitives that it comes down to here; of a primitive itself. */
  readonly primitives: readonly string[];
}

export interface BufferReport {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** What a call stands in: a loop, or one side of a run-time `if`. */
export type Enclosing =
  | {
      readonly kind: "loop";
      readonly id: number;
      readonly times: Dim /** The bool that ends it when it is false. */;
      readonly condition?: string;
    }
  | { readonly kind: "branch"; readonly id: number; readonly condition: string; readonly isTaken: boolean };

/** One call of a kernel. Its work is that of one call. */
export interface StepReport extends Work {
  readonly kind: "kernel";
  readonly kernel: string;
  readonly template: Template | "routine";
  /** From the outside in. */
  readonly within: readonly Enclosing[];
  /** How often it runs, where every loop takes all of its turns and every branch is taken. */
  readonly times: Dim;
  readonly fused: readonly FusedPart[];
  readonly reads: readonly BufferReport[];
  readonly writes: readonly BufferReport[];
}

/** Runs when one of these variables changed. */
export interface DeriveReport extends StepReport {
  readonly variables: readonly string[];
}

export interface SlotReport {
  /** Bytes. */
  readonly size: Dim;
  /** What lies in it by turns. Steps are those of the whole module, from 1; 0 is before the first one. */
  readonly buffers: readonly (BufferReport & { readonly bytes: Dim; readonly from: number; readonly to: number })[];
}

/** Bytes. */
export interface MemoryReport {
  readonly variables: number;
  readonly constants: number;
  readonly derived: number;
  /** Everything below the arena: the three above, what the plan itself takes, and what alignment adds. */
  readonly fixed: number;
  readonly slots: readonly SlotReport[];
  /** How many steps the module has, whatever is fetched. */
  readonly steps: number;
  readonly arena: Dim;
  /** What a run needs. Where it is a polynomial, alignment adds up to 63 bytes for each slot. */
  readonly total: Dim;
  /** What no run exceeds, by the bounds of the dims; absent where a dim has none. */
  readonly maximum?: number;
  /** Dims that nothing bounds and that memory depends on. */
  readonly unbounded: readonly string[];
}

export interface PlanReport {
  readonly graph: string;
  readonly file: string;
  readonly line: number;
  readonly fetches: readonly string[];
  readonly dims: readonly { readonly name: string; readonly value?: number; readonly most?: number }[];
  readonly derive: readonly DeriveReport[];
  readonly steps: readonly StepReport[];
  /** Of the steps, each as often as it runs. */
  readonly totals: Work;
  /** Variables that get new values, by their names. */
  readonly updates: readonly string[];
  readonly memory: MemoryReport;
}

export interface PlanSource {
  readonly kernels: KernelProgram;
  readonly memory: MemoryPlan;
  readonly program: Program;
}

/** `dims` are known sizes; what depends on others stays a polynomial. */
export function reportPlan(
  { kernels, memory, program }: PlanSource,
  fetches: readonly string[],
  dims: ReadonlyMap<string, number>,
): PlanReport {
  const { graph } = kernels;
  const known = (name: string): Dim | undefined => {
    const value = dims.get(name);
    return value === undefined ? undefined : dimOf(value);
  };
  const at = (dim: Dim): Dim => (dims.size === 0 ? dim : substituteDims(dim, known));
  const ranges = dimRanges(graph, dims);
  const names = fetchNames(graph);
  const positions = fetches.map((name) => names.indexOf(name));
  const isNeeded = (part: { readonly for: readonly number[] } | undefined): boolean =>
    part?.for.some((k) => positions.includes(k)) ?? false;
  const specs = callsOf(program.steps);
  const steps = kernels.steps
    .filter((_, i) => isNeeded(specs[i]))
    .map((call) => reportCall(kernels, call, enclosing(kernels, call, at), at));
  const derive = kernels.derive.map((call, i) => ({
    ...reportCall(kernels, call, [], at),
    variables: (program.derive[i]?.for ?? []).map((k) => program.variables[k]?.name ?? ""),
  }));
  const { file, line } = placeOf(graph.span);
  return {
    graph: graph.name,
    file,
    line,
    fetches,
    dims: graph.dims.map(({ name }) => {
      const value = dims.get(name);
      const most = ranges.get(name)?.most ?? Number.POSITIVE_INFINITY;
      return { name, ...(value !== undefined ? { value } : Number.isFinite(most) ? { most } : {}) };
    }),
    derive,
    steps,
    totals: {
      flops: addDims(...steps.map((step) => mulDims(step.flops, step.times))),
      read: addDims(...steps.map((step) => mulDims(step.read, step.times))),
      written: addDims(...steps.map((step) => mulDims(step.written, step.times))),
    },
    updates: program.updates.filter(isNeeded).map((update) => program.variables[update.variable]?.name ?? ""),
    memory: reportMemory(kernels, memory, at, ranges),
  };
}

function placeOf({ file, start }: Span): SourcePlace {
  return { file: file.path, ...positionAt(file, start) };
}

// ---- calls ---------------------------------------------------------------------------------------------------

/** The calls of a block in its order, which is that of the list of steps. */
const callsOf = (steps: readonly StepSpec[]): readonly CallSpec[] =>
  steps.flatMap((step) => ("kernel" in step ? [step] : callsOf([...("test" in step ? step.test : []), ...step.body])));

function enclosing(program: KernelProgram, call: KernelCall, at: (dim: Dim) => Dim): Enclosing[] {
  const nameOf = (id: BufferId): string => program.buffers[id]?.name ?? `b${id}`;
  return pathOf(program.regions, call.region).flatMap((id): Enclosing[] => {
    const region = program.regions[id];
    if (region?.kind === "branch")
      return [{ kind: "branch", id, condition: nameOf(region.condition), isTaken: region.isTaken }];
    if (region?.kind !== "loop") return [];
    const { condition, times } = region;
    return [
      { kind: "loop", id, times: at(times), ...(condition === undefined ? {} : { condition: nameOf(condition) }) },
    ];
  });
}

function reportCall(
  program: KernelProgram,
  call: KernelCall,
  within: readonly Enclosing[],
  at: (dim: Dim) => Dim,
): StepReport {
  const kernel = program.kernels[call.kernel];
  const nest = kernel?.nests.at(-1);
  if (!kernel) throw new Error(`no kernel ${call.kernel}`);
  const operands = call.operands.map((id) => {
    const buffer = program.buffers[id];
    return { buffer: buffer?.alias ?? id, elements: buffer ? elementsOf(buffer) : dimOf(0) };
  });
  const work = workOf(kernel, operands);
  const side = (access: "read" | "write"): BufferReport[] =>
    call.operands.flatMap((id, i) => (kernel.operands[i]?.access === access ? [bufferReport(program, id, at)] : []));
  return {
    kind: "kernel",
    kernel: kernel.name,
    // What stands before the last nest fills the halo of its result.
    template: nest ? templateOf(kernel, nest) : "routine",
    within,
    times: mulDims(...within.map((around) => (around.kind === "loop" ? around.times : ONE))),
    flops: at(work.flops),
    read: at(work.read),
    written: at(work.written),
    reads: side("read"),
    writes: side("write"),
    fused: fusedParts(program.graph, call.values),
  };
}

/** A variable in panels is still a variable of its own shape. */
function bufferReport({ graph, buffers }: KernelProgram, id: BufferId, at: (dim: Dim) => Dim): BufferReport {
  const buffer = buffers[id];
  const value = buffer?.panels && buffer.value !== undefined ? graph.values[buffer.value] : undefined;
  return {
    name: buffer?.name ?? `b${id}`,
    dtype: buffer?.dtype ?? "f32",
    shape: (value?.type.shape ?? buffer?.dims ?? []).map(at),
  };
}

function fusedParts(graph: Graph, values: readonly ValueId[]): FusedPart[] {
  const parts = new Map<string, FusedPart & { calls: string[]; primitives: string[] }>();
  for (const id of values) {
    const value = graph.values[id];
    if (!value) continue;
    const path: CallId[] = [];
    for (let call = value.call; call !== undefined; call = graph.calls[call]?.parent) path.unshift(call);
    const [outermost, inner] = path;
    const call = outermost === undefined ? undefined : graph.calls[outermost];
    if (!call) {
      parts.set(`value ${id}`, { name: value.op, calls: [], primitives: [value.op], ...placeOf(value.span) });
      continue;
    }
    const part = parts.get(`call ${outermost}`) ?? {
      name: call.name,
      ...(call.scope === undefined ? {} : { scope: call.scope }),
      calls: [],
      primitives: [],
      ...placeOf(call.span),
    };
    parts.set(`call ${outermost}`, part);
    const within = inner === undefined ? undefined : graph.calls[inner]?.name;
    if (within !== undefined && !part.calls.includes(within)) part.calls.push(within);
    if (!part.primitives.includes(value.op)) part.primitives.push(value.op);
  }
  return [...parts.values()];
}

// ---- memory --------------------------------------------------------------------------------------------------

const ALIGN = 64;

function reportMemory(
  program: KernelProgram,
  memory: MemoryPlan,
  at: (dim: Dim) => Dim,
  ranges: ReturnType<typeof dimRanges>,
): MemoryReport {
  const bytesAt = (id: BufferId): Dim => {
    const buffer = program.buffers[id];
    return buffer ? scaleDim(elementsOf(buffer), WORD) : dimOf(0);
  };
  const fixedBytes = (place: "variable" | "constant" | "derived"): number =>
    program.buffers.reduce((sum, buffer, id) => {
      const isHere = buffer.place === place && buffer.alias === undefined && memory.places.has(id);
      return isHere ? sum + (literalOf(bytesAt(id)) ?? 0) : sum;
    }, 0);
  const slots = memory.slots.map(
    (slot): SlotReport => ({
      size: at(slot.size),
      buffers: slot.buffers.map((id) => {
        const life = memory.lives.get(id) ?? { from: -1, to: -1 };
        return { ...bufferReport(program, id, at), bytes: at(bytesAt(id)), from: life.from + 1, to: life.to + 1 };
      }),
    }),
  );
  const aligned = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;
  const alignedDim = (dim: Dim): Dim => {
    const bytes = literalOf(dim);
    return bytes === undefined ? dim : dimOf(aligned(bytes));
  };
  const arena = addDims(...slots.map((slot) => alignedDim(slot.size)));
  const most = memory.slots.reduce(
    (sum, slot) => sum + aligned(rangeOf(slot.size, ranges).most),
    memory.arenaAt + ALIGN,
  );
  const symbols = new Set<string>();
  for (const slot of memory.slots) dimSymbols(slot.size, symbols);
  const unbounded = [...ranges].flatMap(([name, range]) =>
    symbols.has(name) && !Number.isFinite(range.most) ? [name] : [],
  );
  return {
    variables: fixedBytes("variable"),
    constants: fixedBytes("constant"),
    derived: fixedBytes("derived"),
    fixed: memory.arenaAt,
    slots,
    steps: program.steps.length,
    arena,
    total: addDims(arena, dimOf(memory.arenaAt + ALIGN)),
    ...(Number.isFinite(most) ? { maximum: most } : {}),
    unbounded,
  };
}
