/** The calls of a program as they nest in loops and branches. */
import type { Buffer, BufferId, Flow, KernelCall, KernelProgram, Region, RegionId } from "./loops.ts";

export type StepNode =
  | { readonly do: "call"; readonly call: KernelCall /** Position in the list of steps. */; readonly at: number }
  | {
      readonly do: "loop";
      readonly region: Extract<Region, { kind: "loop" }>;
      /** Computes the condition; empty without one. */
      readonly test: readonly StepNode[];
      readonly body: readonly StepNode[];
    }
  | {
      readonly do: "branch";
      readonly region: Extract<Region, { kind: "branch" }>;
      readonly body: readonly StepNode[];
    };

/** The regions around a region, the outermost first, and itself. */
export function pathOf(regions: readonly Region[], region: RegionId | undefined): readonly RegionId[] {
  const path: RegionId[] = [];
  for (let at = region; at !== undefined; at = regions[at]?.parent) path.unshift(at);
  return path;
}

export function stepTree({ steps, regions }: Pick<KernelProgram, "steps" | "regions">): readonly StepNode[] {
  const paths = steps.map((step) => pathOf(regions, step.region));
  const build = (from: number, to: number, depth: number): StepNode[] => {
    const nodes: StepNode[] = [];
    for (let at = from; at < to; ) {
      const id = paths[at]?.[depth];
      const call = steps[at];
      if (!call) break;
      if (id === undefined) {
        nodes.push({ do: "call", call, at });
        at++;
        continue;
      }
      let end = at + 1;
      while (end < to && paths[end]?.[depth] === id) end++;
      const region = regions[id];
      if (region?.kind === "branch") nodes.push({ do: "branch", region, body: build(at, end, depth + 1) });
      else if (region?.kind === "loop") {
        let tested = at;
        while (tested < end && regions[paths[tested]?.[depth + 1] ?? -1]?.kind === "test") tested++;
        nodes.push({
          do: "loop",
          region,
          test: build(at, tested, depth + 2),
          body: build(tested, end, depth + 1),
        });
      }
      at = end;
    }
    return nodes;
  };
  return build(0, steps.length, 0);
}

/** Buffers whose value decides whether what a region holds is run. */
export function conditionsOf(regions: readonly Region[], region: RegionId | undefined): readonly BufferId[] {
  return pathOf(regions, region).flatMap((id) => {
    const own = regions[id];
    return own && own.kind !== "test" && own.condition !== undefined ? [own.condition] : [];
  });
}

/** What a step touches. */
export interface Touched {
  readonly reads: readonly BufferId[];
  readonly writes: readonly BufferId[];
  readonly region?: RegionId;
}

/** Positions of the steps that these buffers need: what writes what is wanted, however far back, round the loops too. */
export function stepsFor(
  wanted: readonly BufferId[],
  steps: readonly Touched[],
  {
    buffers,
    regions,
    flows,
  }: { readonly buffers: readonly Buffer[]; readonly regions: readonly Region[]; readonly flows: readonly Flow[] },
): ReadonlySet<number> {
  const source = (id: BufferId): BufferId => buffers[id]?.alias ?? id;
  const needed = new Set<number>();
  const writers = new Map<BufferId, number[]>();
  for (const [i, { writes }] of steps.entries())
    for (const id of writes) {
      const others = writers.get(source(id));
      if (others) others.push(i);
      else writers.set(source(id), [i]);
    }
  const seen = new Set<BufferId>();
  const pending: BufferId[] = [];
  const want = (id: BufferId | undefined): void => {
    if (id === undefined || seen.has(source(id))) return;
    seen.add(source(id));
    pending.push(source(id));
  };
  wanted.forEach(want);
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    for (const flow of flows) if (source(flow.to) === id) want(flow.from);
    // Where a part is written, the rest is what was there.
    want(buffers[id]?.inPlaceOf);
    for (const i of writers.get(id) ?? []) {
      const step = steps[i];
      if (!step || needed.has(i)) continue;
      needed.add(i);
      step.reads.forEach(want);
      conditionsOf(regions, step.region).forEach(want);
    }
  }
  return needed;
}
