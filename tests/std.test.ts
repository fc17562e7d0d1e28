/** The library's own tests on every target, and that each of its functions is documented, tested and in the reference. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pages } from "../build/reference.ts";
import { checkProgram } from "../compiler/check/index.ts";
import { partsOf, statementsWithin, within } from "../compiler/check/walk.ts";
import { runTest } from "../compiler/cli/run-test.ts";
import { render } from "../compiler/diagnostics/render.ts";
import { library } from "../compiler/std/sources.ts";
import { parse } from "../grammar/read.ts";
import { sourceFile } from "../grammar/source.ts";

const std = suite("the standard library");

let count = 0;
for (const [name, text] of library) {
  if (!/^test\b/m.test(text)) continue;
  std(`${name} passes its tests on wasm, js and interpreter`, async () => {
    const path = `${name}.tfg`;
    const read = (other: string): string | undefined => (other === path ? text : undefined);
    const { tests, diagnostics } = checkProgram({ path, read, library, tests: true });
    assert.equal(diagnostics.map((diagnostic) => render(diagnostic)).join("\n"), "");
    assert.is(tests.length, text.match(/^test "/gm)?.length);
    const failures: string[] = [];
    for (const each of tests)
      for (const failure of await runTest(each, ["wasm", "js", "interpret"], 0))
        failures.push(`${each.name}\n${render(failure)}`);
    assert.is(failures.length, 0, failures.join("\n"));
    count += tests.length;
  });
}
std("there are as many tests as the library is large", () => {
  console.log(`${count} tests of the library ran`);
  assert.ok(count >= 60, `${count} tests`);
});

const trees = new Map([...library].map(([name, text]) => [name, parse(sourceFile(`${name}.tfg`, text)).tree]));
const functions = [...trees].flatMap(([module, { declarations }]) =>
  declarations.flatMap((declaration) =>
    declaration.kind === "function" && !declaration.name.text.startsWith("_") ? [{ module, declaration }] : [],
  ),
);

std("every function and optimiser says what it is", () => {
  const silent = [...trees].flatMap(([module, { declarations }]) =>
    declarations.flatMap((declaration) =>
      (declaration.kind === "function" || declaration.kind === "optimizer") &&
      !declaration.name.text.startsWith("_") &&
      declaration.doc === ""
        ? [`${module}: ${declaration.name.text}`]
        : [],
    ),
  );
  assert.equal(silent, []);
});

/** What a test block cannot show yet, and which file of tests shows it. */
const TESTED_ELSEWHERE: ReadonlyMap<string, string> = new Map([["attention_with_cache", "std-oracle.test.ts"]]);

std("every function is called by a test of its own file", () => {
  const called = new Map(
    [...trees].map(([module, { declarations }]) => {
      const names = new Set<string>();
      for (const declaration of declarations)
        if (declaration.kind === "test")
          for (const statement of statementsWithin(declaration.body))
            for (const root of partsOf(statement).expressions)
              for (const expression of within(root)) if (expression.kind === "name") names.add(expression.name);
      return [module, names];
    }),
  );
  const untested = functions
    .filter(({ module, declaration }) => !called.get(module)?.has(declaration.name.text))
    .map(({ declaration }) => declaration.name.text);
  assert.equal(untested, [...TESTED_ELSEWHERE.keys()]);
});

std("std/nn exports what belongs to it, and every name is found without an import but those of std/signal", () => {
  const parts = ["activations", "losses", "metrics", "init", "conv", "pooling", "image", "attention", "rnn", "nn"];
  const ofParts = functions.filter(({ module }) => parts.includes(module.replace("std/", "")));
  const imports = ofParts.map(({ declaration }) => declaration.name.text).join(", ");
  assert.ok(ofParts.length > 120, `${ofParts.length} functions`);
  const found = (path: string, text: string): string[] =>
    checkProgram({ path, read: (other) => (other === path ? text : undefined), library })
      .diagnostics.filter(({ severity }) => severity === "error")
      .map(({ code, message }) => `${code} ${message}`);
  assert.equal(found("a.tfg", `import { ${imports} } from "std/nn"\ngraph g { output y = relu(1.0) }`), []);
  for (const { module, declaration } of functions) {
    const text = `def pass(f: fn) -> f32 = 1.0\ngraph g { output y = pass(${declaration.name.text}) }`;
    const messages = found("b.tfg", text);
    if (module === "std/signal") assert.match(messages[0] ?? "", /^TFG0201/);
    else assert.equal(messages, [], declaration.name.text);
  }
});

std("attention goes without biases where that is asked for", () => {
  const text = `graph g {
  input x: f32[2, 3, 4]
  output a = attention(x, 2, use_bias=false)
  output m = masked_attention(x, tensor(b in 2, t in 3: t <= b), 2, use_bias=false)
  output c = cross_attention(x, 2.0 * x, 2, use_bias=false)
  output k = attention_with_cache(x, 0, 2, 5, use_bias=false)
}`;
  const { graphs } = checkProgram({ path: "g.tfg", read: () => text, library });
  const trained = graphs.flatMap(({ variables }) => variables.filter(({ trainable }) => trainable));
  assert.equal(
    trained.map(({ name }) => name),
    [
      ...["attention", "masked_attention"].flatMap((name) => [`${name}/qkv/kernel`, `${name}/proj/kernel`]),
      ...["query", "key", "value", "proj"].map((part) => `cross_attention/${part}/kernel`),
      ...["qkv", "proj"].map((part) => `attention_with_cache/${part}/kernel`),
    ],
  );
});

std("the reference in docs/std is that of the sources: npm run generate", () => {
  const folder = join(import.meta.dirname, "..", "docs", "std");
  const made = pages();
  assert.equal(readdirSync(folder).sort(), [...made.keys()].sort());
  for (const [name, text] of made) assert.is(readFileSync(join(folder, name), "utf8"), text, name);
});

std("the reference shows an example of every function that a test calls", () => {
  const all = [...pages().values()].join("\n");
  const bare = functions
    .map(({ declaration }) => declaration.name.text)
    .filter((name) => {
      const [, section = ""] = all.split(new RegExp(`^### ${name}$`, "m"));
      return (section.split(/^##/m)[0]?.match(/```tfg/g) ?? []).length < 2;
    });
  assert.equal(bare, [...TESTED_ELSEWHERE.keys()]);
});

std.run();
