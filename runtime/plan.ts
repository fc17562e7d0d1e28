/** Sizes and addresses: integer expressions over run dims, and what a run of given dims and fetches needs of them. */
import type { DType, Expr, OutputSpec, Program } from "./abi.ts";
import { didYouMean, TfgError } from "./errors.ts";

export function evaluate(expr: Expr, dims: readonly number[], slots: readonly number[]): number {
  if (typeof expr === "number") return expr;
  if (expr.length === 2) return (expr[0] === "d" ? dims : slots)[expr[1]] as number;
  const a = evaluate(expr[1], dims, slots);
  const b = evaluate(expr[2], dims, slots);
  switch (expr[0]) {
    case "+":
      return a + b;
    case "*":
      return a * b;
    case "/":
      return Math.floor(a / b);
    case "max":
      return Math.max(a, b);
    default:
      return Math.min(a, b);
  }
}

/** Calls `visit` with the position of each run dim in an expression, more than once where it occurs so. */
export function eachDim(expr: Expr, visit: (dim: number) => void): void {
  if (typeof expr === "number") return;
  if (expr.length === 3) {
    eachDim(expr[1], visit);
    eachDim(expr[2], visit);
  } else if (expr[0] === "d") visit(expr[1]);
}

/** The outputs of a run, and what follows from their names alone. */
export interface FetchSet {
  readonly names: string;
  readonly outputs: readonly OutputSpec[];
  /** For each step whether it runs. */
  readonly steps: readonly boolean[];
  /** Positions of the needed inputs. */
  readonly inputs: readonly number[];
  readonly inputNames: ReadonlySet<string>;
  /** Positions of the run dims that must be known. */
  readonly dims: readonly number[];
  /** Of the dims met last, the most recent first. */
  readonly plans: Plan[];
}

/** Throws TFG0809 for a name that is no output. */
export function fetchSetOf(program: Program, fetches: string | readonly string[]): FetchSet {
  const names = Array.isArray(fetches) && fetches.length ? [...new Set(fetches)] : [String(fetches)];
  const positions = names.map((name) => {
    const at = program.outputs.findIndex((output) => output.name === name);
    if (at >= 0) return at;
    const known = program.outputs.map((output) => output.name);
    const hint = didYouMean(String(name), known) || `; the outputs are ${known.join(", ")}`;
    throw new TfgError("TFG0809", `unknown fetch "${name}"${hint}`, { graph: program.name, fetch: String(name) });
  });
  const outputs = program.outputs.filter((_, i) => positions.includes(i));
  const steps = program.steps.map((step) => step.for.some((output) => positions.includes(output)));
  const inputs = program.inputs.flatMap((_, i) => (outputs.some((output) => output.inputs.includes(i)) ? i : []));
  const dims = new Set<number>();
  const visit = (expr: Expr): void => eachDim(expr, (dim) => void dims.add(dim));
  for (const output of outputs) output.shape.forEach(visit);
  for (const i of inputs) program.inputs[i]?.shape.forEach(visit);
  for (const [i, step] of program.steps.entries()) if (steps[i]) step.args.forEach(visit);
  return {
    names: names.join(", "),
    outputs,
    steps,
    inputs,
    inputNames: new Set(program.inputs.flatMap(({ name }, i) => (inputs.includes(i) ? name : []))),
    dims: [...dims],
    plans: [],
  };
}

/** Where everything lies for one tuple of dims; positions count words. */
export interface Plan {
  readonly dims: readonly number[];
  /** What the kernels read: for each step a flag and its arguments. */
  readonly block: Int32Array;
  /** Bytes of memory. */
  readonly bytes: number;
  /** In the order of `FetchSet.inputs`. */
  readonly inputs: readonly number[];
  /** In the order of `FetchSet.outputs`. */
  readonly outputs: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly at: number;
    readonly count: number;
    readonly shape: readonly number[];
  }[];
}

/** The line of `model.tfg:2:20`. */
const lineOf = (at: string): string | undefined => /:(\d+)(:\d+)?$/.exec(at)?.[1];

/** Throws TFG0802 for a `where` that does not hold. A dim that is 0 is one that nothing of this run depends on. */
function checkDims(program: Program, set: FetchSet, dims: readonly number[]): void {
  for (const { kind, difference, by, text, at } of program.checks) {
    const names = new Map<string, number>();
    const note = (dim: number) => names.set(String(program.dims[dim]), Number(dims[dim]));
    eachDim(difference, note);
    if (by !== undefined) eachDim(by, note);
    if ([...names.values()].includes(0)) continue;
    const value = evaluate(difference, dims, []);
    const holds =
      kind === "equal" ? value === 0 : kind === "atLeast" ? value >= 0 : value % evaluate(by ?? 1, dims, []) === 0;
    if (holds) continue;
    const values = Array.from(names, ([name, size]) => `${name} is ${size}`).join(", ");
    const advice =
      kind === "atLeast" && text.includes("<") ? " — split the batch, or raise the bound and recompile" : "";
    const where = { graph: program.name, fetch: set.names };
    throw new TfgError("TFG0802", `where ${text} (line ${lineOf(at)}): ${values}${advice}`, where);
  }
}

const hasDims = (plan: Plan | undefined, dims: readonly number[]): boolean => {
  if (plan) for (let i = 0; i < dims.length; i++) if (plan.dims[i] !== dims[i]) return false;
  return plan !== undefined;
};

/** The plan for `dims`, checked and made when they are met first. */
export function planOf(program: Program, set: FetchSet, dims: readonly number[]): Plan {
  const { plans } = set;
  const [latest] = plans;
  if (latest && hasDims(latest, dims)) return latest;
  const known = plans.findIndex((plan) => hasDims(plan, dims));
  const plan = (known > 0 && plans.splice(known, 1)[0]) || makePlan(program, set, dims);
  plans.unshift(plan);
  plans.length = Math.min(plans.length, 8);
  return plan;
}

function makePlan(program: Program, set: FetchSet, given: readonly number[]): Plan {
  checkDims(program, set, given);
  const dims = given.map((dim) => dim || 1);
  const slots: number[] = [];
  let end = program.arenaAt;
  for (const size of program.slots) {
    slots.push(end);
    end += Math.ceil(evaluate(size, dims, slots) / 64) * 64;
  }
  const of = (expr: Expr): number => evaluate(expr, dims, slots);
  return {
    dims: [...given],
    block: Int32Array.from(program.steps.flatMap((step, i) => [Number(set.steps[i]), ...step.args.map(of)])),
    bytes: end + 64,
    inputs: set.inputs.map((i) => of(program.inputs[i]?.address ?? 0) / 4),
    outputs: set.outputs.map(({ name, dtype, shape: exprs, address }) => {
      const shape = Object.freeze(exprs.map(of));
      return { name, dtype, shape, at: of(address) / 4, count: shape.reduce((a, b) => a * b, 1) };
    }),
  };
}
