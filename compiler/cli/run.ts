/** `tfgc run FILE.tfg`: compiles with just the fetched nodes as outputs, runs once, prints or writes the results. */
import type { DType } from "../../runtime/abi.ts";
import { openSession, readWeights, type SessionOptions, Tensor, TfgError } from "../../runtime/index.ts";
import { toNumbers } from "../../runtime/dtype.ts";
import { interpret } from "../interpret.ts";
import type { Graph } from "../ir/graph.ts";
import { fetchNames, rootsOf } from "../ir/needs.ts";
import { buildGraph } from "./build.ts";
import { checkSource, chooseGraph, fetching, namesOf } from "./engine.ts";
import { writeOutput } from "./files.ts";
import { resultsAsJson, resultsAsText, type Shown } from "./show.ts";
import { Progress, type Terminal } from "./terminal.ts";
import { didYouMean, type Options, UsageError } from "./usage.ts";
import { type Fed, feedNumbers, readFeeds, resultsAsFile, variableValues } from "./weights.ts";

export async function runCommand(path: string, options: Options, terminal: Terminal): Promise<number> {
  const target = options.choice("target", ["wasm", "js", "interpret"]);
  const seed = options.integer("seed", 0);
  const set = options.settings("set");
  const fetches = [...new Set(options.list("fetch"))];
  if (options.text("fetch") !== undefined && fetches.length === 0) throw new UsageError("--fetch names no node");
  const graphName = options.text("graph");
  const progress = new Progress(terminal);

  const checked = await checkSource(path, { set, nodes: fetches }, terminal);
  if (checked === undefined) return 1;
  const whole = chooseGraph(checked, graphName);
  if (fetches.length === 0)
    throw new UsageError(`say what to fetch: --fetch a,b; \`${whole.name}\` has ${namesOf(whole).join(", ")}`);
  const graph = fetching(whole, fetches);

  const weights = options.text("weights");
  const sessionOptions: SessionOptions = {
    seed,
    ...(weights === undefined ? {} : { weights }),
    onProgress: ({ what, done, total, phase }) => progress.show(`${phase} ${what}`, done, total),
  };
  const feedsPath = options.text("feeds");
  const feeds = feedsPath === undefined ? new Map<string, Fed>() : await readFeeds(await readWeights(feedsPath), graph);
  refuseSuperfluous(feeds, graph, whole);
  const job = { graph, fetches, feeds, options: sessionOptions, progress };
  const running = target === "interpret" ? runInterpreter(job) : runKernels(job, target);
  const results = await running.finally(() => progress.end());

  const out = options.text("out");
  if (out !== undefined) await writeOutput(out, new Uint8Array(await resultsAsFile(results).arrayBuffer()));
  if (options.isSet("json")) terminal.out(resultsAsJson(results));
  else if (out === undefined) terminal.out(resultsAsText(results));
  return 0;
}

interface Job {
  /** With the fetches as its outputs and steps. */
  readonly graph: Graph;
  readonly fetches: readonly string[];
  readonly feeds: ReadonlyMap<string, Fed>;
  readonly options: SessionOptions;
  readonly progress: Progress;
}

async function runKernels(job: Job, device: "wasm" | "js"): Promise<Map<string, Shown>> {
  const { graph, fetches, feeds, options, progress } = job;
  const built = await buildGraph(graph, {
    targets: [device],
    observe: (stage) => progress.show(`compiling: ${stage}`),
  });
  const session = await openSession(await built.inProcess(device), { ...options, device });
  progress.announce("running");
  const results = await session.run(fetches, Object.fromEntries(feeds));
  return new Map(graph.outputs.map(({ name }) => [name, shownResult(results[name], dtypeOf(graph, name))]));
}

const dtypeOf = (graph: Graph, name: string): DType => {
  const output = graph.outputs.find((known) => known.name === name);
  return (output && graph.values[output.value]?.type.dtype) ?? "f32";
};

function shownResult(result: number | Tensor | undefined, dtype: DType): Shown {
  if (result instanceof Tensor) return { dtype, shape: result.shape, data: toNumbers(dtype, result.data) };
  return { dtype, shape: [], data: [Number(result)] };
}

async function runInterpreter({ graph, fetches, feeds, options, progress }: Job): Promise<Map<string, Shown>> {
  const variables = await variableValues(graph, options);
  progress.announce("interpreting");
  const array = ({ dtype, shape, data }: Shown) => ({ dtype, shape, data: Float64Array.from(data) });
  const results = interpret(graph, {
    fetches,
    feeds: new Map(
      Array.from(feeds, ([name, fed]) => {
        const dtype = graph.inputs.find((input) => input.name === name)?.type.dtype ?? "f32";
        return [name, { dtype, shape: fed.shape, data: feedNumbers(fed, dtype) }];
      }),
    ),
    variables: new Map(Array.from(variables, ([name, value]) => [name, array(value)])),
    seed: options.seed ?? 0,
  });
  return results;
}

/** Throws TFG0804 for a feed that is no input, or one of which no output depends. */
function refuseSuperfluous(feeds: ReadonlyMap<string, Fed>, graph: Graph, whole: Graph): void {
  const needed = neededInputs(graph);
  const fetched = fetchNames(graph).join(", ");
  for (const name of feeds.keys()) {
    if (needed.has(name)) continue;
    const isInput = whole.inputs.some((input) => input.name === name);
    const hint = didYouMean(name, needed) || `; ${fetched} needs ${[...needed].join(", ") || "none"}`;
    throw new TfgError("TFG0804", `feed "${name}" is ${isInput ? `not needed by ${fetched}` : `no input${hint}`}`);
  }
}

/** Names of the inputs that the fetches depend on. */
function neededInputs(graph: Graph): Set<string> {
  const needed = new Set<string>();
  const seen = new Set<number>();
  const visit = [...rootsOf(graph)];
  for (let id = visit.pop(); id !== undefined; id = visit.pop()) {
    const value = graph.values[id];
    if (!value || seen.has(id)) continue;
    seen.add(id);
    if (value.op === "input" && typeof value.attributes.name === "string") needed.add(value.attributes.name);
    visit.push(...value.args);
  }
  return needed;
}
