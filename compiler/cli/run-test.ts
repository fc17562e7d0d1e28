/** Runs one `test` block on the targets, and says of each assertion that fails which values made it fail. */
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { type Span, spanText } from "../../grammar/source.ts";
import type { DType } from "../../runtime/abi.ts";
import { toNumbers } from "../../runtime/dtype.ts";
import { type HostArray, openSession, Tensor, TfgError } from "../../runtime/index.ts";
import type { Compared, Side, TestAssertion, TestGraph } from "../check/tests.ts";
import type { Graph } from "../index.ts";
import { interpret } from "../interpret.ts";
import { literalOf } from "../ir/dims.ts";
import type { ConstantData, Input, Value } from "../ir/graph.ts";
import type { NdArray } from "../ops/primitive.ts";
import { roundTo } from "../ops/scalar.ts";
import { buildGraph } from "./build.ts";
import { fetching } from "./engine.ts";
import { type Shown, typeText } from "./show.ts";
import { variableValues } from "./weights.ts";

export type TestTarget = "wasm" | "js" | "interpret";

/** What failed, on which targets; empty if the test passes on all of them. */
export async function runTest(test: TestGraph, targets: readonly TestTarget[], seed: number): Promise<Diagnostic[]> {
  const decided = test.assertions.filter(({ holds }) => holds === false);
  const open = test.assertions.filter(({ holds }) => typeof holds === "object");
  const found = new Map<string, { readonly diagnostic: Diagnostic; readonly on: TestTarget[] }>();
  const add = (diagnostic: Diagnostic, target: TestTarget): void => {
    const key = `${diagnostic.primary.span.start} ${diagnostic.message} ${diagnostic.primary.text}`;
    const same = found.get(key);
    if (same) same.on.push(target);
    else found.set(key, { diagnostic, on: [target] });
  };
  const graph = withoutTensorLiterals(test.graph);
  if (open.length > 0)
    for (const target of targets)
      for (const diagnostic of await failuresOn(graph, open, target, seed, test.span)) add(diagnostic, target);
  return [
    ...decided.map((assertion) => failure(assertion, "false when compiling")),
    ...[...found.values()].map(({ diagnostic, on }) =>
      on.length === targets.length ? diagnostic : { ...diagnostic, notes: [`on ${on.join(" and ")}`] },
    ),
  ];
}

function failure({ span, message }: TestAssertion, text: string): Diagnostic {
  return {
    code: "TFG0317",
    severity: "error",
    message: message ?? "this assertion does not hold",
    primary: { span, text },
    related: [],
    notes: [],
    helps: [],
  };
}

interface Fed {
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, NdArray>;
}

/**
 * The graph with its literal tensors as inputs, and their elements. Left as they are, the compiler would fold most of
 * a test to the bool that it asserts, and the kernels would never run.
 */
export function withoutTensorLiterals(graph: Graph): Fed {
  const inputs: Input[] = [...graph.inputs];
  const feeds = new Map<string, NdArray>();
  const values = graph.values.map((value, id): Value => {
    const shape = value.type.shape.map(literalOf);
    const { dtype } = value.type;
    if (value.op !== "constant" || shape.length === 0 || !LITERALS.has(dtype)) return value;
    const name = `literal ${id}`;
    const { data } = value.attributes.data as ConstantData;
    feeds.set(name, { dtype, shape: shape.map(Number), data: Float64Array.from(data, (x) => roundTo(dtype, x)) });
    inputs.push({ name, type: value.type, doc: "", span: value.span });
    return { ...value, op: "input", attributes: { name } };
  });
  return { graph: { ...graph, values, inputs }, feeds };
}

const LITERALS: ReadonlySet<DType> = new Set(["f32", "i32", "u32", "bool"]);

async function failuresOn(
  graph: Fed,
  assertions: readonly TestAssertion[],
  target: TestTarget,
  seed: number,
  whole: Span,
): Promise<Diagnostic[]> {
  try {
    const conditions = await evaluate(graph, assertions.map(outputOf), target, seed);
    const failed = assertions.filter((assertion) => !conditions.get(outputOf(assertion))?.data[0]);
    if (failed.length === 0) return [];
    // The sides are fetched in a run of their own: as outputs they would change what is fused, and so what is tested.
    const sides = failed.flatMap(({ compared }) => (compared ? outputsOf(compared) : []));
    const values = await evaluate(graph, sides, target, seed);
    return failed.map((assertion) =>
      failure(assertion, assertion.compared ? explain(assertion.span, assertion.compared, values) : "false"),
    );
  } catch (error) {
    if (!(error instanceof TfgError)) throw error;
    const { code, text } = error;
    const primary = { span: { ...whole, end: whole.start + "test".length }, text: "the run failed" };
    return [{ code, severity: "error", message: text, primary, related: [], notes: [], helps: [] }];
  }
}

const outputOf = ({ holds }: TestAssertion): string => (typeof holds === "object" ? holds.output : "");

const outputsOf = ({ left, right, apart }: Compared): string[] =>
  [left, right, ...(apart ?? [])].map(({ output }) => output);

async function evaluate(
  whole: Fed,
  fetches: readonly string[],
  target: TestTarget,
  seed: number,
): Promise<ReadonlyMap<string, Shown>> {
  if (fetches.length === 0) return new Map();
  const graph = fetching(whole.graph, fetches);
  const feeds = new Map([...whole.feeds].filter(([name]) => graph.inputs.some((input) => input.name === name)));
  if (target === "interpret") {
    const variables = await variableValues(graph, { seed });
    return interpret(graph, {
      fetches,
      feeds,
      variables: new Map(
        Array.from(variables, ([name, { dtype, shape, data }]) => [
          name,
          { dtype, shape, data: Float64Array.from(data) },
        ]),
      ),
      rounding: "dtype",
      seed,
    });
  }
  const built = await buildGraph(graph, { targets: [target], observe: () => {} });
  const session = await openSession(await built.inProcess(target), { device: target, seed });
  try {
    const results = await session.run(
      fetches,
      Object.fromEntries(Array.from(feeds, ([name, fed]) => [name, { shape: fed.shape, data: hostArray(fed) }])),
    );
    return new Map(fetches.map((name) => [name, shown(results[name], dtypeOf(graph, name))]));
  } finally {
    session[Symbol.dispose]();
  }
}

function hostArray({ dtype, data }: NdArray): HostArray {
  if (dtype === "bool") return Uint8Array.from(data);
  return dtype === "f32" ? Float32Array.from(data) : dtype === "u32" ? Uint32Array.from(data) : Int32Array.from(data);
}

const dtypeOf = (graph: Graph, name: string): DType => {
  const output = graph.outputs.find((known) => known.name === name);
  return (output && graph.values[output.value]?.type.dtype) ?? "f32";
};

function shown(result: number | Tensor | undefined, dtype: DType): Shown {
  if (result instanceof Tensor) return { dtype, shape: result.shape, data: toNumbers(dtype, result.data) };
  return { dtype, shape: [], data: [Number(result)] };
}

// ---- which values made it fail ---------------------------------------------------------------------------

/** How far a pair is from satisfying the comparison; NaN is farthest. */
const MISSED: Readonly<Record<Compared["operator"], (a: number, b: number) => number>> = {
  "==": (a, b) => Math.abs(a - b),
  "!=": () => 0,
  "<": (a, b) => a - b,
  "<=": (a, b) => a - b,
  ">": (a, b) => b - a,
  ">=": (a, b) => b - a,
};

const HOLDS: Readonly<Record<Compared["operator"], (a: number, b: number) => boolean>> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** `0.25 < 1e-6 at [1, 2], where a is 0.75 and b is 0.5; 3 of 12 elements fail` */
function explain(within: Span, compared: Compared, values: ReadonlyMap<string, Shown>): string {
  const left = values.get(compared.left.output);
  const right = values.get(compared.right.output);
  if (!left || !right) return "false";
  const shape = left.shape.length >= right.shape.length ? left.shape : right.shape;
  const joint = shape.map((size, i) => Math.max(size, sizeAt(left, shape, i), sizeAt(right, shape, i)));
  const count = joint.reduce((a, b) => a * b, 1);
  let failing = 0;
  let worst = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const index = indexOf(i, joint);
    const [a, b] = [at(left, index), at(right, index)];
    if (HOLDS[compared.operator](a, b)) continue;
    failing++;
    const missed = MISSED[compared.operator](a, b);
    const weight = Number.isNaN(missed) ? Number.POSITIVE_INFINITY : missed;
    if (worst < 0 || weight > most) {
      worst = i;
      most = weight;
    }
  }
  if (worst < 0) return "false, but true of the same values fetched by themselves";
  const index = indexOf(worst, joint);
  const parts = (compared.apart ?? []).flatMap((side) => {
    const value = values.get(side.output);
    const isLiteral = /^[-\d.e]+$/.test(spanText(side.span));
    return value && !isLiteral ? [`${named(side, within, value)} is ${number(at(value, index), value.dtype)}`] : [];
  });
  const pair = `${number(at(left, index), left.dtype)} ${compared.operator} ${number(at(right, index), right.dtype)}`;
  return [
    `${pair} is false`,
    ...(joint.length > 0 ? [` at [${index.join(", ")}]`] : []),
    ...(parts.length > 0 ? [`, where ${parts.join(" and ")}`] : []),
    ...(joint.length > 0 ? [`; ${failing} of ${count} ${count === 1 ? "element" : "elements"}`] : []),
  ].join("");
}

/** The side as it is written in the assertion, or what it is. */
function named({ span }: Side, within: Span, value: Shown): string {
  const isInside = span.file === within.file && span.start >= within.start && span.end <= within.end;
  const text = isInside ? spanText(span) : "";
  if (text !== "" && text.length <= 40 && !text.includes("\n")) return `\`${text}\``;
  return `the ${typeText(value)}`;
}

const sizeAt = ({ shape: own }: Shown, shape: readonly number[], axis: number): number =>
  own[axis - (shape.length - own.length)] ?? 1;

function indexOf(position: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = position;
  for (const size of shape.toReversed()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

/** Aligned from the right; axes of extent 1 are stretched. */
function at({ shape, data }: Shown, index: readonly number[]): number {
  const own = index.slice(index.length - shape.length);
  const position = shape.reduce((sum, size, i) => sum * size + (size === 1 ? 0 : (own[i] ?? 0)), 0);
  return data[position] ?? Number.NaN;
}

/** As few digits as tell an f32 from its neighbours. */
function number(value: number, dtype: DType): string {
  if (dtype === "bool") return value ? "true" : "false";
  const plain = (x: number): string => (x !== 0 && Math.abs(x) < 1e-4 ? x.toExponential() : String(x));
  if (dtype !== "f32" || !Number.isFinite(value)) return Object.is(value, -0) ? "-0" : plain(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return plain(short);
  }
  return plain(Number(value.toPrecision(9)));
}
