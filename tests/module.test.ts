import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Graph } from "../compiler/ir/graph.ts";
import { docComment, literal } from "../compiler/targets/literal.ts";
import { type ModuleGraph, printModule } from "../compiler/targets/module.ts";
import { includeRuntime } from "../compiler/targets/standalone.ts";
import { sourceFile } from "../grammar/source.ts";
import type { Program } from "../runtime/abi.ts";

const folder = mkdtempSync(join(resolve(import.meta.dirname, ".."), "out-module-"));
const modules = suite("generated modules");
modules.after(() => rmSync(folder, { recursive: true }));

const span = { file: sourceFile("m.tfg", ""), start: 0, end: 0 };

/** A graph `name` that gives the constant 5, in JavaScript only. */
function graphNamed(name: string, doc = ""): ModuleGraph {
  const program: Program = {
    abi: 1,
    name,
    source: "m.tfg:1",
    dims: [],
    checks: [],
    inputs: [],
    outputs: [{ name: "five", dtype: "f32", shape: [], type: "f32", address: 128, inputs: [], variables: [] }],
    variables: [],
    assertions: [],
    actions: [],
    updates: [],
    random: [],
    constants: "AACgQA==",
    constantsAt: 128,
    arenaAt: 192,
    slots: [],
    deriveBlock: 64,
    stepsBlock: 64,
    derive: [],
    steps: [],
  };
  const graph: Graph = {
    name,
    doc,
    span,
    dims: [],
    checks: [],
    steps: [],
    updates: [],
    assertions: [],
    inputs: [],
    variables: [],
    outputs: [{ name: "five", value: 0, doc: "Always 5.", span }],
    values: [],
    calls: [],
  };
  return { graph, program, kernels: { js: () => "() => ({ run() {}, derive() {} })" } };
}

interface Opened {
  createSession(): Promise<{ run(fetch: string): Promise<{ five: number }> }>;
  signature: { name: string };
}
let written = 0;

async function load(...names: string[]): Promise<Readonly<Record<string, Opened> & Opened>> {
  const { code } = await printModule(
    names.map((name) => graphNamed(name)),
    { compiler: "tfgc test", source: "m.tfg", form: "ts" },
  );
  const file = join(folder, `m${written++}.ts`);
  writeFileSync(file, code.replace('"tfgc/runtime"', '"../runtime/index.ts"'));
  return import(file);
}

const five = async (graph: Opened | undefined): Promise<number | undefined> =>
  (await (await graph?.createSession())?.run("five"))?.five;

modules("one graph is exported by its name and at top level", async () => {
  const module = await load("lenet");
  assert.equal(Object.keys(module).sort(), ["createSession", "lenet", "signature"]);
  assert.is(await five(module), 5);
  assert.is(await five(module.lenet), 5);
});

modules("several graphs are exported by their names alone", async () => {
  const module = await load("a", "b");
  assert.equal(Object.keys(module).sort(), ["a", "b"]);
  assert.is(module.b?.signature.name, "b");
  assert.is(await five(module.a), 5);
});

modules("no name of a graph clashes with a word of the language, the module's own names or the runtime's", async () => {
  const names = [
    "class",
    "default",
    "Promise",
    "Session",
    "Feeds",
    "openSession",
    "program",
    "code",
    "await",
    "Compiled",
    "createSession",
    "signature",
    "undefined",
  ];
  const all = await load(...names);
  for (const name of names) assert.is(await five(all[name]), 5, name);
  for (const name of names) {
    const module = await load(name);
    assert.is(await five(name === "createSession" || name === "signature" ? module : module[name]), 5, name);
  }
});

modules("documentation cannot end its comment", () => {
  assert.is(docComment(["a */ b"]), "/** a *\\/ b */\n");
  assert.is(docComment(["", "a", "", "b", ""], "  "), "  /**\n   * a\n   *\n   * b\n   */\n");
});

modules("numbers read back as themselves", () => {
  const values = [0, -0, 1e-45, 1e300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.1];
  const back: unknown = new Function(`return ${literal(values)}`)();
  assert.ok(Array.isArray(back) && back.every((value, i) => Object.is(value, values[i])));
});

modules("any property name and any text read back as themselves", () => {
  const value = { "conv2d/kernel": 1, __proto__x: 2, "a b": "</script>\u2028'\"\\", ok: [] };
  assert.equal(new Function(`return ${literal(value)}`)(), value);
  assert.not.match(literal(value), "</script");
});

// ---- the included runtime --------------------------------------------------------------------------------

const included = (texts: Record<string, string>, ...names: string[]): string =>
  includeRuntime({ texts: new Map(Object.entries(texts)), entry: "index.ts" }, names);

modules("the runtime is included in the order of its imports, only what is asked for", () => {
  const text = included(
    {
      "index.ts": 'export { a } from "./a.ts";\nexport { c } from "./c.ts";\n',
      "a.ts": 'import { b, type B } from "./b.ts";\n\nexport const a: B = b;\n',
      "b.ts": "export type B = number;\nexport const b = 1;\n",
      "c.ts": "export const c = 1;\n",
    },
    "a",
  );
  assert.is(text, "type B = number;\nconst b = 1;\n\nconst a: B = b;");
});

modules("what the runtime imports while it runs is included too", () => {
  const text = included(
    {
      "index.ts": 'export const load = async () => (await import("./late.ts")).late();\n',
      "late.ts": "export interface Late {}\nexport function late() {}\n",
    },
    "load",
  );
  assert.is(
    text,
    "interface Late {}\nfunction late() {}\n\nconst load = async () => (await Promise.resolve({ late })).late();",
  );
});

const refused: readonly (readonly [what: string, texts: Record<string, string>, says: string])[] = [
  [
    "two files that declare one name",
    {
      "index.ts": 'import { a } from "./a.ts";\nconst b = a;\nexport const x = b;\n',
      "a.ts": "const b = 1;\nexport const a = b;\n",
    },
    "both declare b",
  ],
  [
    "a renamed import",
    { "index.ts": 'import { a as b } from "./a.ts";\nexport const x = b;\n', "a.ts": "export const a = 1;\n" },
    "renames",
  ],
  [
    "an import of everything",
    { "index.ts": 'import * as a from "./a.ts";\nexport const x = a;\n', "a.ts": "export const a = 1;\n" },
    "cannot include",
  ],
  ["an import from elsewhere", { "index.ts": 'import { a } from "fs";\nexport const x = a;\n' }, "cannot include"],
  ["a default export", { "index.ts": "export const x = 1;\nexport default x;\n" }, "cannot include"],
  ["a name that is not exported", { "index.ts": "export const y = 1;\n" }, "does not export x"],
];
for (const [what, texts, says] of refused)
  modules(`a runtime that could change its meaning is refused: ${what}`, () => {
    assert.throws(
      () => included(texts, "x"),
      (error: Error) => error.message.includes(says),
    );
  });

modules.run();
