/** One program: checked, compiled in an order of passes, and run on every target beside the interpreter. */
import { checkProgram } from "../../compiler/check/index.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { interpretRun } from "../../compiler/interpret.ts";
import type { Graph } from "../../compiler/ir/graph.ts";
import { evaluateDim, mulDims } from "../../compiler/ir/dims.ts";
import { fetchNames, needsOfFetch } from "../../compiler/ir/needs.ts";
import { verifyGraph } from "../../compiler/ir/verify.ts";
import type { NdArray } from "../../compiler/ops/primitive.ts";
import { type Planned, runPasses } from "../../compiler/pipeline.ts";
import { workOf } from "../../compiler/report/measure.ts";
import { library } from "../../compiler/std/sources.ts";
import { TfgError } from "../../runtime/index.ts";
import { initialValues } from "../initial-values.ts";
import { Random } from "./block.ts";
import { feedsOf, nudged } from "./feeds.ts";
import { planIn, randomOrder } from "./orders.ts";
import type { Written } from "./program.ts";
import { openAll } from "./sessions.ts";

export interface Verdict {
  readonly kind: "agrees" | "rejected" | "not built" | "failed";
  /** What is wrong: messages of the checker, a difference, or an exception. */
  readonly why: string;
  /** In one word, so that a smaller program can be told to fail alike. */
  readonly sign: string;
  readonly elements: number;
  /** Elements and refusals that depend on less than an ulp or two of the feeds, by what they are. */
  readonly undecided: readonly string[];
  readonly runs: number;
  readonly refused: number;
  /** Runs that were left out, as the interpreter would take seconds for them. */
  readonly large: number;
}

/** Of the largest element of a result. */
const TOLERANCE = 2e-5;
const NUDGES = 12;
/** FLOPs of a run: a tenth of a second for the interpreter. */
const MOST_WORK = 1e6;

type Source = Pick<Written, "text" | "second" | "settings" | "sizes" | "seed">;

class Difference extends Error {
  readonly sign: string;
  constructor(sign: string, message: string) {
    super(message);
    this.sign = sign;
  }
}

export async function judge(source: Source): Promise<Verdict> {
  const counts = { elements: 0, runs: 0, refused: 0, large: 0 };
  const undecided: string[] = [];
  const ended = (kind: Verdict["kind"], sign = "", why = ""): Verdict => ({ kind, sign, why, undecided, ...counts });
  try {
    const read = (path: string): string | undefined =>
      path === "program.tfg" ? source.text : path === "second.tfg" ? source.second : undefined;
    const { graphs, diagnostics } = checkProgram({ path: "program.tfg", read, library, set: source.settings });
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    const said = errors.map((error) => render(error)).join("\n");
    const [first] = errors;
    if (first)
      return ended(errors.every(({ code }) => code === "TFG0106") ? "not built" : "rejected", first.code, said);
    const [graph] = graphs;
    if (!graph) return ended("failed", "no graph", "no error and no graph");
    verifyGraph(graph);
    await compare(source, graph, counts, undecided);
    return ended("agrees");
  } catch (error) {
    if (error instanceof Difference) return ended("failed", error.sign, error.message);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return ended("failed", text.split("\n")[0] ?? "", text);
  }
}

async function compare(
  source: Source,
  graph: Graph,
  counts: { elements: number; runs: number; refused: number; large: number },
  undecided: string[],
): Promise<void> {
  const { seed, sizes } = source;
  const random = new Random(seed ^ 0x5eed);
  const order = random.chance(0.5) ? randomOrder(random) : undefined;
  const planned = order ? planIn(order, graph) : runPasses(graph, { verify: true });
  const passes = order ? `passes ${order.join(", ") || "none"}` : "all passes";
  let variables: Map<string, NdArray> = new Map(graph.variables.map((own) => [own.name, initialValues(own)]));
  const sessions = await openAll(planned, variables, seed);
  const names = fetchNames(graph);
  const some = (): string[] => {
    const chosen = names.filter(() => random.chance(0.5));
    return chosen.length > 0 ? chosen : names.slice(0, 1);
  };
  // Steps that write one variable are refused together: a few runs of that are enough.
  const steps = new Set(graph.steps.map(({ name }) => name));
  const outputs = names.filter((name) => !steps.has(name));
  const plan = sizes.flatMap((dims, i): { dims: typeof dims; fetches: string[] }[] => [
    { dims, fetches: i === 0 ? [...outputs, ...[...steps].slice(0, 1)] : some() },
    ...(steps.size > 0 ? [{ dims, fetches: some() }] : []),
  ]);
  let done = 0;
  try {
    for (const [i, { dims, fetches }] of plan.entries()) {
      if (fetches.length === 0) continue;
      if (workAt(planned.kernels, dims) > MOST_WORK) {
        counts.large++;
        continue;
      }
      counts.runs++;
      const all = feedsOf(graph, dims, seed + i);
      const expected = interpreted(graph, { feeds: all, variables, fetches, seed, run: done });
      if (expected.refused) counts.refused++;
      for (const session of sessions) {
        const needed = new Set(fetches.flatMap((name) => [...needsOfFetch(planned.graph, name).inputs]));
        const feeds = new Map([...all].filter(([name]) => needed.has(name)));
        const where = `seed ${seed}, ${passes}, ${session.target}, run ${i} of ${fetches.join(", ")} with ${JSON.stringify(dims)}`;
        const got = await session.run(feeds, fetches);
        if (got.refused !== expected.refused)
          throw new Difference(
            `refused ${session.target}`,
            `${where}: "${got.refused}" instead of "${expected.refused}"`,
          );
        const held = new Map([...(await session.variables())].map(([name, array]) => [`variable ${name}`, array]));
        const wanted = new Map([
          ...expected.results,
          ...[...new Map([...variables, ...expected.updates])]
            .filter(([name]) => held.has(`variable ${name}`))
            .map(([name, array]): [string, NdArray] => [`variable ${name}`, array]),
        ]);
        let again: readonly ReadonlyMap<string, NdArray>[] | undefined;
        for (const [name, want] of wanted) {
          const have = got.results.get(name) ?? held.get(name);
          if (
            !have ||
            have.data.length !== want.data.length ||
            (!name.startsWith("variable") && `${have.shape}` !== `${want.shape}`)
          )
            throw new Difference(
              `shape ${session.target}`,
              `${where}: ${name} is [${have?.shape}] instead of [${want.shape}]`,
            );
          const scale = largest(want);
          for (const [k, x] of want.data.entries()) {
            counts.elements++;
            const y = have.data[k] ?? Number.NaN;
            if (isNear(x, y, want, scale)) continue;
            again ??= spread(graph, { feeds: all, variables, fetches, seed, run: done });
            const values = again.map((other) => other.get(name)?.data[k] ?? Number.NaN);
            if (!isWithin(x, y, values, want, scale))
              throw new Difference(
                `values ${session.target}`,
                `${where}: ${name}[${k}] is ${y} instead of ${x}; with feeds moved by an ulp ${values.slice(0, 4).join(", ")}`,
              );
            undecided.push(`${session.target} ${name}[${k}] ${y} for ${x}`);
          }
        }
      }
      if (!expected.refused) {
        done++;
        // All go on from the same values: what was left undecided would otherwise be told again.
        variables = new Map([...variables, ...expected.updates]);
        if (expected.updates.size > 0) await Promise.all(sessions.map((session) => session.set(variables)));
      }
    }
  } finally {
    for (const session of sessions) session.close();
  }
}

/** FLOPs of all kernels, each once; a counter of a loop stands for a few turns. */
function workAt({ steps, kernels, buffers }: Planned["kernels"], dims: Readonly<Record<string, number>>): number {
  let flops = 0;
  for (const call of steps) {
    const kernel = kernels[call.kernel];
    if (!kernel) continue;
    const operands = call.operands.map((buffer) => ({ buffer, elements: mulDims(...(buffers[buffer]?.dims ?? [])) }));
    flops += evaluateDim(workOf(kernel, operands).flops, (name) => dims[name] ?? 8);
  }
  return flops;
}

interface Run {
  readonly feeds: ReadonlyMap<string, NdArray>;
  readonly variables: ReadonlyMap<string, NdArray>;
  readonly fetches: readonly string[];
  readonly seed: number;
  readonly run: number;
}

function interpreted(graph: Graph, options: Run, rounding: "float64" | "dtype" = "dtype") {
  try {
    return { ...interpretRun(graph, { ...options, rounding }), refused: "" };
  } catch (error) {
    if (!(error instanceof TfgError)) throw error;
    return { results: new Map<string, NdArray>(), updates: new Map<string, NdArray>(), refused: error.code };
  }
}

/** The results where every float of the feeds is moved by about an ulp, and where nothing is rounded. */
function spread(graph: Graph, options: Run): readonly ReadonlyMap<string, NdArray>[] {
  const named = ({ results, updates }: ReturnType<typeof interpreted>): ReadonlyMap<string, NdArray> =>
    new Map([...results, ...[...updates].map(([name, array]): [string, NdArray] => [`variable ${name}`, array])]);
  const moved = Array.from({ length: NUDGES }, (_, i) =>
    named(
      interpreted(
        graph,
        { ...options, feeds: nudged(options.feeds, i + 1), variables: nudged(options.variables, i + 101) },
        i % 2 === 0 ? "float64" : "dtype",
      ),
    ),
  );
  return [named(interpreted(graph, options, "float64")), ...moved];
}

const largest = ({ data }: NdArray): number =>
  data.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0.05);

function isNear(x: number, y: number, { dtype }: NdArray, scale: number): boolean {
  if (Object.is(x, y) || x === y) return true;
  if (dtype === "f16") return Math.abs(x - y) <= Math.max(2 ** -10 * Math.abs(x), TOLERANCE * scale, 2 ** -24);
  if (dtype === "bf16") return Math.abs(x - y) <= Math.max(2 ** -7 * Math.abs(x), TOLERANCE * scale);
  return dtype === "f32" && Math.abs(x - y) <= TOLERANCE * scale;
}

/**
 * Whether a result that differs is one that the feeds do not decide: moved by an ulp they give results as far from the
 * interpreter's as this one. What is smooth and merely steep has to lie within a few times their spread.
 */
function isWithin(x: number, y: number, values: readonly number[], { dtype }: NdArray, scale: number): boolean {
  if (values.some((value) => Object.is(value, y) || value === y)) return true;
  if (dtype !== "f32" && dtype !== "f16" && dtype !== "bf16") {
    // An integer made of a float that is not decided may be any between.
    const [least, most] = [Math.min(x, ...values), Math.max(x, ...values)];
    return least < most && y >= least - 1 && y <= most + 1;
  }
  const finite = values.filter(Number.isFinite);
  if (!Number.isFinite(y)) return finite.length < values.length;
  const wide = Math.max(...finite.map((value) => Math.abs(value - x)), 0);
  return (
    values.some((value) => isNear(value, y, { dtype, shape: [], data: new Float64Array() }, scale)) ||
    Math.abs(y - x) <= 4 * wide
  );
}
