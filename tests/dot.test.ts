/** `--emit=dot` and `--emit=dot-kernels`: what is written is the language of Graphviz, and shows the graph. */
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import type { Graph } from "../compiler/ir/graph.ts";
import { runPasses } from "../compiler/pipeline.ts";
import { printDot, printKernelDot } from "../compiler/report/dot.ts";
import { library } from "../compiler/std/sources.ts";
import { randomGraph } from "./passes/random-graph.ts";
import { tfgc } from "./command-line.ts";

const test = suite("dot");

interface Picture {
  readonly nodes: ReadonlyMap<string, string>;
  readonly clusters: readonly string[];
  readonly edges: readonly (readonly [string, string])[];
}

/** Reads the statements that we write; throws for anything else. */
function parse(text: string): Picture {
  const lines = text.trimEnd().split("\n");
  const nodes = new Map<string, string>();
  const clusters = new Map<string, string>();
  const edges: [string, string][] = [];
  let depth = 0;
  const label = /"((?:[^"\\\n]|\\["\\n])*)"/.source;
  const attributes = /((?:, \w+=(?:\w+|"[^"]*"))*)/.source;
  lines.forEach((line, i) => {
    const node = new RegExp(`^ +(\\w+) \\[label=${label}${attributes}\\]$`).exec(line);
    const edge = /^ {2}(\w+) -> (\w+)(?: \[style=dashed[^\]]*\])?$/.exec(line);
    const cluster = /^ +subgraph (cluster_\w+) \{$/.exec(line);
    const head = new RegExp(`^ +label=${label};( \\w+=(\\w+|"[^"]*");?)+$`).exec(line);
    if (i === 0) assert.match(line, new RegExp(`^digraph ${label} \\{$`));
    else if (/^ {2}(node|edge) \[/.test(line)) return;
    else if (edge) edges.push([edge[1] ?? "", edge[2] ?? ""]);
    else if (cluster) {
      assert.not.ok(clusters.has(cluster[1] ?? ""), `two clusters ${cluster[1]}`);
      clusters.set(cluster[1] ?? "", "");
      depth++;
    } else if (head) clusters.set([...clusters.keys()].at(-1) ?? "", head[1] ?? "");
    else if (node) {
      assert.not.ok(nodes.has(node[1] ?? ""), `two nodes ${node[1]}`);
      nodes.set(node[1] ?? "", node[2] ?? "");
    } else if (/^ *\}$/.test(line)) depth--;
    else throw new Error(`not understood: ${line}`);
  });
  assert.is(depth, -1, "braces are not balanced");
  for (const end of edges.flat()) assert.ok(nodes.has(end), `an edge has the unknown end ${end}`);
  return { nodes, clusters: [...clusters.values()], edges };
}

/** The nodes from which one can be reached. */
function sources({ edges }: Picture, to: string): Set<string> {
  const found = new Set([to]);
  for (const name of found) for (const [from, end] of edges) if (end === name) found.add(from);
  return found;
}

const kernelDot = (graph: Graph): string => printKernelDot(runPasses(graph, { verify: true }).kernels);

function graphOf(source: string): Graph {
  const [graph] = checkProgram({ path: "model.tfg", read: () => source, library }).graphs;
  if (!graph) throw new Error("no graph");
  return graph;
}

test("library calls are clusters, in each other as they are called", () => {
  const picture = parse(
    printDot(
      runPasses(
        graphOf("graph g[N] {\n  input x: f32[N, 4]\n  h = x |> dense(3, act=relu)\n  output y = h * 2.0\n}\n"),
        { verify: true },
      ).graph,
    ),
  );
  assert.equal(picture.clusters, ["dense", "relu"]);
  for (const leaf of ["x\\nf32[N, 4]", "dense/kernel\\nf32[4, 3]", "dense/bias\\nf32[3]"])
    assert.ok([...picture.nodes.values()].includes(leaf), leaf);
  assert.ok([...picture.nodes.values()].includes("h\\nmaximum(0, ·)\\nf32[N, 3]"));
  assert.is(picture.edges.length, 7);
});

test("kernels are clusters with the values they compute; copies and derived kernels are marked", () => {
  const picture = parse(
    kernelDot(
      graphOf(`graph g[N] {
        input x: f32[N, 8, 8, 1]
        param v: f32[4] = ones
        output y = x |> conv2d(filters=4, kernel_size=3, padding="same") |> flatten |> softmax
        output z = sqrt(abs(v) + 1.0) * sum(x)
      }`),
    ),
  );
  const labels = [...picture.nodes.values()];
  assert.ok(labels.includes("pad\\nx_padded"));
  assert.ok(picture.clusters.some((label) => label.endsWith(", when a variable changes")));
  assert.ok(picture.clusters.includes("softmax"));
  const o0 = sources(picture, "o0");
  const copy = [...picture.nodes].find(([, label]) => label.startsWith("pad"))?.[0] ?? "";
  assert.ok(o0.has(copy), "the convolution reads the padded copy");
});

test("names with quotes and backslashes stay inside of their labels", () => {
  const graph = graphOf('graph g {\n  @name("a\\"b\\\\c") param w: f32[2] = ones\n  output y = w * 2.0\n}\n');
  assert.ok([...parse(printDot(graph)).nodes.values()].some((label) => label.startsWith('a\\"b\\\\c')));
});

test("200 random graphs: every output is connected with the inputs it is computed from", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { graph, kernels } = runPasses(randomGraph(seed), { verify: true });
    for (const [text, argsOf] of [
      [printDot(graph), (id: number) => graph.values[id]?.args ?? []],
      [printKernelDot(kernels), (id: number) => neededBy(graph, id)],
    ] as const) {
      const picture = parse(text);
      graph.outputs.forEach((output, i) => {
        const shown = new Set(
          [...sources(picture, `o${i}`)].flatMap((node) => {
            const value = graph.values[Number(/^v(\d+)$/.exec(node)?.[1] ?? -1)];
            return value?.op === "input" || value?.op === "variable" ? [String(value.attributes.name)] : [];
          }),
        );
        assert.equal(
          [...shown].sort(),
          [...leavesOf(graph, output.value, argsOf)].sort(),
          `seed ${seed}, output ${output.name}\n${text}`,
        );
      });
    }
  }
});

function leavesOf(graph: Graph, root: number, argsOf: (id: number) => readonly number[]): Set<string> {
  const leaves = new Set<string>();
  const seen = new Set([root]);
  for (const id of seen) {
    const value = graph.values[id];
    if (value?.op === "input" || value?.op === "variable") leaves.add(String(value.attributes.name));
    for (const arg of argsOf(id)) seen.add(arg);
  }
  return leaves;
}

/** What kernels need for a value: of a loop the one result, be it a carry with its next value or a stack, and the test. */
function neededBy(graph: Graph, id: number): readonly number[] {
  const value = graph.values[id];
  const isPart = value?.op === "part";
  const loop = isPart ? graph.values[value.args[0] ?? -1] : value;
  if (loop?.op === "loop") {
    const carries = Number(loop.attributes.carries);
    const index = isPart ? Number(value.attributes.index) : 0;
    const test = loop.attributes.bounded === true ? loop.args.slice(-1) : [];
    const own = index < carries ? [index, carries + index] : [carries + index];
    return [...own.flatMap((at) => loop.args[at] ?? []), ...test];
  }
  if (value?.op === "carry") {
    const around = graph.values.find(
      ({ op, attributes }) => op === "loop" && attributes.loop === value.attributes.loop,
    );
    const at = around?.args.indexOf(id) ?? -1;
    const next = around?.args[Number(around.attributes.carries) + at];
    return [...value.args, ...(next === undefined ? [] : [next])];
  }
  return value?.args ?? [];
}

test("the command prints both, the same every time", async () => {
  const path = join(import.meta.dirname, "../samples/mnist/mnist.tfg");
  for (const stage of ["dot", "dot-kernels"]) {
    const printed: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { code, out } = await tfgc(path, `--emit=${stage}`);
      assert.is(code, 0);
      printed.push(out);
    }
    assert.is(printed[0], printed[1]);
    parse(printed[0] ?? "");
  }
});

test.run();
