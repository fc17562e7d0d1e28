/**
 * Programs that carry their own promises, in `tests/cases/**`, run by the interpreter and on every target:
 *
 *     //! set      CLASSES=3                     a config
 *     //! input    x = [[1, 2, 3]]               JSON, nested as the shape
 *     //! variable dense/kernel = [[1], [2]]     others are initialised with seed 0
 *     //! output   y ≈ [[0.09, 0.24, 0.67]]      `=` is exact, `≈` is within 1e-4
 *     //! kernels  1                             calls in the plan: fusion is promised, code is not pinned
 *     //! error    TFG0301 at "w"                the code, and the text under its primary label
 *     //! error    TFG0201 at "rleu" help "relu"  and the first way out
 *     //! warning  TFG0904 at "1 / 2"            likewise; in `lints/` there are no others
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { render } from "../compiler/diagnostics/render.ts";
import { interpret } from "../compiler/interpret.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { needsOf } from "../compiler/ir/needs.ts";
import type { NdArray } from "../compiler/ops/primitive.ts";
import { printKernels } from "../compiler/passes/print-kernels.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { library } from "../compiler/std/sources.ts";
import { spanText } from "../grammar/source.ts";
import { initialValues } from "./initial-values.ts";
import { openTargets } from "./oracle/targets.ts";

const folder = join(import.meta.dirname, "cases");
const test = suite("cases");

interface Told {
  readonly code: string;
  readonly text: string;
  /** The first way out, if the case promises one. */
  readonly help?: string;
}

interface Promises {
  readonly settings: Map<string, string>;
  readonly inputs: Map<string, unknown>;
  readonly variables: Map<string, unknown>;
  readonly outputs: { readonly name: string; readonly isExact: boolean; readonly value: unknown }[];
  kernels?: number;
  readonly errors: Told[];
  readonly warnings: Told[];
}

function promisesOf(text: string): Promises {
  const promises: Promises = {
    settings: new Map(),
    inputs: new Map(),
    variables: new Map(),
    outputs: [],
    errors: [],
    warnings: [],
  };
  for (const [, kind, rest = ""] of text.matchAll(/^\/\/! *(\w+) +(.*)$/gm)) {
    const [, name = "", sign, json = ""] = /^(\S+) *([=≈]) *(.*)$/.exec(rest) ?? [];
    if (kind === "set") promises.settings.set(...(rest.split("=") as [string, string]));
    else if (kind === "input") promises.inputs.set(name, JSON.parse(json));
    else if (kind === "variable") promises.variables.set(name, JSON.parse(json));
    else if (kind === "output") promises.outputs.push({ name, isExact: sign === "=", value: JSON.parse(json) });
    else if (kind === "kernels") promises.kernels = Number(rest);
    else if (kind === "error" || kind === "warning") {
      const [, code = "", at = '""', help] =
        /^(TFG\d{4}) at ("(?:[^"\\]|\\.)*")(?: help ("(?:[^"\\]|\\.)*"))?$/.exec(rest) ?? [];
      promises[`${kind}s`].push({ code, text: JSON.parse(at), ...(help ? { help: JSON.parse(help) } : {}) });
    } else throw new Error(`no promise is called ${kind}`);
  }
  return promises;
}

function arrayOf(dtype: NdArray["dtype"], nested: unknown): NdArray {
  const shape: number[] = [];
  for (let at = nested; Array.isArray(at); at = at[0]) shape.push(at.length);
  const flat = [nested].flat(Number.POSITIVE_INFINITY) as (number | boolean)[];
  return { dtype, shape, data: Float64Array.from(flat, Number) };
}

async function hold(graph: Graph, promises: Promises): Promise<void> {
  const feeds = new Map(
    graph.inputs.flatMap(({ name, type }): [string, NdArray][] => {
      const given = promises.inputs.get(name);
      return given === undefined ? [] : [[name, arrayOf(type.dtype, given)]];
    }),
  );
  const variables = new Map(
    graph.variables.map((variable): [string, NdArray] => {
      const given = promises.variables.get(variable.name);
      return [variable.name, given === undefined ? initialValues(variable) : arrayOf(variable.dtype, given)];
    }),
  );
  const targets = await openTargets(graph, variables);
  const runs: [string, (name: string) => Promise<NdArray | undefined>][] = [
    [
      "interpreter",
      async (name) => interpret(graph, { feeds, variables, fetches: [name], rounding: "dtype" }).get(name),
    ],
    ...[...targets].map(([target, opened]): [string, (name: string) => Promise<NdArray | undefined>] => [
      target,
      async (name) => {
        const output = graph.outputs.find((other) => other.name === name);
        const needed = needsOf(graph, output ? [output.value] : []).inputs;
        return (await opened.run(new Map([...feeds].filter(([input]) => needed.has(input))), [name])).get(name);
      },
    ]),
  ];
  for (const { name, isExact, value } of promises.outputs)
    for (const [target, run] of runs) {
      const got = await run(name);
      const want = arrayOf("f32", value);
      assert.equal(got?.shape, want.shape, `${target}: shape of ${name}`);
      want.data.forEach((x, i) => {
        const y = got?.data[i] ?? Number.NaN;
        assert.ok(
          isExact ? x === y : Math.abs(x - y) <= 1e-4 * Math.max(1, Math.abs(x)),
          `${target}: ${name}[${i}] is ${y} instead of ${x}`,
        );
      });
    }
}

for (const file of globSync("**/*.tfg", { cwd: folder }).sort()) {
  test(`${file} keeps its promises`, async () => {
    const text = readFileSync(join(folder, file), "utf8");
    const promises = promisesOf(text);
    const { outputs, errors: wrong, warnings: doubtful } = promises;
    assert.ok(outputs.length + wrong.length + doubtful.length > 0, "a case promises something");
    const read = (path: string): string | undefined => (path === file ? text : undefined);
    const { graphs, diagnostics } = checkProgram({ path: file, read, library, set: promises.settings });
    const said = diagnostics.map((diagnostic) => render(diagnostic)).join("\n");
    const told = (severity: "error" | "warning", promised: readonly Told[]): Told[] =>
      diagnostics
        .filter((diagnostic) => diagnostic.severity === severity)
        .map(({ code, primary, helps }, i) => ({
          code,
          text: spanText(primary.span),
          ...(promised[i]?.help === undefined ? {} : { help: helps[0]?.text ?? "" }),
        }));
    const errors = told("error", wrong);
    assert.equal(errors, wrong, said);
    if (file.startsWith("lints/") || doubtful.length > 0) assert.equal(told("warning", doubtful), doubtful, said);
    if (errors.length > 0) return;
    for (const graph of graphs) {
      await hold(graph, promises);
      const { kernels } = runPasses(graph, { verify: true });
      if (promises.kernels !== undefined) assert.is(kernels.steps.length, promises.kernels, printKernels(kernels));
    }
  });
}

test.run();
