import { fileURLToPath } from "node:url";
import { cruise, type IConfiguration, type ICruiseResult } from "dependency-cruiser";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const layers = suite("layers");
const file = new URL("../.dependency-cruiser.mjs", import.meta.url).href;
const { default: config }: { default: Required<Pick<IConfiguration, "forbidden" | "options">> } = await import(file);

async function check(baseDir: string, folders: string[]): Promise<ICruiseResult> {
  const { output } = await cruise(folders, {
    ...config.options,
    baseDir,
    validate: true,
    ruleSet: { forbidden: config.forbidden },
  });
  assert.type(output, "object");
  return output as ICruiseResult;
}

const describe = (result: ICruiseResult): string[] =>
  result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);

layers("every module imports only from the layers before its own", async () => {
  const result = await check(fileURLToPath(new URL("..", import.meta.url)), ["runtime", "grammar", "compiler"]);
  const sources = result.modules.filter(({ source }) => /^(runtime|grammar|compiler)\/.*\.ts$/.test(source));
  assert.ok(sources.length >= 9, `only ${sources.length} modules were read`);
  const graph = sources.find(({ source }) => source === "compiler/ir/graph.ts");
  assert.ok(graph && graph.dependencies.length >= 3, "imports of types are not seen");
  assert.equal(describe(result), []);
});

layers("an import against the order is found", async () => {
  const result = await check(fileURLToPath(new URL("layers/planted", import.meta.url)), ["compiler"]);
  assert.equal(describe(result), ["layer-ir: compiler/ir/upward.ts -> compiler/tile/template.ts"]);
});

layers.run();
