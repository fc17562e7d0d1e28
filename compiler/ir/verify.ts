/** What holds of every stage. Run after each pass in tests; a violation is a bug of the pass that made it. */
import { dimSymbols, literalOf } from "./dims.ts";
import type { Graph } from "./graph.ts";
import { fetchNames } from "./needs.ts";
import type { KernelProgram, LoopProgram } from "./loops.ts";
import type { Affine, Nest, Routine } from "./nest.ts";

export class Violation extends Error {}

function hold(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new Violation(what());
}

export function verifyGraph(graph: Graph): void {
  const dims = new Set(graph.dims.map((dim) => dim.name));
  graph.values.forEach((value, id) => {
    for (const arg of value.args)
      hold(arg >= 0 && arg < id, () => `%${id} ${value.op} reads %${arg}, which does not come before it`);
    for (const dim of value.type.shape)
      for (const symbol of dimSymbols(dim))
        hold(dims.has(symbol), () => `%${id} ${value.op} has the unknown dim ${symbol}`);
    hold(value.call === undefined || value.call < graph.calls.length, () => `%${id} names call ${value.call}`);
    if (value.op === "part") {
      const source = graph.values[value.args[0] ?? -1];
      const index = value.attributes.index;
      hold(typeof index === "number" && (source?.more?.length ?? 0) >= index, () => `%${id} selects part ${index}`);
    }
    if (value.op === "input")
      hold(
        graph.inputs.some((input) => input.name === value.attributes.name),
        () => `%${id} reads no input`,
      );
    if (value.op === "variable")
      hold(
        graph.variables.some((variable) => variable.name === value.attributes.name),
        () => `%${id} reads no variable`,
      );
  });
  for (const update of graph.updates) {
    const variable = graph.variables.find(({ name }) => name === update.variable);
    const type = graph.values[update.value]?.type;
    hold(variable !== undefined, () => `${update.variable} is updated and is no variable`);
    hold(
      type?.dtype === variable?.dtype && type?.shape.map((dim) => literalOf(dim)).join() === variable?.shape.join(),
      () => `${update.variable} is updated by %${update.value}, which has another type`,
    );
  }
  for (const { condition, text } of graph.assertions)
    hold(graph.values[condition]?.type.dtype === "bool", () => `the assertion ${text} is %${condition}, no bool`);
  const fetches = fetchNames(graph);
  hold(new Set(fetches).size === fetches.length, () => `two fetches have one name: ${fetches.join(", ")}`);
  for (const { when } of [...graph.updates, ...graph.assertions])
    for (const name of when) hold(fetches.includes(name), () => `an update or assertion goes with ${name}, no fetch`);
  for (const output of graph.outputs)
    hold(output.value >= 0 && output.value < graph.values.length, () => `output ${output.name} is %${output.value}`);
  const names = graph.variables.map((variable) => variable.name);
  hold(new Set(names).size === names.length, () => `two variables have one name: ${names.join(", ")}`);
}

interface AnyNest {
  readonly axes: Nest["axes"];
  readonly scalars: readonly ({ readonly op: string } & Partial<Record<"outside" | "reduction", number>> & {
      readonly args?: readonly number[];
    })[];
  readonly reductions: Nest["reductions"];
  readonly stores: readonly { readonly value: number; readonly over: readonly number[] }[];
}

function verifyNest(nest: AnyNest, affines: readonly Affine[], where: string): void {
  const isAxis = (axis: number): boolean => axis >= 0 && axis < nest.axes.length;
  nest.scalars.forEach((scalar, id) => {
    for (const arg of [...(scalar.args ?? []), ...(scalar.outside === undefined ? [] : [scalar.outside])])
      hold(arg >= 0 && arg < id, () => `${where}: v${id} uses v${arg}, which does not come before it`);
    if (scalar.op === "reduced") {
      const reduction = nest.reductions[scalar.reduction ?? -1];
      hold(
        reduction !== undefined && reduction.value < id,
        () => `${where}: v${id} is a reduction that is not there yet`,
      );
    }
  });
  for (const reduction of nest.reductions)
    hold(
      reduction.over.every(isAxis) && new Set(reduction.over).size === reduction.over.length,
      () => `${where}: axes of a reduction`,
    );
  for (const store of nest.stores) {
    hold(store.value < nest.scalars.length, () => `${where}: a store of v${store.value}`);
    hold(store.over.every(isAxis) && new Set(store.over).size === store.over.length, () => `${where}: axes of a store`);
  }
  for (const affine of affines) {
    hold(
      affine.terms.every((term) => isAxis(term.axis)),
      () => `${where}: an index names an axis that is not there`,
    );
    hold(
      affine.scalars.every((term) => term.scalar < nest.scalars.length),
      () => `${where}: an index names no scalar`,
    );
  }
}

/** A routine takes the place of nests, and has one buffer for each operand, result and scratch. */
function verifyRoutine(
  step: { readonly name: string; readonly nests: readonly unknown[]; readonly routine?: Routine },
  buffers: number,
): void {
  const { routine } = step;
  if (!routine) return;
  const { value, operands, scratch } = routine;
  const results = 1 + (value.more?.length ?? 0);
  hold(step.nests.length === 0, () => `${step.name}: a routine beside nests`);
  hold(
    buffers === operands.length + results + scratch.length,
    () =>
      `${step.name}: ${buffers} buffers for ${operands.length} operands, ${results} results, ${scratch.length} scratch`,
  );
}

export function verifyLoops(program: LoopProgram): void {
  for (const { name, nests, routine } of [...program.derive, ...program.steps]) {
    if (!routine) continue;
    const all = [...routine.reads, ...routine.writes];
    verifyRoutine({ name, nests, routine }, all.length);
    for (const id of all) hold(program.buffers[id] !== undefined, () => `${name}: a routine of buffer ${id}`);
  }
  for (const step of [...program.derive, ...program.steps])
    for (const nest of step.nests) {
      const affines = nest.stores.flatMap((store) => store.at);
      for (const scalar of nest.scalars) {
        if (scalar.op === "index") affines.push(scalar.at);
        if (scalar.op !== "load") continue;
        affines.push(...scalar.at);
        const rank = program.buffers[scalar.buffer]?.dims.length;
        hold(scalar.at.length === rank, () => `${step.name}: ${scalar.at.length} indices of a buffer of rank ${rank}`);
      }
      verifyNest(nest, affines, step.name);
    }
}

export function verifySteps(
  steps: readonly {
    readonly name: string;
    readonly nests: readonly Nest[];
    readonly routine?: Routine;
    readonly operands: readonly unknown[];
  }[],
): void {
  for (const step of steps) verifyRoutine(step, step.operands.length);
  for (const step of steps)
    for (const nest of step.nests) {
      const affines = nest.stores.map((store) => store.access.address);
      const isOperand = (operand: number): boolean => operand >= 0 && operand < step.operands.length;
      for (const scalar of nest.scalars) {
        if (scalar.op === "index") affines.push(scalar.at);
        if (scalar.op !== "read") continue;
        affines.push(scalar.access.address, ...scalar.guards.map((guard) => guard.index));
        hold(isOperand(scalar.access.operand), () => `${step.name}: reads operand ${scalar.access.operand}`);
        hold(
          scalar.guards.length > 0 === (scalar.outside !== undefined),
          () => `${step.name}: guards without a value outside`,
        );
      }
      for (const store of nest.stores)
        hold(isOperand(store.access.operand), () => `${step.name}: stores to no operand`);
      verifyNest(nest, affines, step.name);
    }
}

export function verifyKernels(program: KernelProgram): void {
  verifySteps(program.kernels);
  for (const call of [...program.derive, ...program.steps]) {
    const kernel = program.kernels[call.kernel];
    hold(
      kernel !== undefined && kernel.operands.length === call.operands.length,
      () => `a call of kernel ${call.kernel}`,
    );
    for (const id of call.operands)
      hold(program.buffers[id] !== undefined, () => `${kernel?.name} is called with buffer ${id}`);
  }
}
