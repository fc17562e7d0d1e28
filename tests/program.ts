/** Programs as text, run by the interpreter. */
import { checkProgram } from "../compiler/check/index.ts";
import { render } from "../compiler/diagnostics/render.ts";
import { type Interpreted, type InterpretOptions, interpretRun } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { verifyGraph } from "../compiler/ir/verify.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { library } from "../compiler/std/sources.ts";
import { TfgError } from "../runtime/errors.ts";
import { initialValues } from "./initial-values.ts";

/** The graph of a program without errors. */
export function graphOf(text: string, settings: Readonly<Record<string, string>> = {}): Graph {
  const read = (path: string): string | undefined => (path === "program.tfg" ? text : undefined);
  const { graphs, diagnostics } = checkProgram({
    path: "program.tfg",
    read,
    library,
    set: new Map(Object.entries(settings)),
  });
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const [graph] = graphs;
  if (errors.length > 0 || !graph) throw new Error(errors.map((error) => render(error)).join("\n"));
  verifyGraph(graph);
  return graph;
}

/** Codes of the errors of a program, with the text under their primary labels. */
export function errorsOf(text: string): string[] {
  const read = (path: string): string | undefined => (path === "program.tfg" ? text : undefined);
  return checkProgram({ path: "program.tfg", read, library })
    .diagnostics.filter(({ severity }) => severity === "error")
    .map(({ code, primary: { span } }) => `${code} ${span.file.text.slice(span.start, span.end)}`);
}

export type Nested = number | boolean | readonly Nested[];

export function arrayOf(dtype: NdArray["dtype"], nested: Nested): NdArray {
  const shape: number[] = [];
  for (let at = nested; Array.isArray(at); at = at[0]) shape.push(at.length);
  const flat = (value: Nested): number[] => (Array.isArray(value) ? value.flatMap(flat) : [Number(value)]);
  return { dtype, shape, data: Float64Array.from(flat(nested)) };
}

/** Variables that live on from run to run, as in a session. */
export class Interpreter {
  readonly graph: Graph;
  readonly variables: Map<string, NdArray>;
  readonly seed: number;
  readonly rounding: "float64" | "dtype";
  runs = 0;

  constructor(graph: Graph, seed = 0, rounding: "float64" | "dtype" = "float64") {
    this.graph = graph;
    this.seed = seed;
    this.rounding = rounding;
    this.variables = new Map(graph.variables.map((variable) => [variable.name, initialValues(variable)]));
  }

  run(fetches: readonly string[], feeds: Readonly<Record<string, Nested>> = {}): Interpreted["results"] {
    const options: InterpretOptions = {
      fetches,
      feeds: new Map(
        Object.entries(feeds).map(([name, nested]) => {
          const dtype = this.graph.inputs.find((input) => input.name === name)?.type.dtype ?? "f32";
          return [name, arrayOf(dtype, nested)];
        }),
      ),
      variables: this.variables,
      seed: this.seed,
      run: this.runs,
      rounding: this.rounding,
    };
    const { results, updates } = interpretRun(this.graph, options);
    for (const [name, value] of updates) this.variables.set(name, value);
    this.runs++;
    return results;
  }

  /** Of one fetch, row-major. */
  numbers(fetch: string, feeds: Readonly<Record<string, Nested>> = {}): number[] {
    return [...(this.run([fetch], feeds).get(fetch)?.data ?? [])];
  }

  variable(name: string): number[] {
    return [...(this.variables.get(name)?.data ?? [])];
  }
}

export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof TfgError ? error.code : String(error);
  }
  return "none";
}
