/** The program as the data that the runtime executes: kernels by name, addresses as expressions, and who needs what. */
import { positionAt, type Span } from "../../grammar/source.ts";
import type { CallSpec, CheckSpec, Expr, InitSpec, Program, StepSpec } from "../../runtime/abi.ts";
import { type Atom, type Dim, formatShape } from "../ir/dims.ts";
import { type Graph, type Initializer, type ValueId, valueOf } from "../ir/graph.ts";
import type { BufferId, KernelCall, KernelProgram } from "../ir/loops.ts";
import { fetchNames, needsOfFetch } from "../ir/needs.ts";
import { type StepNode, stepsFor, stepTree, type Touched } from "../ir/step-tree.ts";
import { scalarFunction } from "../ops/scalar.ts";
import { toBase64 } from "./base64.ts";
import { lowerCopy } from "./lower.ts";
import { type MemoryPlan, WORD } from "./plan-memory.ts";

/** Writes the plan down as the data that the runtime executes. */
export function writeProgram(program: KernelProgram, plan: MemoryPlan): Program {
  const { graph, buffers } = program;
  const dims = graph.dims.map((dim) => dim.name);
  const expr = (dim: Dim): Expr => exprOf(dim, dims);
  const addressOf = (id: BufferId): Expr => {
    const place = plan.places.get(id);
    if (!place) throw new Error(`buffer \`${buffers[id]?.name}\` has no place`);
    return "address" in place ? place.address : ["s", place.slot];
  };
  const callOf = (call: KernelCall, depths: ReadonlyMap<string, number>, needs: readonly number[]): CallSpec => {
    const kernel = program.kernels[call.kernel];
    return {
      kernel: kernel?.name ?? "",
      args: [
        ...call.operands.map(addressOf),
        ...(kernel?.dims ?? []).map((name) => {
          const depth = depths.get(name);
          return depth === undefined ? (["d", dims.indexOf(name)] as const) : (["t", depth] as const);
        }),
      ],
      for: needs,
    };
  };
  const fetches = fetchNames(graph);
  const positions = (when: readonly string[]): number[] =>
    fetches.flatMap((name, k) => (when.includes(name) ? [k] : []));
  const stepsOf = (nodes: readonly StepNode[], depths: ReadonlyMap<string, number>): StepSpec[] =>
    nodes.map((node): StepSpec => {
      if (node.do === "call")
        return callOf(
          node.call,
          depths,
          fetches.flatMap((_, k) => (needed[k]?.has(node.at) ? [k] : [])),
        );
      const inner = node.do === "loop" ? new Map([...depths, [node.region.counter, depths.size] as const]) : depths;
      const test = node.do === "loop" ? stepsOf(node.test, inner) : [];
      const body = stepsOf(node.body, inner);
      const own = { body, for: [...new Set([...test, ...body].flatMap((step) => step.for))].sort((x, y) => x - y) };
      const { condition } = node.region;
      if (node.do === "branch")
        return { branch: addressOf(node.region.condition), isTaken: node.region.isTaken, ...own };
      return {
        times: expr(node.region.times),
        ...(condition === undefined ? {} : { condition: addressOf(condition) }),
        test,
        ...own,
      };
    });
  const bufferOfLeaf = (op: string, name: string): BufferId => {
    const id = buffers.findIndex((b, i) => {
      const value = b.value === undefined ? undefined : graph.values[b.value];
      return value?.op === op && value.attributes.name === name && plan.places.has(i);
    });
    if (id < 0) throw new Error(`${op} \`${name}\` has no buffer`);
    return id;
  };
  const needed = neededSteps(program);
  const variableAt = (name: string): number => graph.variables.findIndex((variable) => variable.name === name);
  const needsOf = (fetch: string): { inputs: number[]; variables: number[] } => {
    const needs = needsOfFetch(graph, fetch);
    return {
      inputs: graph.inputs.flatMap((input, k) => (needs.inputs.has(input.name) ? [k] : [])),
      variables: graph.variables.flatMap((variable, k) => (needs.variables.has(variable.name) ? [k] : [])),
    };
  };
  const derived = variablesDerived(program);
  const literalAddress = (id: BufferId): number => {
    const place = plan.places.get(id);
    if (!place || !("address" in place)) throw new Error("a variable lies below the arena");
    return place.address;
  };
  const constants = new Float32Array((plan.arenaAt - plan.constantsAt) / WORD);
  const words = new Uint8Array(constants.buffer);
  let end = 0;
  buffers.forEach((buffer, id) => {
    if (buffer.place !== "constant" || !buffer.data || !plan.places.has(id) || buffer.alias !== undefined) return;
    const at = literalAddress(id) - plan.constantsAt;
    words.set(wordsOf(buffer.dtype, buffer.data.data), at);
    end = Math.max(end, at + buffer.data.data.length * WORD);
  });
  return {
    abi: 1,
    name: graph.name,
    source: locate(graph.span, false),
    dims,
    checks: graph.checks.map((check): CheckSpec => {
      const { text, message } = check;
      const said = { text, ...(message === undefined ? {} : { message }), at: locate(check.span, true) };
      const difference = expr(check.difference);
      if (check.holds === "== 0") return { kind: "equal", ...said, difference };
      if (check.holds === ">= 0") return { kind: "atLeast", ...said, difference };
      return { kind: "divisible", by: expr(check.holds.divisibleBy), ...said, difference };
    }),
    assertions: graph.assertions.map(({ condition, message, text, when, span }) => ({
      condition: hostExpr(graph, condition, dims),
      message,
      text,
      at: locate(span, true),
      for: positions(when),
    })),
    inputs: graph.inputs.map((input) => ({
      name: input.name,
      dtype: input.type.dtype,
      shape: input.type.shape.map(expr),
      type: `${input.type.dtype}${formatShape(input.type.shape)}`,
      address: addressOf(bufferOfLeaf("input", input.name)),
      ...(input.default === undefined ? {} : { default: input.default }),
      ...(input.accepts === undefined ? {} : { accepts: input.accepts }),
      line: positionAt(input.span.file, input.span.start).line,
    })),
    outputs: graph.outputs.map((output, i) => {
      const type = graph.values[output.value]?.type ?? { dtype: "f32" as const, shape: [] };
      return {
        name: output.name,
        dtype: type.dtype,
        shape: type.shape.map(expr),
        type: `${type.dtype}${formatShape(type.shape)}`,
        address: addressOf(program.outputs[i] ?? -1),
        ...needsOf(output.name),
      };
    }),
    actions: graph.steps.map(({ name }) => ({ name, ...needsOf(name) })),
    updates: graph.updates.map(({ variable, when }) => ({ variable: variableAt(variable), for: positions(when) })),
    random: buffers.flatMap((buffer, id) => {
      const value = buffer.value === undefined ? undefined : graph.values[buffer.value];
      return value?.op === "random_key" && plan.places.has(id)
        ? [{ path: String(value.attributes.path), address: addressOf(id) }]
        : [];
    }),
    variables: graph.variables.map((variable) => {
      const buffer = bufferOfLeaf("variable", variable.name);
      const panels = buffers[buffer]?.panels;
      return {
        name: variable.name,
        dtype: variable.dtype,
        shape: variable.shape,
        trainable: variable.trainable,
        init: initOf(variable.init, variable.dtype),
        address: literalAddress(buffer),
        ...(panels ? { panels } : {}),
      };
    }),
    constants: toBase64(words.subarray(0, end)),
    constantsAt: plan.constantsAt,
    arenaAt: plan.arenaAt,
    slots: plan.slots.map((slot) => expr(slot.size)),
    deriveBlock: plan.deriveBlock,
    stepsBlock: plan.stepsBlock,
    derive: program.derive.map((call, i) => callOf(call, new Map(), derived[i] ?? [])),
    steps: stepsOf(stepTree(program), new Map()),
  };
}

function initOf(init: Initializer, dtype: Parameters<typeof wordsOf>[0]): InitSpec {
  if (init.fn === "fill") return ["fill", init.value];
  if (init.fn === "data") return ["data", toBase64(wordsOf(dtype, init.data.data))];
  if (init.fn === "random_uniform") return [init.fn, init.min, init.max];
  if (init.fn === "orthogonal") return [init.fn, init.gain];
  return [init.fn, init.mean, init.stddev];
}

/** Values as they lie in memory: f32 as floats, everything else as 32-bit integers. */
function wordsOf(dtype: string, data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const words =
    dtype === "f32" || dtype === "f16" || dtype === "bf16"
      ? Float32Array.from(data)
      : dtype === "u32"
        ? Uint32Array.from(data)
        : Int32Array.from(data);
  return new Uint8Array(words.buffer);
}

function locate(span: Span, withColumn: boolean): string {
  const { line, column } = positionAt(span.file, span.start);
  const name = span.file.path.replace(/^.*[\\/]/, "");
  return withColumn ? `${name}:${line}:${column}` : `${name}:${line}`;
}

/** For each fetch the steps that it needs. */
function neededSteps(program: KernelProgram): readonly ReadonlySet<number>[] {
  const { graph } = program;
  const touched = program.steps.map((call): Touched => {
    const side = (access: "read" | "write"): BufferId[] =>
      call.operands.filter((_, i) => program.kernels[call.kernel]?.operands[i]?.access === access);
    return {
      reads: side("read"),
      writes: side("write"),
      ...(call.region === undefined ? {} : { region: call.region }),
    };
  });
  return fetchNames(graph).map((name, k) => {
    const output = program.outputs[k];
    const updated = program.updates.filter((_, i) => graph.updates[i]?.when.includes(name));
    return stepsFor([...(output === undefined ? [] : [output]), ...updated], touched, program);
  });
}

/** For each derive step the positions of the variables that its operands are made from, at however many removes. */
function variablesDerived(program: KernelProgram): readonly (readonly number[])[] {
  const madeFrom = new Map<BufferId, Set<number>>();
  program.buffers.forEach((buffer, id) => {
    const value = buffer.value === undefined ? undefined : program.graph.values[buffer.value];
    if (value?.op !== "variable") return;
    madeFrom.set(
      id,
      new Set([program.graph.variables.findIndex((variable) => variable.name === value.attributes.name)]),
    );
  });
  return program.derive.map((call) => {
    const kernel = program.kernels[call.kernel];
    const source = (id: BufferId): BufferId => program.buffers[id]?.alias ?? id;
    const from = new Set(call.operands.flatMap((id) => [...(madeFrom.get(source(id)) ?? [])]));
    call.operands.forEach((id, k) => {
      if (kernel?.operands[k]?.access === "write") madeFrom.set(source(id), from);
    });
    return [...from].sort((a, b) => a - b);
  });
}

/** A condition as the runtime evaluates it before a run, from values that the host knows. */
function hostExpr(graph: Graph, id: ValueId, dims: readonly string[]): Expr {
  const { variables } = graph;
  const nameOf = (value: ValueId): unknown => valueOf(graph, value).attributes.name;
  const isVariable = (value: ValueId): boolean => valueOf(graph, value).op === "variable";
  const { nest } = lowerCopy(graph, id, (value) => (isVariable(value) ? value : undefined), id);
  const made: Expr[] = [];
  for (const scalar of nest.scalars) {
    if (scalar.op === "constant") made.push(scalar.value);
    else if (scalar.op === "dim") made.push(exprOf(scalar.dim, dims));
    else if (scalar.op === "load") made.push(["v", variables.findIndex(({ name }) => name === nameOf(scalar.buffer))]);
    else {
      const host = scalar.op === "apply" ? scalarFunction(scalar.fn).host : undefined;
      if (!host || scalar.op !== "apply") throw new Error(`the host cannot compute \`${valueOf(graph, id).op}\``);
      made.push(host(...scalar.args.map((arg) => made[arg] ?? 0)));
    }
  }
  return made[nest.stores[0]?.value ?? -1] ?? 0;
}

/** A size as the runtime evaluates it. */
export function exprOf(dim: Dim, dims: readonly string[]): Expr {
  const binary = (op: "+" | "*", parts: readonly Expr[], empty: number): Expr =>
    parts.length === 0 ? empty : parts.reduce((a, b) => [op, a, b]);
  const atom = (a: Atom): Expr => {
    if (a.kind === "symbol") return ["d", dims.indexOf(a.name)];
    if (a.kind === "floor") return ["/", exprOf(a.numerator, dims), exprOf(a.denominator, dims)];
    return [a.kind, exprOf(a.left, dims), exprOf(a.right, dims)];
  };
  return binary(
    "+",
    dim.terms.map((term) => {
      const atoms = term.atoms.map(atom);
      return binary("*", term.coefficient === 1 && atoms.length > 0 ? atoms : [...atoms, term.coefficient], 1);
    }),
    0,
  );
}
