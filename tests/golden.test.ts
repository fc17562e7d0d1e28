/**
 * Every stage of the samples as text, in `golden/<sample>/`: a change of what the compiler makes shows in review.
 * `UPDATE_GOLDEN=1` rewrites them; CI never does.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkProgram } from "../compiler/check/index.ts";
import { compileGraph } from "../compiler/index.ts";
import { printGraph } from "../compiler/ir/print.ts";
import { printKernels } from "../compiler/passes/print-kernels.ts";
import { library } from "../compiler/std/sources.ts";
import { printSyntax } from "../grammar/print.ts";
import { parse } from "../grammar/read.ts";
import { sourceFile } from "../grammar/source.ts";

const test = suite("golden");
const root = join(import.meta.dirname, "..");
const isUpdating = process.env.UPDATE_GOLDEN === "1" && process.env.CI !== "true";

async function stagesOf(path: string, withCode: boolean): Promise<Map<string, string>> {
  const text = readFileSync(join(root, path), "utf8");
  const stages = new Map([["syntax", printSyntax(parse(sourceFile(path, text)).tree)]]);
  const { graphs, diagnostics } = checkProgram({ path, read: () => text, library });
  // Of a `train` line the rest of the graph is what compiles.
  assert.equal(
    diagnostics.filter(({ code }) => code !== "TFG0106"),
    [],
  );
  for (const graph of graphs) {
    const compiled = await compileGraph(graph, { targets: { wasm: false, js: true }, verify: true });
    const prefix = graphs.length === 1 ? "" : `${graph.name}.`;
    stages.set(`${prefix}graph`, printGraph(graph));
    stages.set(`${prefix}kernels`, printKernels(compiled.planned.kernels, compiled.planned.memory));
    if (!withCode) continue;
    stages.set(`${prefix}wat`, compiled.code.wat.fma);
    stages.set(`${prefix}js`, compiled.code.js ?? "");
  }
  return stages;
}

for (const [name, path, withCode] of [
  // Kernel code of the small one only: of a whole network nobody reads the difference.
  ["mnist", "samples/mnist/mnist.tfg", false],
  ["session", "samples/session/session.tfg", true],
] as const)
  test(`the stages of ${name} are those of its golden files`, async () => {
    const folder = join(import.meta.dirname, "golden", name);
    for (const [stage, printed] of await stagesOf(path, withCode)) {
      // Where the library's functions stand in its files moves with every line that is added there.
      const text = printed.replace(/(std\/\w+\.tfg):\d+(:\d+)?/g, "$1");
      const file = join(folder, `${name}.${stage}`);
      if (isUpdating) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(file, text);
      }
      assert.ok(existsSync(file), `${file} is missing: UPDATE_GOLDEN=1 node tests/golden.test.ts`);
      const isSame = readFileSync(file, "utf8") === text;
      assert.ok(
        isSame,
        `${file} differs: see what changed with UPDATE_GOLDEN=1 node tests/golden.test.ts and git diff`,
      );
    }
  });

test("what is printed is the same every time", async () => {
  const once = await stagesOf("samples/mnist/mnist.tfg", true);
  const again = await stagesOf("samples/mnist/mnist.tfg", true);
  for (const [stage, text] of once) assert.is(again.get(stage), text, stage);
});

test.run();
