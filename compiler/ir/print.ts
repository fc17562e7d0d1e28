/** Every stage as stable text: what `--emit` and `--print-after` show, and goldens hold. */
import type { Span } from "../../grammar/source.ts";
import { positionAt } from "../../grammar/source.ts";
import { formatDim, formatShape, isLiteral } from "./dims.ts";
import type { Attribute, Call, CallId, Comprehension, ConstantData, Graph, Scalar, Value } from "./graph.ts";
import type { Buffer, BufferId, LoopProgram } from "./loops.ts";
import type { Affine, Kernel, Nest, NestScalar, Routine } from "./nest.ts";
import type { TensorType } from "./types.ts";

export const formatType = (type: TensorType): string => `${type.dtype}${formatShape(type.shape)}`;

const at = (span: Span): string => {
  const { line, column } = positionAt(span.file, span.start);
  return `${line}:${column}`;
};

// ---- graph ------------------------------------------------------------------------------------------------

export function printGraph(graph: Graph): string {
  const lines = [`graph ${graph.name}${graph.dims.length ? `[${graph.dims.map((dim) => dim.name).join(", ")}]` : ""}`];
  for (const check of graph.checks) lines.push(`  check ${check.text}`);
  for (const input of graph.inputs)
    lines.push(
      `  input ${input.name}: ${formatType(input.type)}${input.default === undefined ? "" : ` = ${input.default}`}`,
    );
  for (const variable of graph.variables) {
    const { fn, ...rest } = variable.init;
    const init = fn === "data" ? "data" : `${fn}(${Object.values(rest).join(", ")})`;
    lines.push(
      `  ${variable.trainable ? "param" : "state"} ${variable.name}: ${variable.dtype}[${variable.shape.join(", ")}] = ${init}`,
    );
  }
  let open: readonly CallId[] = [];
  graph.values.forEach((value, id) => {
    const path = pathOf(graph.calls, value.call);
    let common = 0;
    while (common < open.length && common < path.length && open[common] === path[common]) common++;
    for (const call of path.slice(common)) {
      const { name, scope } = graph.calls[call] as Call;
      lines.push(`${"  ".repeat(pathOf(graph.calls, call).length)}${name}${scope === undefined ? "" : ` "${scope}"`}`);
    }
    open = path;
    const args = value.args.map((arg) => `%${arg}`);
    const attributes = Object.entries(value.attributes).map(
      ([name, attribute]) => `${name}=${printAttribute(attribute, value)}`,
    );
    const more = value.more?.map((type) => `, ${formatType(type)}`).join("") ?? "";
    lines.push(
      `${"  ".repeat(path.length + 1)}%${id}${value.name === undefined ? "" : ` ${value.name}`} = ${value.op}(${[...args, ...attributes].join(", ")}): ${formatType(value.type)}${more}`,
    );
  });
  for (const output of graph.outputs) lines.push(`  output ${output.name} = %${output.value}`);
  for (const step of graph.steps) lines.push(`  step ${step.name}`);
  for (const { variable, value, when } of graph.updates)
    lines.push(`  ${variable} := %${value} with ${when.join(", ")}`);
  for (const { condition, text, when } of graph.assertions)
    lines.push(`  assert %${condition} (${text}) with ${when.join(", ")}`);
  return `${lines.join("\n")}\n`;
}

function pathOf(calls: readonly Call[], call: CallId | undefined): CallId[] {
  const path: CallId[] = [];
  for (let id = call; id !== undefined; id = calls[id]?.parent) path.unshift(id);
  return path;
}

function printAttribute(attribute: Attribute, value: Value): string {
  if (Array.isArray(attribute))
    return `[${attribute.map((item) => printAttribute(item as Attribute, value)).join(", ")}]`;
  if (typeof attribute === "string") return JSON.stringify(attribute);
  if (typeof attribute !== "object") return String(attribute);
  if ("terms" in attribute) return formatDim(attribute);
  if ("data" in attribute) return printData(attribute as ConstantData);
  const body = attribute as Comprehension;
  const binder = (axis: number): string =>
    `${body.axes[axis]?.name} in ${formatDim(body.axes[axis]?.extent ?? { terms: [], key: "0" })}`;
  const axes = body.axes.slice(0, body.rank).map((_, i) => binder(i));
  return `(${axes.join(", ")}: ${printScalar(body, body.body, value)})`;
}

function printData({ data }: ConstantData): string {
  const shown = Array.from(data.slice(0, 8), (x) => String(x));
  return data.length === 1 ? (shown[0] ?? "") : `{${shown.join(", ")}${data.length > 8 ? `, … ${data.length}` : ""}}`;
}

function printScalar(body: Comprehension, scalar: Scalar, value: Value): string {
  const print = (part: Scalar): string => printScalar(body, part, value);
  switch (scalar.kind) {
    case "axis":
      return body.axes[scalar.axis]?.name ?? "?";
    case "constant":
      return String(scalar.value);
    case "dim":
      return formatDim(scalar.dim);
    case "read":
      return `%${value.args[scalar.operand]}[${scalar.at.map(print).join(", ")}]${scalar.outside ? ` ?? ${print(scalar.outside)}` : ""}`;
    case "apply":
      return `${scalar.fn}(${scalar.args.map(print).join(", ")})`;
    case "reduce": {
      const binders = scalar.axes.map(
        (axis) => `${body.axes[axis]?.name} in ${formatDim(body.axes[axis]?.extent ?? { terms: [], key: "0" })}`,
      );
      return `${scalar.monoid}(${binders.join(", ")}: ${print(scalar.body)})`;
    }
  }
}

// ---- nests -----------------------------------------------------------------------------------------------

export function printAffine(affine: Affine, axisName: (axis: number) => string): string {
  const factor = (times: Affine["plus"], name: string): string => {
    if (isLiteral(times, 1)) return name;
    return `${name}·${times.terms.length > 1 ? `(${formatDim(times)})` : formatDim(times)}`;
  };
  const parts = [
    ...affine.terms.map((term) => factor(term.times, axisName(term.axis))),
    ...affine.scalars.map((term) => factor(term.times, `v${term.scalar}`)),
  ];
  if (!isLiteral(affine.plus, 0) || parts.length === 0) parts.push(formatDim(affine.plus));
  return parts.join(" + ").replaceAll("+ -", "- ");
}

interface AnyNest {
  readonly axes: Nest["axes"];
  readonly scalars: readonly { readonly dtype: string; readonly op: string }[];
  readonly reductions: Nest["reductions"];
}

function printNest(nest: AnyNest, scalar: (id: number) => string, stores: readonly string[]): string[] {
  const axes = nest.axes.map((axis, i) => `${axisLabel(i)} < ${formatDim(axis.extent)}`);
  const lines = [`for ${axes.join(", ") || "one point"}`];
  nest.scalars.forEach(({ dtype }, id) => {
    lines.push(`  v${id}: ${dtype} = ${scalar(id)}`);
  });
  return [...lines, ...stores.map((store) => `  ${store}`)];
}

const axisLabel = (axis: number): string => (axis < 18 ? String.fromCharCode(105 + axis) : `a${axis}`);

function printReduced(nest: AnyNest, reduction: number): string {
  const of = nest.reductions[reduction];
  return of ? `${of.combine}[${of.over.map(axisLabel).join(", ")}] v${of.value}` : "?";
}

/** `r0, r1 = topk(x, size=5) with scratch s0[2·N]`; `names` are those of the buffers in order. */
function printRoutine(routine: Routine, names: readonly string[]): string {
  const { value, operands, scratch } = routine;
  const attributes = Object.entries(value.attributes).map(
    ([name, attribute]) => `${name}=${printAttribute(attribute, value)}`,
  );
  const results = names.slice(operands.length, names.length - scratch.length);
  const rest = names
    .slice(names.length - scratch.length)
    .map((name, i) => `${name}${formatShape(scratch.slice(i, i + 1))}`);
  const call = `${value.op}(${[...names.slice(0, operands.length), ...attributes].join(", ")})`;
  return `${results.join(", ")} = ${call}${rest.length > 0 ? ` with scratch ${rest.join(", ")}` : ""}`;
}

export function printLoops(program: LoopProgram): string {
  const name = (id: BufferId): string => program.buffers[id]?.name ?? `b${id}`;
  const lines = [...printBuffers(program.buffers), ""];
  for (const step of [...program.derive, ...program.steps]) {
    lines.push(`${program.derive.includes(step) ? "derive" : "step"} ${step.name}`);
    if (step.routine) {
      const { reads, writes } = step.routine;
      lines.push(`  ${printRoutine(step.routine, [...reads, ...writes].map(name))}`);
    }
    for (const nest of step.nests) {
      const print = (affine: Affine): string => printAffine(affine, axisLabel);
      const scalar = (id: number): string => {
        const s = nest.scalars[id];
        if (s?.op !== "load") return printNestScalar(s, nest);
        return `${name(s.buffer)}[${s.at.map(print).join(", ")}]${s.outside === undefined ? "" : ` ?? v${s.outside}`}`;
      };
      const stores = nest.stores.map(
        (s) =>
          `${name(s.buffer)}[${s.at.map(print).join(", ")}] = v${s.value} over ${s.over.map(axisLabel).join(", ")}`,
      );
      lines.push(...printNest(nest, scalar, stores).map((line) => `  ${line}`));
    }
  }
  return `${lines.join("\n")}\n`;
}

function printNestScalar(scalar: Exclude<NestScalar, { op: "read" }> | undefined, nest: AnyNest): string {
  switch (scalar?.op) {
    case "constant":
      return String(scalar.value);
    case "index":
      return printAffine(scalar.at, axisLabel);
    case "dim":
      return formatDim(scalar.dim);
    case "apply":
      return `${scalar.fn}(${scalar.args.map((arg) => `v${arg}`).join(", ")})`;
    case "reduced":
      return printReduced(nest, scalar.reduction);
    default:
      return "?";
  }
}

export function printKernel(kernel: Kernel): string {
  const operands = kernel.operands.map((o, i) => `p${i}: ${o.packed ? "packed " : ""}${o.access} ${o.dtype}`);
  const lines = [`kernel ${kernel.name}(${[...operands, ...kernel.dims].join(", ")})`];
  const spans = [...new Set(kernel.spans.map((span) => `${span.file.path}:${at(span)}`))];
  if (spans.length > 0) lines.push(`  from ${spans.join(", ")}`);
  if (kernel.routine)
    lines.push(
      `  ${printRoutine(
        kernel.routine,
        kernel.operands.map((_, i) => `p${i}`),
      )}`,
    );
  for (const nest of kernel.nests) {
    const print = (affine: Affine): string => printAffine(affine, axisLabel);
    const scalar = (id: number): string => {
      const s = nest.scalars[id];
      if (s?.op !== "read") return printNestScalar(s, nest);
      const guards = s.guards.map((guard) => `0 <= ${print(guard.index)} < ${formatDim(guard.extent)}`);
      return `p${s.access.operand}[${print(s.access.address)}]${guards.length ? ` if ${guards.join(" and ")} else v${s.outside}` : ""}`;
    };
    const stores = nest.stores.map(
      (s) => `p${s.access.operand}[${print(s.access.address)}] = v${s.value} over ${s.over.map(axisLabel).join(", ")}`,
    );
    lines.push(...printNest(nest, scalar, stores).map((line) => `  ${line}`));
  }
  return lines.join("\n");
}

export function printBuffers(buffers: readonly Buffer[]): string[] {
  return buffers.map((buffer, id) => {
    const halo = buffer.halo
      ? ` halo ${buffer.halo.sides.map((side) => `${formatDim(side.before)}+${formatDim(side.after)}`).join(", ")} of ${buffer.halo.fill}`
      : "";
    const alias = buffer.alias === undefined ? "" : ` = ${buffers[buffer.alias]?.name}`;
    return `b${id} ${buffer.place} ${buffer.name}: ${buffer.dtype}${formatShape(buffer.dims)}${halo}${alias}`;
  });
}
