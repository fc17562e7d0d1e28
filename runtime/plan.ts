/** Sizes and addresses: integer expressions over run dims, and what a run of given dims and fetches needs of them. */
import type { CallSpec, DType, Expr, OutputSpec, Program, StepSpec } from "./abi.ts";
import { didYouMean, TfgError } from "./errors.ts";

/** `others` are what is not a run dim: slots, or in an assertion the values of variables. */
export function evaluate(expr: Expr, dims: readonly number[], others: ArrayLike<number>): number {
  if (typeof expr === "number") return expr;
  if (expr.length === 2) return (expr[0] === "d" ? dims : others)[expr[1]] as number;
  const a = evaluate(expr[1], dims, others);
  const b = evaluate(expr[2], dims, others);
  switch (expr[0]) {
    case "+":
      return a + b;
    case "*":
      return a * b;
    case "/":
      return b ? Math.floor(a / b) : 0;
    case "max":
      return Math.max(a, b);
    case "min":
      return Math.min(a, b);
    case "==":
      return Number(a === b);
    case "<":
      return Number(a < b);
    default:
      return Number(a <= b);
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

/** Visits what a block holds words for, in their order. */
function eachStep(steps: readonly StepSpec[], visit: (step: StepSpec) => void): void {
  for (const step of steps) {
    visit(step);
    if ("kernel" in step) continue;
    if ("test" in step) eachStep(step.test, visit);
    eachStep(step.body, visit);
  }
}

/** The words of a step behind its flag. */
const blockWordsOf = (step: StepSpec): readonly Expr[] =>
  "kernel" in step
    ? step.args.filter(
        (arg): arg is Exclude<CallSpec["args"][number], readonly ["t", number]> =>
          typeof arg === "number" || arg[0] !== "t",
      )
    : "test" in step
      ? [step.times, ...(step.condition === undefined ? [] : [step.condition])]
      : [step.branch];

/** The fetches of a run, and what follows from their names alone. */
export interface FetchSet {
  readonly names: string;
  readonly outputs: readonly OutputSpec[];
  /** Whether a step, an update or an assertion takes part. */
  isFor(part: { readonly for: readonly number[] }): boolean;
  /** Positions of the variables that get a new value. */
  readonly updated: readonly number[];
  /** Positions of the needed inputs. */
  readonly inputs: readonly number[];
  readonly inputNames: ReadonlySet<string>;
  /** Positions of the run dims that must be known. */
  readonly dims: readonly number[];
  /** Of the dims met last, the most recent first. */
  readonly plans: Plan[];
}

/** Throws TFG0809 for a name that cannot be fetched, TFG0807 for two steps that write one variable. */
export function fetchSetOf(program: Program, fetches: string | readonly string[]): FetchSet {
  const all = [...program.outputs, ...program.actions];
  const names = Array.isArray(fetches) ? [...new Set(fetches)] : [String(fetches)];
  if (!names.length)
    throw new TfgError("TFG0809", `nothing is fetched; there are ${all.map(({ name }) => name).join(", ")}`, {
      graph: program.name,
    });
  const positions = names.map((name) => {
    const at = all.findIndex((one) => one.name === name);
    if (at >= 0) return at;
    const known = all.map((one) => one.name);
    const hint = didYouMean(String(name), known) || `; there are ${known.join(", ")}`;
    throw new TfgError("TFG0809", `unknown fetch "${name}"${hint}`, { graph: program.name, fetch: String(name) });
  });
  const isFor = (part: { readonly for: readonly number[] }): boolean => part.for.some((at) => positions.includes(at));
  const updates = program.updates.filter(isFor);
  for (const [i, { variable, for: own }] of updates.entries()) {
    const other = updates.slice(i + 1).find((update) => update.variable === variable);
    if (!other) continue;
    const [a, b] = [own, other.for].map((list) => all[list.find((at) => positions.includes(at)) ?? -1]?.name);
    const text = `"${a}" and "${b}" both update ${program.variables[variable]?.name}: fetch them in two runs`;
    throw new TfgError("TFG0807", text, { graph: program.name, fetch: names.join(", ") });
  }
  const outputs = program.outputs.filter((_, i) => positions.includes(i));
  const fetched = all.filter((_, i) => positions.includes(i));
  const inputs = program.inputs.flatMap((_, i) => (fetched.some((one) => one.inputs.includes(i)) ? i : []));
  const dims = new Set<number>();
  const visit = (expr: Expr): void => eachDim(expr, (dim) => void dims.add(dim));
  eachStep(program.steps, (step) => {
    if (isFor(step)) blockWordsOf(step).forEach(visit);
  });
  // A dim of inputs that are all not needed is one of how buffers lie, for readers that do not run: any will do.
  const told = new Set<number>();
  for (const input of program.inputs) for (const expr of input.shape) eachDim(expr, (dim) => void told.add(dim));
  for (const dim of told) dims.delete(dim);
  for (const output of outputs) output.shape.forEach(visit);
  for (const i of inputs) program.inputs[i]?.shape.forEach(visit);
  for (const assertion of program.assertions) if (isFor(assertion)) visit(assertion.condition);
  return {
    names: names.join(", "),
    outputs,
    isFor,
    updated: updates.map((update) => update.variable),
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
  /** In the order of `Program.random`. */
  readonly random: readonly number[];
  /** In the order of `FetchSet.outputs`. */
  readonly outputs: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly at: number;
    readonly count: number;
    readonly shape: readonly number[];
  }[];
}

/** `line 2` for `model.tfg:2:20`, and `line 2 of nn.tfg` for what another file than the graph's own says. */
function placeOf(at: string, { source }: Program): string {
  const [file, line] = at.split(":");
  return source.split(":")[0] === file ? `line ${line}` : `line ${line} of ${file}`;
}

/** Throws TFG0802 for a `where` that does not hold. A dim that is 0 is one that nothing of this run depends on. */
function checkDims(program: Program, set: FetchSet, dims: readonly number[]): void {
  for (const { kind, difference, by, text, message, at } of program.checks) {
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
    const where = { at, graph: program.name, fetch: set.names };
    const said = message === undefined ? "" : `${message}: `;
    throw new TfgError("TFG0802", `${said}where ${text} (${placeOf(at, program)}): ${values}${advice}`, where);
  }
}

/** Throws TFG0812 for an assertion that does not hold. `valueOf` gives what a variable of rank 0 holds now. */
export function checkAssertions(
  program: Program,
  set: FetchSet,
  dims: readonly number[],
  valueOf: (variable: number) => number,
): void {
  for (const assertion of program.assertions) {
    if (!set.isFor(assertion)) continue;
    const values = new Map<string, number>();
    const known: number[] = [];
    const note = (expr: Expr): void => {
      if (typeof expr === "number") return;
      const [op, at, right] = expr;
      if (op === "d") values.set(String(program.dims[at]), Number(dims[at]));
      else if (op === "v") {
        known[at] = valueOf(at);
        values.set(String(program.variables[at]?.name), known[at]);
      } else if (right !== undefined) {
        note(at as Expr);
        note(right);
      }
    };
    note(assertion.condition);
    if (evaluate(assertion.condition, dims, known)) continue;
    const { message, text, at } = assertion;
    const said = message === text ? "" : `${message}: `;
    const shown = Array.from(values, ([name, value]) => `${name} is ${value}`).join(", ");
    const where = { at, graph: program.name, fetch: set.names };
    throw new TfgError("TFG0812", `${said}assert ${text} (${placeOf(at, program)})${shown && `: ${shown}`}`, where);
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
  const block: number[] = [];
  eachStep(program.steps, (step) => block.push(Number(set.isFor(step)), ...blockWordsOf(step).map(of)));
  return {
    dims: [...given],
    block: Int32Array.from(block),
    bytes: end + 64,
    random: program.random.map(({ address }) => of(address) / 4),
    inputs: set.inputs.map((i) => of(program.inputs[i]?.address ?? 0) / 4),
    outputs: set.outputs.map(({ name, dtype, shape: exprs, address }) => {
      const shape = Object.freeze(exprs.map(of));
      return { name, dtype, shape, at: of(address) / 4, count: shape.reduce((a, b) => a * b, 1) };
    }),
  };
}
